"""weightbench: a benchmark of example weighting.

Public names load on first use, so that ``import weightbench`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "alignment": ("alignment_way",),
    "augmentation": ("CropFlip",),
    "cache": ("cached_file",),
    "check": ("check_task", "check_weighter"),
    "corruption": (
        "BackgroundFlip",
        "Corrupted",
        "Corruption",
        "Imbalance",
        "Unchanged",
        "UniformFlip",
    ),
    "data": ("DataSet",),
    "images": ("image_set",),
    "errors": ("BadData", "BadSpec", "BadWeights", "HiddenData", "WeightbenchError"),
    "batch": ("Batch", "normalize"),
    "recipe": ("Recipe",),
    "registry": ("register_suite",),
    "run": ("Run",),
    "spec": ("Spec", "parse"),
    "task": ("PerClass", "Task", "Total", "make_task", "register_task"),
    "weighter": ("Weighter", "Wrapper", "make_weighter", "register_weighter", "register_wrapper"),
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
    "image_set",
    "make_task",
    "make_weighter",
    "normalize",
    "parse",
    "register_suite",
    "register_task",
    "register_weighter",
    "register_wrapper",
]

if TYPE_CHECKING:
    from weightbench.alignment import alignment_way
    from weightbench.augmentation import CropFlip
    from weightbench.batch import Batch, normalize
    from weightbench.cache import cached_file
    from weightbench.check import check_task, check_weighter
    from weightbench.corruption import (
        BackgroundFlip,
        Corrupted,
        Corruption,
        Imbalance,
        Unchanged,
        UniformFlip,
    )
    from weightbench.data import DataSet
    from weightbench.errors import BadData, BadSpec, BadWeights, HiddenData, WeightbenchError
    from weightbench.images import image_set
    from weightbench.recipe import Recipe
    from weightbench.registry import register_suite
    from weightbench.run import Run
    from weightbench.spec import Spec, parse
    from weightbench.task import PerClass, Task, Total, make_task, register_task
    from weightbench.weighter import (
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
