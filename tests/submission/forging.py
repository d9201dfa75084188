"""What is left to gain by altering trials of a submission: ``python -m tests.submission.forging``.

The forger sees everything but the draw of the trials that are trained again: what the trials would
honestly score, the rule of the draw, what is known of seeds. For each number of trials the most
profitable of many forgeries is told, over every method that the published suite ``quick`` has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.registry import SUITES, UPPER_ANCHOR
from weightbench.scoring.results import choose
from weightbench.submission.comparing import BEYOND, DEVIATION, UPWARD, limit
from weightbench.submission.draw import Claims
from weightbench.submission.lowering import deviation, lowering
from weightbench.submission.rerun import gap_of, luck_of

Vector = NDArray[np.float64]
K, ALTERED = 6, (1, 2, 3, 6, 12, 24)
LIMIT = 0.02  # of skill, that a forger may gain without being told
_DRAWS, _MORE = 500, 20_000  # to find the best forgery, and to say what it brings
_EXAMPLE = 0.02  # of skill, that a test example is worth on average
_RAISED = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)  # in skill
_ABOVE = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 9.0)
_SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Honest:
    """What a method scores: in skill, by trial; and what others score at the same seeds.

    Attributes:
        name: of the method.
        task: (n,) which task a trial is of.
        skill: (n,) what it scores.
        most: (n,) the skill of making no mistake.
        others: (n,) mean skill of the board's other rows at the trial's seed.
        luck: (n,) deviation of skill from seed to seed on the trial's task.
    """

    name: str
    task: NDArray[np.int64]
    skill: Vector
    most: Vector
    others: Vector
    luck: Vector

    def claims(self, forged: Vector, known_seeds: bool) -> Claims:
        """What the draw sees of ``forged`` claims, beside a board or without one."""
        known = self.others if known_seeds else np.zeros_like(forged)
        return Claims(self.task, forged - known, self.luck)


def methods(board: Path) -> list[Honest]:
    """Those with every trial of the suite ``quick``, without the upper anchor."""
    suite = SUITES.get("quick")
    by_name: dict[str, dict[tuple[str, int], float]] = {}
    for record in choose(Store(board).records()[0]).kept:
        trial = record.trial
        if record.training and trial.task in suite.tasks and trial.seed < suite.seeds:
            by_name.setdefault(trial.weighter, {})[trial.task, trial.seed] = _accuracy(record)
    trials = [(task, seed) for task in suite.tasks for seed in range(suite.seeds)]
    whole = {name: found for name, found in by_name.items() if len(found) == len(trials)}
    gap = np.array([gap_of(task) for task, _ in trials])
    task = np.array([suite.tasks.index(task) for task, _ in trials])
    scores = {name: np.array([found[t] for t in trials]) / gap for name, found in whole.items()}
    luck = np.array([luck_of(task) for task, _ in trials])
    return [
        Honest(
            name, task, skill, 1 / gap,
            np.mean([s for n, s in scores.items() if n != name], axis=0), luck,
        )
        for name, skill in scores.items()
        if name != UPPER_ANCHOR
    ]  # fmt: skip


def _accuracy(record: Record) -> float:
    return record.training.accuracy if record.training else 0.0


def forgeries(honest: Honest) -> Iterator[Vector]:
    """What a forger may claim instead, in skill: some trials raised, in many ways."""
    skill, most = honest.skill, honest.most
    groups = [np.flatnonzero(honest.task == task) for task in np.unique(honest.task)]
    best = np.array([skill[honest.task == task].max() for task in honest.task])
    for order in _orders(honest, groups, best - skill):
        for number in range(1, len(skill) + 1):
            chosen = order[:number]
            raised = [skill + by for by in _RAISED] + [best + by for by in _ABOVE]
            raised += [_quantiles(skill, groups, share) for share in _SHARES]
            for claim in raised:
                forged = skill.copy()
                forged[chosen] = np.clip(claim, skill, most)[chosen]
                yield forged


def _orders(
    honest: Honest, groups: Sequence[NDArray[np.int64]], room: Vector
) -> list[NDArray[np.int64]]:
    """Whom to raise first: the lowest, the highest, one task after another, tasks in turn."""
    rising = [group[np.argsort(honest.skill[group])] for group in groups]
    widest = np.argsort([-room[group].sum() for group in groups])
    dearest = np.argsort([-(honest.most - honest.skill)[group].sum() for group in groups])
    return [
        np.argsort(-room), np.argsort(room), np.stack(rising, axis=1).ravel(),
        np.concatenate([rising[i] for i in widest]), np.concatenate([rising[i] for i in dearest]),
    ]  # fmt: skip


def _quantiles(skill: Vector, groups: Sequence[NDArray[np.int64]], share: float) -> Vector:
    found = np.empty_like(skill)
    for group in groups:
        found[group] = np.quantile(skill[group], share)
    return found


@dataclasses.dataclass(frozen=True)
class Gain:
    """What the best forgery of so many trials brings, on average over draws, in skill.

    Attributes:
        untold: skill gained where nothing is refused, less what reruns take off.
        gained: skill gained were it never refused.
        caught: how often it is refused.
        method: the method whose trials they are.
    """

    untold: float
    gained: float
    caught: float
    method: str


Judged = tuple[Vector, NDArray[np.bool_]]  # by draw: what is taken off, and whether it is refused


def best(
    honest: Sequence[Honest], judge: Callable[[Honest, Vector, int], Judged]
) -> dict[int, Gain]:
    """By how many trials are altered, the forgery that brings most without being told.

    Args:
        honest: the methods.
        judge: what the verifier does with the claims of a method, in so many draws.
    """
    found: dict[int, tuple[float, Honest, Vector]] = {}
    for method in honest:
        for forged in forgeries(method):
            number, before = int((forged != method.skill).sum()), 0.0
            if number in found:
                before = found[number][0]
            if number and _gained(method, forged) > before:
                untold = _gain(method, forged, judge(method, forged, _DRAWS)).untold
                if untold > before:
                    found[number] = (untold, method, forged)
    return {
        number: _gain(method, forged, judge(method, forged, _MORE))
        for number, (_, method, forged) in sorted(found.items())
    }


def _gained(method: Honest, forged: Vector) -> float:
    return float((forged - method.skill).mean())


def _gain(method: Honest, forged: Vector, judged: Judged) -> Gain:
    (off, refused), gained = judged, _gained(method, forged)
    untold = np.where(refused, 0, gained - off)
    return Gain(float(untold.mean()), gained, float(refused.mean()), method.name)


def same_machine(known_seeds: bool, k: int = K) -> Callable[[Honest, Vector, int], Judged]:
    """A verifier who finds any altered trial that is drawn.

    Args:
        known_seeds: whether the board has records of others, from which seeds' luck is known.
        k: how many trials are trained again.
    """

    def judge(method: Honest, forged: Vector, draws: int) -> Judged:
        drawn = method.claims(forged, known_seeds).draw(k, _chance(), draws)
        altered = forged != method.skill
        return np.zeros(draws), np.asarray(drawn[:, altered].any(axis=1))

    return judge


def another_machine(
    spread: float, known_seeds: bool, k: int = K
) -> Callable[[Honest, Vector, int], Judged]:
    """A verifier for whom a trial comes out with a deviation of ``spread`` in skill."""

    def judge(method: Honest, forged: Vector, draws: int) -> Judged:
        generator = _chance()
        drawn = method.claims(forged, known_seeds).draw(k, generator, draws)
        noise = generator.normal(0, spread, drawn.shape)
        differences = np.where(drawn, forged - method.skill + noise, np.nan)
        chance = drawn.mean(axis=0).clip(1 / draws)
        off = lowering(differences, chance, method.task, _EXAMPLE, DEVIATION).taken_off
        error = deviation(differences, _EXAMPLE, DEVIATION) / k**0.5
        refused = np.nanmean(differences, axis=1) > limit(k, UPWARD) * error
        return off, refused | (np.nanmax(differences, axis=1) > BEYOND)

    return judge


def _chance() -> np.random.Generator:
    return np.random.default_rng(0)


def table(title: str, gains: dict[int, Gain]) -> str:
    """A line for each number of altered trials."""
    head = f"{title}\n{'altered':>8} {'untold':>8} {'gained':>8} {'refused':>8}  method"
    lines = [
        f"{n:8} {g.untold:8.4f} {g.gained:8.3f} {g.caught:8.3f}  {g.method}"
        for n, g in sorted(gains.items())
        if n in ALTERED
    ]  # a number that is missing brings nothing
    return "\n".join([head, *lines, f"the most, over all numbers: {most(gains):.4f}", ""])


def most(gains: dict[int, Gain]) -> float:
    """Of all numbers of altered trials."""
    return max(gain.untold for gain in gains.values())


def main() -> None:
    """Print the tables."""
    honest = methods(Path("leaderboard"))
    print(f"skill that a forger gains without being told, {K} of 24 trials trained again\n")
    for known, where in ((True, "beside the published board"), (False, "alone")):
        print(table(f"same machine, {where}", best(honest, same_machine(known))))
        for spread in (0.03, 0.12, DEVIATION):
            judge = another_machine(spread, known)
            honestly = [judge(method, method.skill, _MORE) for method in honest]
            refused = max(refused.mean() for _, refused in honestly)
            off = max(off.mean() for off, _ in honestly)
            title = f"another machine, deviation {spread}, {where} (honest claims: refused "
            print(
                table(f"{title}{refused:.4f}, lowered {off:.4f})", best(honest, judge)), flush=True
            )
    for k in (8, 10, 12):
        print(f"same machine, alone, {k} reruns: {most(best(honest, same_machine(False, k))):.4f}")


if __name__ == "__main__":
    main()
