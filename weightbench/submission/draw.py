"""Which trials are trained again, and how likely it is that altered ones are among them.

Whoever alters trials may know all of this but what is drawn. Three things make it not worth while:
every task has its share; tasks have the more of what is left over, the more there is luck in a
trial of theirs; and a trial is the more likely to be drawn the more it claims beyond the least that
its weighter claims on that task. ``make forging`` says what is left to gain.
"""

from __future__ import annotations

import dataclasses
import secrets

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
SCALE = 0.2  # of skill beyond the least claimed, at which a trial counts for two
_DRAWS = 20_000  # of the chance of being caught, which has an error of .003 then


@dataclasses.dataclass(frozen=True, eq=False)
class Claims:
    """What a weighter claims on its trials.

    Attributes:
        task: (n,) which task a trial is of, as a number from 0 on.
        skill: (n,) what is claimed, in skill, less what is known of the trial's seed.
        luck: (n,) or for all, the deviation in skill from seed to seed on the trial's task.
    """

    task: NDArray[np.int64]
    skill: Vector
    luck: Vector | float = 1.0

    def weight(self) -> Vector:
        """(n,) how much a trial counts in the draw: ``1 + (claim beyond the least / SCALE)^2``."""
        least = np.array([self.skill[self.task == task].min() for task in self.task])
        weight: Vector = 1 + ((self.skill - least) / SCALE) ** 2
        return weight

    def draw(
        self, k: int, generator: np.random.Generator | None = None, times: int = 1
    ) -> NDArray[np.bool_]:
        """Which ``k`` trials are drawn: one of each task first, then of all that are left.

        What is left over is drawn in proportion to the square of a task's luck as well.

        Args:
            k: how many, at most as many as there are.
            generator: where chance comes from; the system's where not given, which nobody foresees.
            times: how often to draw.

        Returns:
            (times, n) bool.
        """
        generator = generator or np.random.default_rng(secrets.randbits(256))
        weight = np.log(self.weight())
        # The largest of a log weight plus a Gumbel number is drawn in proportion to the weight.
        keys = weight + generator.gumbel(size=(times, len(weight)))
        first = np.zeros_like(keys)
        for task in np.unique(self.task):
            where = np.flatnonzero(self.task == task)
            best = where[keys[:, where].argmax(axis=1)]
            first[np.arange(times), best] = 1 + generator.random(times)  # tasks in any order
        keys = weight + 2 * np.log(self.luck) + generator.gumbel(size=keys.shape)
        order = np.lexsort((-keys, -first))
        drawn = np.zeros(keys.shape, bool)
        np.put_along_axis(drawn, order[:, :k], True, axis=1)
        return drawn

    def chance(self, k: int) -> Vector:
        """(n,) how likely each trial is to be among the ``k`` that are drawn."""
        chance: Vector = self._often(k).mean(axis=0)
        return chance.clip(1 / _DRAWS)

    def _often(self, k: int) -> NDArray[np.bool_]:
        return self.draw(k, np.random.default_rng(0), _DRAWS)

    def caught(self, k: int, altered: int) -> float:
        """The chance that one of ``altered`` trials is drawn, if those least likely to be are."""
        drawn = self._often(k)
        unlikely = np.argsort(drawn.mean(axis=0), kind="stable")[:altered]
        return float(drawn[:, unlikely].any(axis=1).mean())
