"""weightbench: a benchmark of example weighting.

Public names load on first use, so that ``import weightbench`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from weightbench._version import __version__

_HOMES = {
    "alignment": ("alignment_way",),
    "data.augmentation": ("CropFlip",),
    "data.cache": ("cached_file",),
    "check": ("check_task", "check_weighter"),
    "data.corruption": (
        "BackgroundFlip",
        "Corrupted",
        "Corruption",
        "Imbalance",
        "Unchanged",
        "UniformFlip",
        "describe",
    ),
    "data.dataset": ("DataSet",),
    "data.images": ("image_set",),
    "errors": ("BadData", "BadSpec", "BadWeights", "HiddenData", "WeightbenchError"),
    "training.batch": ("normalize",),
    "training.recipe": ("Recipe",),
    "registry": ("register_suite",),
    "training.run": ("Batch", "Run"),
    "training.trainer": ("Trainer", "start"),
    "spec": ("Spec", "parse"),
    "training.task": ("PerClass", "Task", "Total", "make_task", "register_task"),
    "training.weighter": (
        "Weighter",
        "Wrapper",
        "make_weighter",
        "register_weighter",
        "register_wrapper",
    ),
}
_HOME_OF = {name: room for room, names in _HOMES.items() for name in names}

__all__ = [
    "BackgroundFlip",
    "BadData",
    "BadSpec",
    "BadWeights",
    "Batch",
    "Corrupted",
    "Corruption",
    "CropFlip",
    "DataSet",
    "HiddenData",
    "Imbalance",
    "PerClass",
    "Recipe",
    "Run",
    "Spec",
    "Task",
    "Total",
    "Trainer",
    "Unchanged",
    "UniformFlip",
    "WeightbenchError",
    "Weighter",
    "Wrapper",
    "__version__",
    "alignment_way",
    "cached_file",
    "check_task",
    "check_weighter",
    "describe",
    "image_set",
    "make_task",
    "make_weighter",
    "normalize",
    "parse",
    "register_suite",
    "register_task",
    "register_weighter",
    "register_wrapper",
    "start",
]

if TYPE_CHECKING:
    from weightbench.alignment import alignment_way
    from weightbench.check import check_task, check_weighter
    from weightbench.data.augmentation import CropFlip
    from weightbench.data.cache import cached_file
    from weightbench.data.corruption import (
        BackgroundFlip,
        Corrupted,
        Corruption,
        Imbalance,
        Unchanged,
        UniformFlip,
        describe,
    )
    from weightbench.data.dataset import DataSet
    from weightbench.data.images import image_set
    from weightbench.errors import BadData, BadSpec, BadWeights, HiddenData, WeightbenchError
    from weightbench.registry import register_suite
    from weightbench.spec import Spec, parse
    from weightbench.training.batch import normalize
    from weightbench.training.recipe import Recipe
    from weightbench.training.run import Batch, Run
    from weightbench.training.task import PerClass, Task, Total, make_task, register_task
    from weightbench.training.trainer import Trainer, start
    from weightbench.training.weighter import (
        Weighter,
        Wrapper,
        make_weighter,
        register_weighter,
        register_wrapper,
    )


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
