"""weightbench: a benchmark of example weighting.

Public names load on first use, so that ``import weightbench`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from weightbench._version import __version__

_HOMES = {
    "advice.advising": ("advise",),
    "advice.answer": ("Advice",),
    "advice.classifier": ("WeightedClassifier",),
    "advice.evaluation": ("evaluate",),
    "advice.results": ("load_records",),
    "alignment": ("Aligned", "align", "alignment_way"),
    "alignment.reweighter": ("Reweighter",),
    "alignment.weights": ("normalize",),
    "data.augmentation": ("CropFlip",),
    "data.cache": ("cached_arrays", "cached_file"),
    "check": ("check_task", "check_weighter"),
    "data.corruption": (
        "BackgroundFlip",
        "Corrupted",
        "Corruption",
        "Imbalance",
        "NoCorruption",
        "UniformFlip",
        "describe",
    ),
    "data.class_flips": ("ClassFlip", "GroupFlip", "PairFlip"),
    "data.dataset": ("DataSet",),
    "data.input_noise": ("MarginFlip", "PartDependentFlip"),
    "data.long_tail": ("LongTail", "NoisyLongTail"),
    "data.images": ("image_set",),
    "data.open_set": ("OpenSet",),
    "data.packages": ("packaged_file",),
    "training.recipe": ("Recipe",),
    "registry": ("register_suite",),
    "training.run": ("Batch", "Run"),
    "training.start": ("start",),
    "training.trainer": ("Trainer",),
    "spec": ("Spec", "parse_spec"),
    "training.splits": ("HoldoutPerClass", "HoldoutPerGroup", "HoldoutTotal"),
    "training.task": ("Task", "make_task", "register_task"),
    "training.weighter": (
        "Weighter",
        "Wrapper",
        "make_weighter",
        "register_weighter",
        "register_wrapper",
    ),
}
# Names that go with the next release, and what takes their place.
_FORMER = {
    "PerClass": ("training.splits", "HoldoutPerClass"),
    "Total": ("training.splits", "HoldoutTotal"),
    "Unchanged": ("data.corruption", "NoCorruption"),
    "parse": ("spec", "parse_spec"),
    **{
        name: ("errors", name)
        for name in ("BadData", "BadSpec", "BadWeights", "HiddenData", "WeightbenchError")
    },
}
_HOME_OF = {name: room for room, names in _HOMES.items() for name in names}

__all__ = [
    "Advice",
    "Aligned",
    "BackgroundFlip",
    "Batch",
    "ClassFlip",
    "Corrupted",
    "Corruption",
    "CropFlip",
    "DataSet",
    "GroupFlip",
    "HoldoutPerClass",
    "HoldoutPerGroup",
    "HoldoutTotal",
    "Imbalance",
    "LongTail",
    "MarginFlip",
    "NoCorruption",
    "NoisyLongTail",
    "OpenSet",
    "PairFlip",
    "PartDependentFlip",
    "Recipe",
    "Reweighter",
    "Run",
    "Spec",
    "Task",
    "Trainer",
    "UniformFlip",
    "WeightedClassifier",
    "Weighter",
    "Wrapper",
    "__version__",
    "advise",
    "align",
    "alignment_way",
    "cached_arrays",
    "cached_file",
    "check_task",
    "check_weighter",
    "describe",
    "errors",
    "evaluate",
    "image_set",
    "load_records",
    "make_task",
    "make_weighter",
    "normalize",
    "packaged_file",
    "parse_spec",
    "register_suite",
    "register_task",
    "register_weighter",
    "register_wrapper",
    "start",
]

if TYPE_CHECKING:
    from weightbench import errors
    from weightbench.advice.advising import advise
    from weightbench.advice.answer import Advice
    from weightbench.advice.classifier import WeightedClassifier
    from weightbench.advice.evaluation import evaluate
    from weightbench.advice.results import load_records
    from weightbench.alignment import Aligned, align, alignment_way
    from weightbench.alignment.reweighter import Reweighter
    from weightbench.alignment.weights import normalize
    from weightbench.check import check_task, check_weighter
    from weightbench.data.augmentation import CropFlip
    from weightbench.data.cache import cached_arrays, cached_file
    from weightbench.data.class_flips import ClassFlip, GroupFlip, PairFlip
    from weightbench.data.corruption import (
        BackgroundFlip,
        Corrupted,
        Corruption,
        Imbalance,
        NoCorruption,
        UniformFlip,
        describe,
    )
    from weightbench.data.dataset import DataSet
    from weightbench.data.images import image_set
    from weightbench.data.input_noise import MarginFlip, PartDependentFlip
    from weightbench.data.long_tail import LongTail, NoisyLongTail
    from weightbench.data.open_set import OpenSet
    from weightbench.data.packages import packaged_file
    from weightbench.registry import register_suite
    from weightbench.spec import Spec, parse_spec
    from weightbench.training.recipe import Recipe
    from weightbench.training.run import Batch, Run
    from weightbench.training.splits import HoldoutPerClass, HoldoutPerGroup, HoldoutTotal
    from weightbench.training.start import start
    from weightbench.training.task import Task, make_task, register_task
    from weightbench.training.trainer import Trainer
    from weightbench.training.weighter import (
        Weighter,
        Wrapper,
        make_weighter,
        register_weighter,
        register_wrapper,
    )


def __getattr__(name: str) -> Any:
    if name == "errors":
        return importlib.import_module(f"{__name__}.errors")
    if name in _FORMER:
        from weightbench._deprecated import renamed

        room, now = _FORMER[name]
        place = f"{__name__}.errors" if room == "errors" else __name__
        return renamed(f"{__name__}.{name}", f"{place}.{now}", f"{__name__}.{room}", now)
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
