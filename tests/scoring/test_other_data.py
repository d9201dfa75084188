"""Records of two data sets, or of two definitions of a task, are never averaged."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generated import digest, record
from weightbench.errors import UnknownName
from weightbench.records.schema import Record
from weightbench.scoring import board, compare

TASK = "a-v0"
DAYS = [f"2026-01-0{day}T00:00:00+00:00" for day in range(1, 8)]


def made(
    weighter: str, data: str, accuracy: float | None, day: int, seeds: int = 6, **trial: object
) -> list[Record]:
    """Records of a task whose data have the checksum ``data``."""
    fields: dict[str, Any] = {} if accuracy is None else {"checksums": {"data": digest(data)}}
    return [
        record(
            str(trial.get("task", TASK)), weighter, seed, accuracy, finished=DAYS[day],
            trial_changes={k: v for k, v in trial.items() if k != "task"}, **fields,
        )
        for seed in range(seeds)
    ]  # fmt: skip


def test_those_of_the_newest_data_count_where_the_data_are_not_at_hand() -> None:
    old, new = made("good", "old", 0.2, 0, 8), made("good", "new", 0.8, 1)
    fair = made("fair", "old", 0.3, 0)
    for everything in ([*old, *new, *fair], [*fair, *new, *old]):
        scored = board(everything)
        assert scored.records == tuple(new)
        assert scored.notes[0] == (
            f"{TASK}: 14 records set aside, for they were made with other data than its newest"
        )
        assert not any("older" in note for note in scored.notes)


def test_those_of_todays_data_count_however_old_they_are() -> None:
    old, new = made("good", "old", 0.2, 0, 8), made("good", "new", 0.8, 1)
    scored = board([*old, *new], data={TASK: digest("old")})
    assert scored.records == tuple(old)
    assert scored.notes[0] == (
        f"{TASK}: 6 records set aside, for they were made with other data than there are today"
    )
    assert board([*old, *new], data={TASK: digest("new")}).records == tuple(new)
    assert board([*old, *new], data={"b-v0": digest("old")}).records == tuple(new)


def test_where_none_was_made_with_todays_data_there_are_no_records() -> None:
    scored = board(made("good", "old", 0.2, 0), data={TASK: digest("today")})
    assert scored.records == ()
    assert scored.rows == ()
    assert scored.notes[0].startswith(f"{TASK}: 6 records set aside")


def test_what_belongs_together_is_not_set_aside() -> None:
    scored = board(made("good", "x", 0.8, 0) + made("fair", "x", 0.6, 1), data={TASK: digest("x")})
    assert len(scored.records) == 12
    assert not any("set aside" in note or "older" in note for note in scored.notes)


def test_records_that_name_no_data_are_of_one_data_set() -> None:
    nameless = [record(TASK, "good", seed, 0.5, checksums={}) for seed in range(6)]
    lost = made("lost", "", None, 0, 2)
    assert len(board([*nameless, *lost]).records) == 8
    assert not any("set aside" in note for note in board([*nameless, *lost]).notes)
    named = made("fair", "x", 0.5, 1)
    scored = board([*nameless, *named])
    assert scored.records == tuple(named)
    assert f"{TASK}: 6 records set aside" in scored.notes[0]
    later = [r.model_copy(update={"finished": DAYS[2]}) for r in nameless]
    assert board([*later, *named]).records == tuple(later)


def test_each_task_has_data_of_its_own() -> None:
    a = made("good", "old", 0.2, 0) + made("good", "new", 0.8, 1, 7)
    b = made("good", "old", 0.5, 0, 5, task="b-v0")
    scored = board([*a, *b])
    assert [len(c) for c in ([r for r in scored.records if r.trial.task == t]
                             for t in (TASK, "b-v0"))] == [7, 5]  # fmt: skip
    assert [note for note in scored.notes if "set aside" in note] == [
        f"{TASK}: 6 records set aside, for they were made with other data than its newest"
    ]


def test_failures_go_with_the_definition_they_failed_on() -> None:
    """They have no data; those of a definition whose results are set aside are set aside too."""
    other: dict[str, Any] = {"fingerprint": digest("another definition")}
    results = made("good", "new", 0.8, 1) + made("good", "old", 0.2, 0, **other)
    lost, old_lost = made("lost", "", None, 1, 3), made("lost", "", None, 0, 4, **other)
    scored = board([*results, *lost, *old_lost], data={TASK: digest("new")})
    assert set(map(id, scored.records)) == set(map(id, [*results[:6], *lost]))
    assert f"{TASK}: 10 records set aside" in scored.notes[0]
    alone = board(lost, data={TASK: digest("new")})
    assert alone.records == tuple(lost), "where nothing but failures is there, they are shown"


@pytest.mark.parametrize("field", ["fingerprint", "engine"])
def test_of_two_definitions_or_engines_the_newest_counts_for_all_weighters(field: str) -> None:
    """A mean over two definitions of a task would be one over two tasks."""
    now = record(TASK, "x", 0, 0.5).trial
    old = {field: digest("old") if field == "fingerprint" else now.engine + 1}
    before = made("good", "x", 0.2, 0, 8, **old) + made("fair", "x", 0.3, 0, 8, **old)
    after = made("good", "x", 0.8, 1)
    for everything in ([*before, *after], [*after, *before]):
        scored = board(everything)
        assert scored.records == tuple(after)
        assert scored.notes[0] == "16 records of older source code are left out"


def test_a_comparison_is_over_one_data_set_too() -> None:
    good = made("good", "old", 0.2, 0) + made("good", "new", 0.8, 1)
    fair = made("fair", "old", 0.6, 0) + made("fair", "new", 0.7, 1)
    found = compare([*good, *fair], "good", "fair")
    assert found.tasks[0].one == pytest.approx(0.8)
    assert found.tasks[0].other == pytest.approx(0.7)
    assert found.notes[0].startswith(f"{TASK}: 12 records set aside")
    found = compare([*good, *fair], "good", "fair", data={TASK: digest("old")})
    assert found.tasks[0].one == pytest.approx(0.2)
    with pytest.raises(UnknownName, match="no records of 'fair'"):
        compare([*good, *fair[:6]], "good", "fair", data={TASK: digest("new")})


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["good", "fair"]), st.sampled_from(["one", "two"]),
            st.sampled_from(["mine", "theirs"]), st.integers(0, 6), st.booleans(),
        ),
        min_size=1, max_size=10,
    ),
    st.sampled_from([None, "one", "two", "three"]),
)  # fmt: skip
def test_whatever_there_is_what_counts_is_of_one_data_set_and_one_definition(
    kinds: list[tuple[str, str, str, int, bool]], today: str | None
) -> None:
    everything = list(
        itertools.chain.from_iterable(
            made(w, data, None if lost else 0.5, day, 2, fingerprint=digest(definition))
            for w, data, definition, day, lost in kinds
        )
    )
    known = None if today is None else {TASK: digest(today)}
    scored = board(everything, data=known)
    data = {r.training.checksums["data"] for r in scored.records if r.training}
    assert len(data) <= 1
    assert len({r.trial.fingerprint for r in scored.records}) <= 1
    if today is not None:
        assert data <= {digest(today)}
    accounted = len(scored.records)
    for note in scored.notes:
        words = note.split()
        if "set aside" in note:
            accounted += int(words[1])
        elif "older source" in note:
            accounted += int(words[0])
    assert accounted == len(everything)
