"""A task: data set x corruption x clean hold-out x model x recipe, under one versioned name."""

from __future__ import annotations

import dataclasses
import functools
import weakref
from collections.abc import Callable, Hashable
from typing import Any, get_args, overload

import numpy as np
import torch
from torch import nn

from weightbench._deprecated import forwarded, warn
from weightbench.data.augmentation import CropFlip
from weightbench.data.corrupting import asked_for, corrupt
from weightbench.data.corruption import Corrupted, UniformFlip
from weightbench.data.dataset import DataSet, as_positions
from weightbench.errors import BadData, BadSpec
from weightbench.identity import checksum
from weightbench.registry import TASKS, is_file_spec, load_from_file, without_path
from weightbench.registry.metrics import TaskMetric
from weightbench.spec import Spec, Value, checked_params, differing, parse_spec, types_of
from weightbench.streams import numpy_stream, stream_seed
from weightbench.training.random_streams import seeded_globals
from weightbench.training.recipe import Recipe
from weightbench.training.shift import shifted
from weightbench.training.signature import signature
from weightbench.training.splits import (
    HoldoutPerClass,
    HoldoutPerGroup,
    HoldoutTotal,
    Index,
    Splits,
    stratified,
)
from weightbench.training.wording import changed, with_rest

# What a task declares, but for its name; the data set counts by what is read.
_DECLARED = (
    "corruption", "holdout", "select", "model", "recipe", "test", "train", "augmentation",
)  # fmt: skip
_LOADED: weakref.WeakValueDictionary[object, DataSet] = weakref.WeakValueDictionary()


def _loaded(source: Callable[[], DataSet]) -> DataSet:
    """What ``source`` loads, unless a task holds it already."""
    if not isinstance(source, Hashable):  # an instance that compares by value
        return source()
    data = _LOADED.get(source) or source()
    if isinstance(data, DataSet):  # what is none is for the checker to say
        _LOADED[source] = data
    return data


@dataclasses.dataclass(frozen=True)
class Task:
    """Everything a training run shares between weighters.

    Attributes:
        name: id with the parameters that differ from the registered ones.
        dataset: a data set, or a function that loads it when it is first needed.
        corruption: what is done to the training labels, a :class:`Corruption`.
        holdout: how the clean hold-out is drawn.
        select: size of the select split.
        model: builds the network for a data set, from torch's global stream (seeded by the engine).
        recipe: the schedule.
        test: size of the test split where the data set publishes none.
        train: how many examples are left to train on, before corruption; all there are if None.
        augmentation: of training and hold-out images, drawn afresh for every batch.
        about: one line for people. In it and in ``title``, ``{noise:%}`` is the value of that
            parameter; see :func:`weightbench.training.wording.worded`.
        metric: what it is scored by, one of ``weightbench.registry.metrics.TaskMetric``.
        title: what is wrong, in two or three words, and with what data: a heading and its detail.
    """

    name: str
    _: dataclasses.KW_ONLY
    dataset: DataSet | Callable[[], DataSet]
    corruption: Callable[..., Corrupted]
    holdout: HoldoutPerClass | HoldoutPerGroup | HoldoutTotal
    select: int
    model: Callable[[DataSet], nn.Module]
    recipe: Recipe = Recipe()  # noqa: RUF009 - immutable
    test: int = 0
    train: int | None = None
    augmentation: CropFlip | None = None
    about: str = ""
    metric: TaskMetric = "accuracy"
    title: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        """See that there is such a metric.

        Raises:
            BadSpec: there is none.
        """
        if self.metric not in get_args(TaskMetric):
            known = ", ".join(get_args(TaskMetric))
            raise BadSpec(f"{self.name}: there is no metric {self.metric!r} of a task; use {known}")

    @functools.cached_property
    def data(self) -> DataSet:
        """The data set, loaded once; tasks that are at hand together share it."""
        return self.dataset if isinstance(self.dataset, DataSet) else _loaded(self.dataset)

    @functools.cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) of the declaration and of what it comes to; equal ones, equal numbers.

        The declaration: corruption, hold-out, sizes, recipe, augmentation and the network's code.
        What that comes to: the data as read, the split and the corrupted labels of seed 0, and the
        network's list of tensors. The name takes no part, nor does the code that reads the data.

        Raises:
            DataUnavailable: the data set is not at hand.
            BadSpec: a part cannot be told from another of its kind.
        """
        data, splits = self.data, self.split(0)
        if self.metric == "worst_group_recall" and data.groups is None:
            raise BadSpec(f"{self.name}: {self.metric} needs a data set with groups")
        scored = () if self.metric == "accuracy" else ("metric",)
        return checksum(
            {name: getattr(self, name) for name in (*_DECLARED, *scored)},
            signature(self.model, data),
            [data.sha256, data.num_classes, data.standardize, data.span],
            [splits.sha256, splits.given, *splits.drawn_inputs],
        )

    @property
    def stream(self) -> str:
        """What names its random streams: its name without parameters, wherever its file is.

        So a sweep over a noise rate or a learning rate keeps what the rate does not decide: splits,
        initial parameters and orders.
        """
        return without_path(self.name).partition("[")[0]

    def split(self, seed: int) -> Splits:
        """Split and corrupt the data set; the same for every weighter at one seed.

        Test and select split are drawn first, so that they do not depend on the hold-out. The
        training set is in the order of the data set. Where only some labels are trusted, all three
        clean splits are of those.

        Raises:
            BadData: the data set is too small for the sizes asked for, or a part that draws
                positions gives others.
        """
        data, rng = self.data, numpy_stream(self.stream, "split", seed)
        everything = np.arange(len(data.labels))
        right = everything if data.trusted is None else np.sort(data.trusted)
        test = stratified(data.labels, right, self.test, rng) if data.test is None else data.test
        right = rng.permutation(np.setdiff1d(right, test))
        select = stratified(data.labels, right, self.select, rng)
        right = right[~np.isin(right, select)]
        draw: Callable[..., Index] = self.holdout.draw
        drawn = draw(data.labels, right, rng, **asked_for(draw, data, slice(None)))
        holdout = as_positions(drawn, len(everything), f"{self.name}: the hold-out")
        if shift := getattr(self.holdout, "holdout_shift", 0.0):
            holdout = shifted(data, holdout, right, shift)
        rest = np.setdiff1d(everything, np.concatenate([test, select, holdout]))
        if self.train is not None and self.train != len(rest):
            rest = np.sort(stratified(data.labels, rest, self.train, rng))
        stream = numpy_stream(self.stream, "corruption", seed)
        corrupted = corrupt(self.corruption, data, rest, stream)
        train = rest[corrupted.index]
        if not len(train) or not len(holdout):
            raise BadData(f"{self.name}: nothing is left to train on")
        clean = self._holdout_labels(holdout, seed)
        return Splits(train, corrupted.labels, holdout, clean, select, test, corrupted)

    def _holdout_labels(self, holdout: Index, seed: int) -> Index:
        """The labels of the hold-out as a weighter sees them."""
        true, noise = self.data.labels[holdout], getattr(self.holdout, "holdout_noise", 0.0)
        if not noise:
            return true
        stream = numpy_stream(self.stream, "holdout-noise", seed)
        return UniformFlip(noise)(true, self.data.num_classes, stream).labels

    def build_model(self, seed: int, role: str = "model") -> nn.Module:
        """A fresh network; its parameters depend on the task, the seed and the role only."""
        with seeded_globals(stream_seed(self.stream, f"{role}/init", seed)):
            model = self.model(self.data)
        if self.data.is_images:  # their channels come last; convolutions are fastest all alike
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model

    reset = forwarded("task.reset(seed)", "start")

    def describe(self) -> str:
        """``about`` with the parameters as they are; those it does not speak of follow."""
        return with_rest(self.about, self.parameters(), changed(self.name))

    def with_params(self, spec: Spec) -> Task:
        """This task with the bracket parameters of ``spec`` set, each on the part that owns it.

        Raises:
            UnknownParameter: no part has such a parameter, or not with such a value.
        """
        defaults = self.parameters()
        parts = (self.corruption, self.holdout, self.recipe)
        types = {name: t for part in parts for name, t in types_of(type(part)).items()}
        params = checked_params(self.name, spec.params, defaults, types)
        changed: dict[str, Any] = {}
        for part in ("corruption", "holdout", "recipe"):
            names = _fields(getattr(self, part))
            own = {name: value for name, value in params.items() if name in names}
            if own:
                changed[part] = dataclasses.replace(getattr(self, part), **own)
        name = str(Spec(self.name, differing(params, defaults)))
        return dataclasses.replace(self, name=name, **changed)

    def parameters(self) -> dict[str, Any]:
        """Bracket parameters with their values: the fields of corruption, hold-out and recipe."""
        parts = (self.corruption, self.holdout, self.recipe)
        return {name: getattr(part, name) for part in parts for name in _fields(part)}


def _fields(part: object) -> list[str]:
    """The parameters of a part of a task; any callable may be one, and then it has none."""
    fields = dataclasses.fields(part) if dataclasses.is_dataclass(part) else ()
    return [field.name for field in fields if not callable(getattr(part, field.name))]


@overload
def register_task(task: Task) -> None: ...
@overload
def register_task(task: str, **parts: Any) -> None: ...
def register_task(task: Task | str, **parts: Any) -> None:
    """Register a task under its name, a versioned id: ``dataset-corruption-vN``.

    Args:
        task: the task. Any change of it that moves a number is a new version.
        **parts: deprecated: the fields of a :class:`Task` whose name was given as ``task``.

    Raises:
        BadSpec: the id is taken, or has no version.
    """
    if isinstance(task, str):
        warn("weightbench.register_task(name, ...)", "register_task(Task(name, ...))")
        task = Task(task, **parts)
    elif parts:
        raise TypeError(f"register_task() takes a Task alone; {', '.join(parts)} belong into it")
    if not task.name.rpartition("-v")[2].isdigit():
        raise BadSpec(f"the task id {task.name!r} needs a version, such as {task.name}-v0")
    TASKS.add(task.name, task)


def make_task(text: str, **params: Value) -> Task:
    """The task called ``text``: an id, an id with parameters, or ``path.py:NAME`` of a Task.

    Args:
        text: such as ``digits-background-flip-v0[noise=0.2]``.
        **params: more parameters, ``noise=0.2``.

    Raises:
        BadSpec: it cannot be read, does not exist, or has no such parameter.
    """
    spec = parse_spec(text)
    if spec.wrappers:
        raise BadSpec(f"{text!r}: wrappers go around weighters, not tasks")
    spec = dataclasses.replace(spec, params=tuple({**dict(spec.params), **params}.items()))
    from_file = is_file_spec(spec.name)
    task = load_from_file(spec.name) if from_file else TASKS.get(spec.name)
    if not isinstance(task, Task):
        raise BadSpec(f"{spec.name} is a {type(task).__name__}; expected a weightbench Task")
    if not from_file:
        return task.with_params(spec)
    return dataclasses.replace(task, name=spec.name).with_params(spec)
