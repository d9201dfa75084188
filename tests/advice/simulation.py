"""Is the verdict right: data sets of which the truth is known, and what is advised on them.

    python -m tests.advice.simulation [--sets 40] [--workers 2] [--trusted 500]

Each has 3,000 rows of 12 numbers and six classes, 500 of them trusted, and one of eight kinds of
bias, none among them. Every method is then trained on all rows and tested on 10,000 fresh ones. Two
figures: by how much the method advised is worse than plain training at most, and of how many sets
on which some method gains 3 points it is said that weighting is worth it.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import Module

from weightbench.advice import trainings
from weightbench.advice.advising import advise
from weightbench.advice.encoding import Encoding
from weightbench.advice.networks import default_network
from weightbench.advice.saving import Model
from weightbench.data.dataset import DataSet
from weightbench.execution import Limits, Local, share_of_memory

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
D, K, TEST = 12, 6, 10_000


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """Where rows come from: six classes of three clusters each, neighbours in pairs."""

    centres: Array

    @classmethod
    def of(cls, rng: np.random.Generator) -> World:
        """A world at random."""
        pairs = rng.normal(size=(K // 2, 3, D))
        return cls(np.repeat(pairs, 2, 0) + rng.normal(size=(K, 3, D)))

    def draw(
        self, n: int, rng: np.random.Generator, shares: NDArray[Any] | None = None
    ) -> tuple[Array, Labels]:
        """Rows (n, D) and their true labels (n,)."""
        labels = rng.choice(K, n, p=shares)
        return self.centres[labels, rng.integers(3, size=n)] + rng.normal(size=(n, D)), labels


def _flip(labels: Labels, where: NDArray[np.bool_], to: Labels) -> Labels:
    return np.where(where, to, labels)


def _other(labels: Labels, rng: np.random.Generator) -> Labels:
    return (labels + rng.integers(1, K, len(labels))) % K


def _often(where: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    return where & (rng.random(len(where)) < share)


Bias = Callable[[Array, Labels, np.random.Generator], Labels]
BIASES: dict[str, Bias] = {
    "none": lambda x, y, rng: y,
    "uniform": lambda x, y, rng: _flip(y, rng.random(len(y)) < 0.5, _other(y, rng)),
    "similar": lambda x, y, rng: _flip(y, rng.random(len(y)) < 0.3, y ^ 1),
    "background": lambda x, y, rng: _flip(y, rng.random(len(y)) < 0.5, np.zeros_like(y)),
    "one class": lambda x, y, rng: _flip(y, (y == 1) & (rng.random(len(y)) < 0.6), y - 1),
    "by input": lambda x, y, rng: _flip(y, _often(x[:, 0] > 0.5, 0.6, rng), _other(y, rng)),
    "group": lambda x, y, rng: _flip(y, _often((x[:, 1] > 0.8) & (y % 2 == 0), 0.8, rng), y ^ 1),
    "long tail": lambda x, y, rng: y,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was advised on a set, and what is true of it.

    Attributes:
        bias: its kind.
        answer: the verdict.
        method: the weighter advised.
        gain: how much more of the fresh rows it gets right than plain training.
        best: the gain of the method that gains most.
        low: the lower end of the interval said.
        high: its upper end.
    """

    bias: str
    answer: str
    method: str
    gain: float
    best: float
    low: float
    high: float


def one(
    bias: str, seed: int, rows: int, trusted: int, workers: int, weighters: tuple[str, ...] = ()
) -> Outcome:
    """A data set, the advice on it, and the truth."""
    rng = np.random.default_rng([seed, list(BIASES).index(bias)])
    world = World.of(rng)
    shares: NDArray[Any] | None = None
    if bias == "long tail":
        shares = 0.5 ** np.arange(K)
        shares /= shares.sum()
    x, true = world.draw(rows - trusted, rng, shares)
    checked, right = world.draw(trusted, rng)
    fresh, fresh_true = world.draw(TEST, rng)
    inputs, labels = np.concatenate([x, checked]), np.concatenate([true, right])
    given = BIASES[bias](inputs, labels, rng)
    marks = {i: int(labels[i]) for i in range(len(x), len(inputs))}
    with tempfile.TemporaryDirectory() as folder:
        found = advise(
            inputs,
            given,
            trusted=marks,
            seed=seed,
            out=folder,
            workers=workers,
            weighters=weighters,
        )
        names = list(found.fitted.files)
        plan = [dataclasses.replace(found.plan, weighter=name) for name in names]
        work = functools.partial(trainings.train, network=default_network)
        limits = Limits(workers, 3600.0, share_of_memory(max(workers, 1)))
        accuracy = {
            training.weighter: _accuracy(result, found.data.encoding, fresh, fresh_true)
            for training, result in Local(limits).run(plan, work, trainings.lost)
        }
    plain = accuracy["uniform"]
    said = found.verdict
    low, high = (float(found.table[end][said.method]) for end in ("low", "high"))
    return Outcome(
        bias, said.answer, said.method, accuracy[said.method] - plain,
        max(accuracy.values()) - plain, low, high,
    )  # fmt: skip


def _accuracy(result: object, encoding: Encoding, inputs: Array, labels: Labels) -> float:
    assert isinstance(result, Path), result
    like = DataSet("fresh", np.zeros((1, encoding.width), np.float32), np.zeros(1, np.int64), K)
    network: Module = default_network(like)
    network.load_state_dict(torch.load(result, weights_only=True))
    model = Model(network, encoding, list(range(K)))
    return float((np.array(model.predict(inputs)) == labels).mean())


def outcomes(first: int, sets: int, workers: int, trusted: int) -> Iterator[Outcome]:
    """Of so many data sets, kind after kind."""
    for number in range(first, sets):
        yield one(list(BIASES)[number % len(BIASES)], number // len(BIASES), 3000, trusted, workers)


def summary(done: list[Outcome]) -> str:
    """The two figures, and which answers were given."""
    gaining = [o for o in done if o.best >= 0.03]
    told = [o for o in gaining if o.answer == "yes"]
    advised = [o for o in done if o.answer == "yes"]
    covered = [o for o in advised if o.low <= o.gain <= o.high]
    return (
        f"{len(done)} sets; worst advice {100 * min(o.gain for o in done):+.1f} points; "
        f"worth it said of {len(told)} of {len(gaining)} on which a method gains 3 points; "
        f"the truth within the interval in {len(covered)} of {len(advised)}"
    )


def main() -> None:
    """Print a line for each set, then the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sets", type=int, default=40)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--trusted", type=int, default=500)
    asked = options.parse_args()
    done: list[Outcome] = []
    for outcome in outcomes(asked.first, asked.sets, asked.workers, asked.trusted):
        done.append(outcome)
        print(
            f"{outcome.bias:11} {outcome.answer:10} {outcome.method:28} gains "
            f"{100 * outcome.gain:+5.1f}, the best {100 * outcome.best:+5.1f}",
            flush=True,
        )
    print(summary(done))


if __name__ == "__main__":
    main()
