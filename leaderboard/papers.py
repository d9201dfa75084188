"""What papers report beside what is measured here, as tables in leaderboard/README.md.

python -m weightbench.leaderboard.papers

They are part of no board: networks, schedules and clean sets are others, and so is the network that
is tested. Only the order of two methods can be compared, and where it is the other way round here a
sentence says so. What is reported stands in papers.json, what is measured in the records.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from weightbench.files import write_text
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.report.export import between_markers
from weightbench.report.titles import task_title
from weightbench.scoring import Interval, board, compare
from weightbench.submission.boards import load
from weightbench.texts import markdown
from weightbench.training.task import make_task

HERE = Path(__file__).parent
BEGIN, END = "<!-- papers: begin -->", "<!-- papers: end -->"


class Report(TypedDict):
    """A column of a table: who reports which accuracies, per cent, and of what training."""

    source: str
    network: str
    schedule: str
    clean: str
    accuracy: dict[str, float]


class Reported(TypedDict):
    """What is reported of a task's data and noise; ``network`` and ``clean`` are the task's own."""

    task: str
    network: str
    clean: str
    reports: list[Report]


def tables(records: Sequence[Record], reported: Sequence[Reported]) -> str:
    """A table for each task of ``reported`` that has records, and below it where orders differ."""
    parts = []
    for one in reported:
        kept = [record for record in records if record.trial.task == one["task"]]
        measured = _measured(one["task"], kept)
        if measured:
            lines = [*_table(one, measured), "", *_orders(one["reports"], kept, measured)]
            parts.append("\n".join(lines).rstrip("\n") + "\n")
    return "\n".join(parts)


def _measured(task: str, records: Sequence[Record]) -> dict[str, Interval]:
    """Accuracy of each weighter, a share."""
    return {row.weighter: row.cells[task].accuracy for row in board(records, (), [task]).rows}


def _table(one: Reported, measured: Mapping[str, Interval]) -> Iterator[str]:
    heading, detail = task_title(one["task"])
    recipe, reports = make_task(one["task"]).recipe, one["reports"]
    shown = [w for w in measured if any(w in report["accuracy"] for report in reports)]
    yield f"### {markdown(heading)}: {markdown(detail)}"
    yield ""
    yield _line(["", "here", *(markdown(report["source"]) for report in reports)])
    yield _line(["---"] * (2 + len(reports)))
    yield _line(["network", one["network"], *(report["network"] for report in reports)])
    ours = f"{recipe.steps:,} steps of {recipe.batch_size}, the last one"
    yield _line(["schedule", ours, *(report["schedule"] for report in reports)])
    yield _line(["clean images", one["clean"], *(report["clean"] for report in reports)])
    for weighter in shown:
        theirs = [report["accuracy"].get(weighter) for report in reports]
        cells = ["-" if value is None else f"{value:.1f}" for value in theirs]
        yield _line([markdown(weighter), _per_cent(measured[weighter]), *cells])


def _orders(
    reports: Sequence[Report], records: Sequence[Record], measured: Mapping[str, Interval]
) -> Iterator[str]:
    """A sentence for each pair that is the other way round here, beyond chance."""
    for report in reports:
        theirs = {w: value for w, value in report["accuracy"].items() if w in measured}
        best_first = sorted(theirs, key=lambda w: -theirs[w])
        for better, worse in itertools.combinations(best_first, 2):
            ours = compare(records, better, worse).tasks[0].difference
            if ours.high < 0:
                behind = Interval(-ours.mean, -ours.high, -ours.low)
                yield (
                    f"- {markdown(report['source'])}: {markdown(better)} is ahead of "
                    f"{markdown(worse)} by {theirs[better] - theirs[worse]:.1f} points; here it is "
                    f"behind by {_per_cent(behind)}."
                )


def _per_cent(share: Interval) -> str:
    mean, low, high = (100 * value for value in (share.mean, share.low, share.high))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]" if share.is_known else f"{mean:.1f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def read() -> list[Reported]:
    """What papers report."""
    found: list[Reported] = json.loads((HERE / "papers.json").read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    path = HERE / "README.md"
    made = tables(load(Store(HERE)).records, read())
    write_text(path, between_markers(path.read_text(encoding="utf-8"), made, BEGIN, END))
