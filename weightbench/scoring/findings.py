"""What a reader of a board is told first: sentences, each made from paired comparisons.

They are made from the numbers of the board when it is scored, so none can be older than a number.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from weightbench.registry import LOWER_ANCHOR
from weightbench.registry.metrics import METRICS
from weightbench.registry.tracks import TRACKS
from weightbench.scoring.entries import LEVEL, POINTS, Board, Duel, Finding, Interval, Row
from weightbench.scoring.inference import Estimate, holm, of_pair
from weightbench.scoring.results import Samples
from weightbench.scoring.wording import NAMED, cost_text, listed, sentence, short_text, skill_text

FREE = 1.05  # of plain training's operations: what costs no more is at no extra cost


@dataclasses.dataclass(frozen=True)
class _Seen:
    """A board, and its samples for comparisons on single tasks."""

    board: Board
    by_name: Samples

    @property
    def ranked(self) -> list[Row]:
        """Rows with a place, the best first."""
        return [row for row in self.board.rows if row.rank is not None]

    def duel(self, one: Row, other: Row) -> Duel:
        """Of two ranked rows, turned so that ``one`` is its first."""
        for duel in self.board.duels:
            if (duel.one, duel.other) == (one.weighter, other.weighter):
                return duel
            if (duel.other, duel.one) == (one.weighter, other.weighter):
                d = duel.difference
                turned = Interval(-d.mean, -d.high, -d.low)
                return Duel(duel.other, duel.one, turned, duel.p, duel.holm)
        raise KeyError((one.weighter, other.weighter))

    def gain(self, weighter: str, than: str, task: str) -> Estimate:
        """How much better one is than another on a task, in its metric; above 0 is better."""
        one, other = self.by_name[task, weighter], self.by_name[task, than]
        return of_pair(one, other).times(1 if METRICS[one.metric].higher else -1)

    def plain(self) -> Row | None:
        """Plain training, where it is ranked."""
        return next((row for row in self.ranked if row.weighter == LOWER_ANCHOR), None)


def findings(board: Board, by_name: Samples) -> tuple[Finding, ...]:
    """At most five of them, the most important first; none where nothing can be said."""
    seen = _Seen(board, by_name)
    found = [*_of_skill(seen), _harm(seen)]
    return tuple(finding for finding in found if finding)


def _of_skill(seen: _Seen) -> Iterable[Finding | None]:
    if len(seen.ranked) < 2 or not all(row.skill and row.skill.is_known for row in seen.ranked):
        return
    best, plain = seen.ranked[0], seen.plain()
    if plain and (best is plain or not seen.duel(best, plain).is_told):
        yield _nobody(seen, best, plain)
        return
    yield _best(seen, best, plain)
    noisy = next((row for row in seen.ranked if row.track == "A"), None)
    if noisy and noisy is not best:
        yield _without_clean(seen, noisy, best, plain)
    free = next((row for row in seen.ranked if _is_free(row)), None)
    if free and free not in (best, noisy):
        yield _free(seen, free, best, plain)
    yield _level(seen, best)


def _best(seen: _Seen, best: Row, plain: Row | None) -> Finding:
    """Who has most skill, beside the next and beside plain training task by task."""
    given = f"it is given {TRACKS[best.track]}" if best.track else "all of it failed"
    parts = [f"{skill_text(best)} of the gap between plain training and the oracle is closed, "
             f"{cost_text(best)}; {given}", _lead(seen, best)]  # fmt: skip
    if plain:
        parts.append(_wins(seen, best))
    return Finding(
        "best",
        f"Best: {best.weighter}, skill {short_text(best)}",
        sentence(parts),
        (best.weighter,),
    )


def _lead(seen: _Seen, best: Row) -> str:
    """How far the best is ahead of the others."""
    others = [row for row in seen.ranked if row is not best]
    ties = [row for row in others if not seen.duel(best, row).is_told]
    if not ties:
        return (
            f"ahead of the next, {others[0].weighter}, by {seen.duel(best, others[0]).difference}"
        )
    first, *more = (row.weighter for row in ties)
    nearest = f"{first} ({_told(seen.duel(best, ties[0]))})"
    return f"not told apart from {listed([nearest, *more])}"


def _wins(seen: _Seen, row: Row) -> str:
    """On which tasks it is better than plain training beyond chance, all tasks considered."""
    tasks = [task for task in seen.board.tasks if task in seen.board.anchors]
    gains = [seen.gain(row.weighter, LOWER_ANCHOR, task) for task in tasks]
    told = holm([gain.p for gain in gains])
    lost = [t for t, g, p in zip(tasks, gains, told, strict=True) if p >= LEVEL or g.mean < 0]
    if not lost:
        return f"better than plain training on {'every' if len(tasks) > 1 else 'the'} task"
    return (
        f"better than plain training on {len(tasks) - len(lost)} of {len(tasks)} tasks, "
        f"not beyond chance on {listed(lost)}"
    )


def _without_clean(seen: _Seen, row: Row, best: Row, plain: Row | None) -> Finding:
    """Who is best of those that are given noisy data only."""
    useless = plain is not None and (row is plain or not seen.duel(row, plain).is_told)
    what = f"{row.weighter}, {short_text(row)}{' at no extra cost' if _is_free(row) else ''}"
    if useless:
        what = "nothing beats plain training"
    with_what = f" with {row.weighter}" if useless else ""
    parts = [f"skill {skill_text(row)}{with_what}, {cost_text(row)}", _behind(seen, row, best)]
    return Finding(
        "best-without-clean", f"Without clean data: {what}", sentence(parts),
        (row.weighter, best.weighter),
    )  # fmt: skip


def _free(seen: _Seen, row: Row, best: Row, plain: Row | None) -> Finding:
    """Who is best of those that cost no more than plain training."""
    given = f"given {TRACKS[row.track]}" if row.track else ""
    parts = [f"skill {skill_text(row)}, {given}", _behind(seen, row, best), _over(seen, row, plain)]
    return Finding(
        "free", f"At no extra cost: {row.weighter}, {short_text(row)}", sentence(parts),
        (row.weighter, best.weighter),
    )  # fmt: skip


def _behind(seen: _Seen, row: Row, best: Row) -> str:
    duel = seen.duel(best, row)
    if duel.is_told:
        return f"behind {best.weighter} by {duel.difference}"
    return f"not told apart from {best.weighter} ({_told(duel)} behind)"


def _told(duel: Duel) -> str:
    """A difference, and why the two are not told apart where by itself it says they are."""
    if duel.is_told or not duel.difference.excludes_zero:
        return str(duel.difference)
    return f"{duel.difference}, but p {duel.holm:.2g} among all pairs"


def _over(seen: _Seen, row: Row, plain: Row | None) -> str:
    if plain is None or row is plain:
        return "that is plain training" if row is plain else ""
    return "" if seen.duel(row, plain).is_told else "not told apart from plain training"


def _nobody(seen: _Seen, best: Row, plain: Row) -> Finding:
    """That nothing pays here."""
    others = [row for row in seen.ranked if row is not plain]
    most = max(seen.duel(row, plain).difference.high for row in others)
    several = len(others) > 1
    who = f"none of {len(others)} methods is" if several else f"{others[0].weighter} is not"
    text = (
        f"beyond chance {who} better than plain training; a gain of more than {max(most, 0):.2f} "
        f"of skill is excluded{' for each' * several}"
    )
    return Finding("best", "Nothing beats plain training", sentence([text]), (best.weighter,))


def _level(seen: _Seen, best: Row) -> Finding | None:
    """Where something that costs nothing does as well as the best, though not on the whole."""
    if _is_free(best):
        return None
    candidates = [
        row
        for row in seen.ranked
        if _is_free(row) and row.weighter != LOWER_ANCHOR and seen.duel(best, row).is_told
    ]  # in order of skill
    found: list[tuple[str, Row, Interval]] = []
    for task in seen.board.anchors:
        gains = [
            (row, seen.gain(row.weighter, best.weighter, task).interval()) for row in candidates
        ]
        found += [(task, row, gain) for row, gain in gains if _is_as_good(gain, seen, task)][:1]
    if not found:
        return None
    told = [
        f"on {task} {row.weighter} is {'ahead of' if gain.low > 0 else 'level with'} "
        f"{best.weighter} ({_points(gain, seen, task)})"
        for task, row, gain in found[:NAMED]
    ]
    rows = dict.fromkeys([row.weighter for _, row, _ in found])
    tasks = tuple(task for task, *_ in found)
    title = f"Somewhere as good at no extra cost: {listed(list(rows))}"
    text = sentence([*told, _more(tasks)])
    return Finding("level", title, text, (*rows, best.weighter), tasks)


def _is_as_good(gain: Interval, seen: _Seen, task: str) -> bool:
    """Whether it is ahead, or level and no more than 3 points can be missing."""
    if not gain.is_known or gain.high < 0:
        return False
    return gain.low > (-POINTS if METRICS[_metric(seen, task)].skill else 0)


def _more(tasks: Sequence[str]) -> str:
    left = tasks[NAMED:]
    return f"likewise on {listed(left)}" if left else ""


def _harm(seen: _Seen) -> Finding | None:
    """Where methods are worse than plain training beyond chance, all cells considered."""
    cells = [
        (task, row.weighter, seen.gain(row.weighter, LOWER_ANCHOR, task))
        for row in seen.board.rows
        for task in row.cells
        if not row.privileged and row.weighter != LOWER_ANCHOR
        and (task, LOWER_ANCHOR) in seen.by_name
    ]  # fmt: skip
    told = holm([gain.p for *_, gain in cells])
    harmed = [cell for cell, p in zip(cells, told, strict=True) if p < LEVEL and cell[2].mean < 0]
    if not harmed:
        return None
    by_task = _grouped(harmed, key=lambda cell: cell[0])
    order = sorted(by_task, key=lambda task: -len(by_task[task]))
    parts = []
    for task in order[:NAMED]:
        _, name, gain = min(by_task[task], key=lambda cell: cell[2].mean)
        of = sum(1 for other, *_ in cells if other == task)
        worst = f"{name} most ({_points(gain.interval(), seen, task)})"
        parts.append(f"{len(by_task[task])} of {of} on {task}, {worst}")
    parts.append(_more(order))
    who = dict.fromkeys(name for _, name, _ in harmed)
    return Finding(
        "harm",
        f"Careful: {len(who)} method{'s' * (len(who) > 1)} can do worse than plain training",
        sentence(["worse than plain training beyond chance: " + parts[0], *parts[1:]]),
        tuple(who), tuple(order),
    )  # fmt: skip


def _grouped(
    cells: Sequence[tuple[str, str, Estimate]], key: Callable[[tuple[str, str, Estimate]], str]
) -> Mapping[str, list[tuple[str, str, Estimate]]]:
    ordered = sorted(cells, key=key)
    return {name: list(group) for name, group in itertools.groupby(ordered, key)}


def _is_free(row: Row) -> bool:
    return row.cost is not None and row.cost.flops is not None and row.cost.flops <= FREE


def _points(gain: Interval, seen: _Seen, task: str) -> str:
    """A difference on a task: in points where its metric is a share."""
    metric = _metric(seen, task)
    if not METRICS[metric].skill:
        return f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}] in {metric}"
    mean, low, high = (100 * value for value in (gain.mean, gain.low, gain.high))
    return f"{mean:+.1f} points [{low:+.1f}, {high:+.1f}]"


def _metric(seen: _Seen, task: str) -> str:
    return next(s.metric for (other, _), s in seen.by_name.items() if other == task)
