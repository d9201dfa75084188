"""Anchors that are frozen: made from raw records, and the same for everybody."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.generated import anchored, record, records, spread
from weightbench.errors import RecordError
from weightbench.records.schema import Record
from weightbench.scoring import Anchor, Row, board, freeze, read_anchors


def frozen(everything: list[Record], folder: Path) -> dict[str, Anchor]:
    path = folder / "anchors.json"
    path.write_text(freeze(everything)[0])
    return read_anchors(path)


def entries(good: float = 0.8) -> list[Record]:
    table = anchored()
    for task in table:
        table[task]["good"] = spread(good, 8, 7)
    return records(table)


def row(everything: list[Record], name: str, anchors: dict[str, Anchor]) -> Row:
    return next(r for r in board(everything, frozen=anchors).rows if r.weighter == name)


def test_own_and_frozen_anchors_of_the_same_records_agree(tmp_path: Path) -> None:
    anchors = frozen(entries(), tmp_path)
    assert row(entries(), "good", anchors) == row(entries(), "good", {})


@pytest.mark.parametrize("deleted", ["uniform", "oracle", "good"])
def test_deleting_even_an_anchor_changes_no_other_number(tmp_path: Path, deleted: str) -> None:
    """But what is gained over plain training, where that is deleted."""
    anchors = frozen(entries(), tmp_path)
    rest = [r for r in entries() if r.trial.weighter != deleted]
    for name in {"uniform", "oracle", "good"} - {deleted}:
        before, after = row(entries(), name, anchors), row(rest, name, anchors)
        for task, cell in before.cells.items():
            gain = None if deleted == "uniform" else cell.gain
            assert after.cells[task] == dataclasses.replace(cell, gain=gain)
        assert before.skill == after.skill


def test_an_entry_alone_is_scored_failures_included(tmp_path: Path) -> None:
    anchors = frozen(entries(), tmp_path)
    alone = [record(task, "lost", seed, None) for task in anchors for seed in range(8)]
    lost = row(alone, "lost", anchors)
    assert lost.cells["a-v0"].accuracy.mean == pytest.approx(0.1)
    assert lost.skill is not None
    assert lost.skill.mean < -1


def test_another_definition_of_a_task_is_not_measured_by_its_anchors(tmp_path: Path) -> None:
    anchors = frozen(entries(), tmp_path)
    changed = [
        record(
            r.trial.task,
            r.trial.weighter,
            r.trial.seed,
            0.5,
            trial_changes={"fingerprint": "a" * 64},
        )
        for r in entries()
        if r.trial.task == "a-v0"
    ]
    notes = board(changed, frozen=anchors).notes
    assert any("its definition is not the one" in note for note in notes)


def test_tasks_without_frozen_anchors_use_their_own_and_say_so(tmp_path: Path) -> None:
    only_a = frozen([r for r in entries() if r.trial.task == "a-v0"], tmp_path)
    notes = board(entries(), frozen=only_a).notes
    assert any("own uniform" in note and "b-v0" in note for note in notes)
    both = frozen(entries(), tmp_path)
    assert not any("own uniform" in note for note in board(entries(), frozen=both).notes)


def test_a_task_whose_anchors_are_hardly_apart_is_not_admitted(tmp_path: Path) -> None:
    close = records({"c-v0": {"uniform": spread(0.80, 6, 0), "oracle": spread(0.81, 6, 1)}})
    text, refused = freeze([*entries(), *close])
    assert '"c-v0"' not in text
    assert len(refused) == 1
    assert refused[0].startswith("c-v0: left out, the anchors are only")


def test_anchors_do_not_depend_on_the_order_of_files() -> None:
    assert freeze(entries()) == freeze(entries()[::-1])


def test_a_file_that_holds_no_anchors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anchors.json"
    path.write_text('{"tasks": {"a-v0": {"lower": NaN}}}')
    with pytest.raises(RecordError, match="holds no anchors"):
        read_anchors(path)
