"""What a reader of the board relies on."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generated import anchored, cost, record, records, spread
from weightbench.records.schema import Record
from weightbench.scoring import Board, Row, board


def rows(scored: Board) -> dict[str, Row]:
    return {row.weighter: row for row in scored.rows}


def numbers(row: Row) -> tuple[Any, ...]:
    """All of a row but its place, which depends on the others."""
    return (row.skill, dict(row.cells), row.cost, row.failures, row.used_holdout)


def entries(**means: float) -> list[Record]:
    table = anchored()
    for task in table:
        for i, (weighter, mean) in enumerate(means.items()):
            table[task][weighter] = spread(mean, 8, 100 + i)
    return records(table)


accuracies = st.lists(st.floats(0, 1), min_size=8, max_size=8)
tables = st.fixed_dictionaries(
    {name: st.tuples(accuracies, accuracies) for name in ("one", "two", "three")}
)


@settings(max_examples=25, deadline=None)
@given(tables, st.sampled_from(["one", "two", "three"]))
def test_deleting_an_entry_changes_no_other_number(
    table: dict[str, tuple[list[float], list[float]]], deleted: str
) -> None:
    both = anchored()
    for weighter, values in table.items():
        both["a-v0"][weighter], both["b-v0"][weighter] = values
    everything = records(both)
    whole = rows(board(everything))
    rest = rows(board([r for r in everything if r.trial.weighter != deleted]))
    assert set(rest) == set(whole) - {deleted}
    for weighter, row in rest.items():
        assert numbers(row) == numbers(whole[weighter])


def test_adding_an_entry_keeps_the_order_of_the_others() -> None:
    before = [row.weighter for row in board(entries(good=0.8, fair=0.7)).rows]
    after = [row.weighter for row in board(entries(good=0.8, fair=0.7, best=0.99)).rows]
    assert [name for name in after if name != "best"] == before


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_records_and_costs_changes_nothing(shuffle: random.Random) -> None:
    everything = entries(good=0.8, fair=0.7)
    costs = [cost(task, w, x) for task in ("a-v0", "b-v0") for w, x in (("good", 3), ("fair", 2))]
    expected = board(everything, costs)
    shuffle.shuffle(everything)
    shuffle.shuffle(costs)
    assert board(everything, costs) == expected


def test_relabelling_seeds_alike_for_all_keeps_means() -> None:
    table = anchored()
    reversed_ = {t: {w: v[::-1] for w, v in ws.items()} for t, ws in table.items()}
    for weighter, row in rows(board(records(table))).items():
        other = rows(board(records(reversed_)))[weighter]
        for task, cell in row.cells.items():
            assert cell.accuracy.mean == pytest.approx(other.cells[task].accuracy.mean, abs=1e-12)


def test_identical_weighters_get_identical_numbers() -> None:
    table = anchored()
    for task in table:
        table[task]["one"] = table[task]["two"] = spread(0.7, 8, 5)
    scored = rows(board(records(table)))
    assert numbers(scored["one"]) == numbers(scored["two"])


def test_skill_is_0_at_uniform_and_1_at_oracle() -> None:
    scored = rows(board(entries(half=0.75)))
    skills = {name: row.skill for name, row in scored.items()}
    assert skills["uniform"] is not None
    assert skills["uniform"].mean == pytest.approx(0, abs=1e-12)
    assert skills["oracle"] is not None
    assert skills["oracle"].mean == pytest.approx(1, abs=1e-12)
    assert skills["half"] is not None
    assert skills["half"].mean == pytest.approx(0.5, abs=0.05)
    assert skills["half"].low < skills["half"].mean < skills["half"].high


def test_the_oracle_is_shown_and_never_ranked() -> None:
    scored = rows(board(entries(good=0.8)))
    assert scored["oracle"].privileged
    assert scored["oracle"].rank is None
    assert (scored["good"].rank, scored["uniform"].rank) == (1, 2)


def test_a_failed_trial_counts_as_chance_level_and_is_marked() -> None:
    everything = entries(good=0.8)
    lost = [r for r in everything if not (r.trial.weighter == "good" and r.trial.seed == 3)]
    lost += [record(task, "good", 3, None) for task in ("a-v0", "b-v0")]
    scored = board(lost)
    row, whole = rows(scored)["good"], rows(board(everything))["good"]
    assert row.failures == 2
    assert row.cells["a-v0"].failures == 1
    kept = [r.training.accuracy for r in lost if r.training and r.trial.weighter == "good"]
    in_a = kept[: len(kept) // 2]
    assert row.cells["a-v0"].accuracy.mean == pytest.approx(np.mean([*in_a, 0.1]))
    assert row.skill is not None
    assert whole.skill is not None
    assert row.skill.mean < whole.skill.mean
    assert any("2 failed trials count as chance" in note for note in scored.notes)


def test_a_weighter_that_misses_a_task_is_not_ranked() -> None:
    everything = [
        r for r in entries(good=0.8) if (r.trial.task, r.trial.weighter) != ("b-v0", "good")
    ]
    assert rows(board(everything))["good"].rank is None


def test_notes_say_what_a_reader_must_know() -> None:
    assert any("own uniform" in note for note in board(entries(good=0.8)).notes)
    alone = [r for r in entries(good=0.8) if r.trial.seed < 1]
    assert any("a single seed" in note for note in board(alone).notes)
    assert not any("a single seed" in note for note in board(entries(good=0.8)).notes)
    missing = board(entries(), tasks=["a-v0", "c-v0"])
    assert any(note.startswith("c-v0: no records") for note in missing.notes)


def test_no_skill_where_the_anchors_are_missing_or_upside_down() -> None:
    upside_down = {"a-v0": {"uniform": spread(0.9, 6, 0), "oracle": spread(0.6, 6, 1)}}
    scored = board(records(upside_down))
    assert all(row.skill is None for row in scored.rows)
    assert any("no skill" in note for note in scored.notes)


def test_anchors_that_are_hardly_apart_are_pointed_out() -> None:
    close = {"a-v0": {"uniform": spread(0.80, 6, 0), "oracle": spread(0.82, 6, 1)}}
    assert any("skill says little" in note for note in board(records(close)).notes)


def test_a_task_that_tells_nothing_has_no_say_beside_one_that_does() -> None:
    table = anchored(tasks=("a-v0",))
    table["a-v0"]["good"] = spread(0.8, 8, 2)
    alone = rows(board(records(table)))
    table["easy-v0"] = {"uniform": spread(0.98, 8, 3), "oracle": spread(0.985, 8, 4)}
    table["easy-v0"]["good"] = spread(0.97, 8, 5)
    scored = board(records(table))
    assert {name: (row.skill, row.rank) for name, row in rows(scored).items()} == {
        name: (row.skill, row.rank) for name, row in alone.items()
    }
    cell = rows(scored)["good"].cells["easy-v0"]
    assert (round(cell.accuracy.mean, 2), cell.skill) == (0.97, None)
    assert any(note.startswith("easy-v0: the anchors are only 0.0") for note in scored.notes)
    frozen = {"a-v0": scored.anchors["a-v0"]}
    notes = board(records(table), frozen=frozen).notes
    assert not any("own uniform" in note for note in notes)  # the easy task's are not used


def test_records_of_older_code_give_way_to_newer_ones() -> None:
    old = [
        record("a-v0", "good", seed, 0.2, trial_changes={"source": "0" * 64}) for seed in range(8)
    ]
    new = [
        record("a-v0", "good", seed, 0.8, finished="2026-02-01T00:00:00+00:00") for seed in range(8)
    ]
    scored = board([*old, *new])
    assert rows(scored)["good"].cells["a-v0"].accuracy.mean == pytest.approx(0.8)
    assert any("8 records of older source code" in note for note in scored.notes)


def test_an_empty_store_gives_an_empty_board() -> None:
    assert board([]).rows == ()


def test_cost_counts_the_whole_training() -> None:
    everything = [
        record("a-v0", "uniform", 0, 0.6),
        record("a-v0", "oracle", 0, 0.9),
        record("a-v0", "slow", 0, 0.8, steps=200, side_work=100),
    ]
    row = rows(board(everything, [cost("a-v0", "slow", 3.0)]))["slow"]
    assert row.cost is not None
    assert row.cost.time == pytest.approx((200 * 3.0 + 100) / 400)
    assert rows(board(everything))["slow"].cost is None


def test_costs_of_two_tasks_are_averaged_as_ratios() -> None:
    table = anchored()
    for task in table:
        table[task]["slow"] = [0.8] * 8
    costs = [cost("a-v0", "slow", 2.0), cost("b-v0", "slow", 8.0)]
    row = rows(board(records(table), costs))["slow"]
    assert row.cost is not None
    assert row.cost.time == pytest.approx(4.0)


def test_scoring_loads_no_torch() -> None:
    code = "import sys, weightbench.scoring; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_identical_weighters_tie_and_share_their_places() -> None:
    table = anchored()
    for task in table:
        table[task]["one"] = table[task]["two"] = spread(0.7, 8, 5)
    scored = rows(board(records(table)))
    one, two = scored["one"], scored["two"]
    assert (one.rank, one.rank_last) == (two.rank, two.rank_last) == (1, 2)
    assert one.place == "1-2"
    assert one.ties == ("two",)
    assert two.ties == ("one",)


def test_who_is_better_on_every_seed_is_told_apart() -> None:
    scored = rows(board(entries(good=0.8, fair=0.7)))
    assert [scored[name].place for name in ("good", "fair", "uniform")] == ["1", "2", "3"]
    assert scored["good"].ties == ()


def test_a_win_here_and_a_loss_there_is_a_tie() -> None:
    table = anchored()
    table["a-v0"]["one"], table["b-v0"]["one"] = spread(0.8, 8, 5), spread(0.65, 8, 6)
    table["a-v0"]["two"], table["b-v0"]["two"] = spread(0.65, 8, 6), spread(0.8, 8, 5)
    assert rows(board(records(table)))["one"].ties == ("two",)


def test_a_newcomer_may_move_places_and_no_other_number() -> None:
    before = rows(board(entries(good=0.8, fair=0.7)))
    after = rows(board(entries(good=0.8, fair=0.7, best=0.95)))
    for name, row in before.items():
        assert numbers(row) == numbers(after[name])
    assert (before["good"].place, after["good"].place) == ("1", "2")
