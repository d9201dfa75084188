"""One submission cannot stop the others, neither on the way in nor on the board."""

from __future__ import annotations

import shutil

import pytest

from tests import generated
from tests.generated import anchored, records
from tests.submission.made import Folder
from weightbench.records.schema import Record
from weightbench.scoring import board
from weightbench.scoring.costs import cost_ratios
from weightbench.submission.boards import _fitting
from weightbench.submission.published import published
from weightbench.submission.verifying import verify


@pytest.mark.parametrize("name", ["an empty folder", "no manifest", "broken", "a file"])
def test_a_bad_neighbour_is_a_note(name: str, folder: Folder) -> None:
    other = folder.path.with_name("other")
    if name == "broken":
        shutil.copytree(folder.path, other)
        (other / "predictions.npz").write_bytes(b"PK\x1b[31m")
    elif name == "a file":
        other.write_text("::error::x")
    else:
        other.mkdir()
        if name == "no manifest":
            (other / "\x1b[31mmanifest.json").touch()
    evidence, _ = verify(folder.path)
    assert evidence.badge == "re-scored"
    notes = [note for note in evidence.notes if "other" in note]
    assert len(notes) == (name != "a file")
    assert all(note.isprintable() and note.startswith("not compared with") for note in notes)
    found = published(folder.path.parent)
    assert found.badges == {"mine.py:Mine": "re-scored"}
    assert len(found.damaged) == 1


def test_of_many_bad_neighbours_some_are_named(folder: Folder) -> None:
    for i in range(30):
        folder.path.with_name(f"bad-{i}").mkdir()
    evidence, _ = verify(folder.path)
    assert len(evidence.notes) < 15
    assert "and with 20 more beside it" in evidence.notes


@pytest.mark.parametrize("changes", [{"engine": 7}, {"fingerprint": "ab" * 32}])
def test_a_newer_submission_does_not_displace_the_board(changes: dict[str, object]) -> None:
    own = records(anchored())
    late = "2099-01-01T00:00:00+00:00"
    theirs = [
        generated.record("a-v0", "theirs", seed, 0.7, finished=late, trial_changes=changes)
        for seed in range(8)
    ]
    fitting, notes = _fitting(own, theirs)
    assert fitting == []
    assert notes["a-v0"].startswith("a-v0: 8 submitted records are of another version of the task")
    good = [generated.record("a-v0", "theirs", seed, 0.7, finished=late) for seed in range(8)]
    assert _fitting(own, good) == (good, {})
    assert _fitting([], theirs) == (theirs, {})


def of_steps(steps: int, weighter: str) -> list[Record]:
    return [generated.record("a-v0", weighter, seed, 0.7, steps=steps) for seed in range(3)]


@pytest.mark.parametrize(("own", "plain"), [(0, 400), (400, 0), (0, 0), (2**53, 1)])
def test_a_board_survives_any_count_of_steps(own: int, plain: int) -> None:
    kept = of_steps(own, "good") + of_steps(plain, "uniform")
    cost = generated.cost("a-v0", "good", 1e9, flop_ratio=1e9, memory_ratio=1e-9)
    found = cost_ratios([cost], kept, ["a-v0"])
    assert set(found) == ({"good"} if own and plain else set())
    assert board(kept, [cost]).rows


def test_anchors_a_hair_apart_give_no_skill() -> None:
    table = {"a-v0": {"uniform": [0.5] * 3, "oracle": [0.5 + 1e-12] * 3, "good": [0.9] * 3}}
    made = board(records(table))
    assert all(row.skill is None for row in made.rows)
