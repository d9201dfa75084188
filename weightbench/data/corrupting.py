"""Corruptions applied to a data set: what they are shown beside labels is what they ask for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightbench.data.corruption import Corrupted, Labels, describe
from weightbench.data.dataset import DataSet
from weightbench.errors import BadData


def corrupt(
    corruption: Callable[..., Corrupted], data: DataSet, index: Labels, rng: np.random.Generator
) -> Corrupted:
    """What happens to the labels of the examples ``index``, told against the true ones.

    Raises:
        BadData: the corruption asks for what the data set does not have.
    """
    given = data.labels if data.given is None else data.given
    done = corrupted_labels(corruption, given[index], data, index, rng)
    if data.given is None:
        return done
    return describe(
        data.labels[index], done.labels, done.index, data.num_classes,
        replaced=done.replaced, inputs=done.inputs,
    )  # fmt: skip


def corrupted_labels(
    corruption: Callable[..., Corrupted],
    labels: Labels,
    data: DataSet,
    index: Labels,
    rng: np.random.Generator,
) -> Corrupted:
    """``corruption`` of ``labels``, (n,), which belong to the examples ``index`` of ``data``.

    A corruption whose signature has the keyword-only ``inputs`` is given those of the examples, as
    the data set holds them; one with ``groups`` their groups.

    Raises:
        BadData: the corruption asks for what the data set does not have.
    """
    more = asked_for(corruption, data, index)
    return corruption(labels, data.num_classes, rng, **more)


def asked_for(
    part: Callable[..., Any], data: DataSet, index: Labels | slice
) -> dict[str, NDArray[Any]]:
    """The ``inputs`` and ``groups`` of ``index`` that the signature of a task's part asks for.

    Raises:
        BadData: it asks for groups, and the data set has none.
    """
    parameters = inspect.signature(part).parameters.values()
    keywords = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
    more: dict[str, NDArray[Any]] = {}
    if "inputs" in keywords:
        more["inputs"] = data.inputs[index]
    if "groups" in keywords:
        if data.groups is not None:
            more["groups"] = data.groups[index]
        elif keywords["groups"].default is inspect.Parameter.empty:
            raise BadData(f"{data.name} has no groups, which {part} asks for")
    return more
