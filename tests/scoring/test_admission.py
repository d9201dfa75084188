"""Which tasks tell anything: at every threshold, on both sides of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generated import anchored, digest, record, records, spread
from weightbench.records.schema import Record
from weightbench.scoring import Anchor, Board, board, freeze, read_anchors

TASK = "c-v0"


def frozen(everything: list[Record], folder: Path) -> dict[str, Anchor]:
    path = folder / "anchors.json"
    path.write_text(freeze(everything)[0])
    return read_anchors(path)


def apart(*gaps: float, task: str = TASK) -> list[Record]:
    """Uniform at .25 on every seed; oracle above it by ``gaps``."""
    return records({task: {"uniform": [0.25] * len(gaps), "oracle": [0.25 + g for g in gaps]}})


@pytest.mark.parametrize(("gap", "admitted"), [(0.0299, False), (0.0301, True)])
def test_a_gap_of_three_points_is_asked_for(gap: float, admitted: bool, tmp_path: Path) -> None:
    everything = apart(*[gap] * 6)
    assert (TASK in frozen(everything, tmp_path)) == admitted
    assert len(freeze(everything)[1]) == (not admitted)


@pytest.mark.parametrize(("gap", "admitted"), [(4.95, False), (5.05, True)])
def test_a_gap_of_five_standard_errors_is_asked_for(
    gap: float, admitted: bool, tmp_path: Path
) -> None:
    """Half of the seeds above the mean gap, half below: one error is .1 / sqrt(n - 1)."""
    one_error = 0.1 / np.sqrt(9)
    mean = gap * one_error
    everything = apart(*[mean + 0.1, mean - 0.1] * 5)
    assert (TASK in frozen(everything, tmp_path)) == admitted


def scored(anchor: Anchor) -> Board:
    made = [record(TASK, "good", seed, 0.5) for seed in range(8)]
    return board(made, frozen={TASK: anchor})


def anchor(upper: float, error: float) -> Anchor:
    return Anchor(
        fingerprint=digest(TASK), lower=0.0, upper=upper, chance=0.1, seeds=8, error=error
    )


@pytest.mark.parametrize(
    ("upper", "error", "little"),
    [
        (0.03, 0.0, False), (0.0299, 0.0, True), (0.5, 0.1, False), (0.5, 0.1001, True),
        (0.02, 0.1, True), (0.04, 0.001, False),
    ],
)  # fmt: skip
def test_a_board_says_where_published_anchors_tell_little(
    upper: float, error: float, little: bool
) -> None:
    notes = scored(anchor(upper, error)).notes
    said = [n for n in notes if n.endswith("apart; skill says little there")]
    assert bool(said) == little
    if little:
        assert said == [
            f"{TASK}: the anchors are only {upper:.3f} +- {error:.3f} apart; skill says little "
            "there"
        ]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=10))
def test_anchors_are_means_over_seeds_and_their_error_is_that_of_paired_gaps(
    pairs: list[tuple[float, float]],
) -> None:
    low, high = (np.array(values) for values in zip(*pairs, strict=True))
    everything = records({TASK: {"uniform": low.tolist(), "oracle": high.tolist()}})
    gap, error = float(np.mean(high - low)), float(np.std(high - low, ddof=1) / len(low) ** 0.5)
    near = abs(gap - 0.03) < 1e-9 or abs(gap - 5 * error) < 1e-9
    text, refused = freeze(everything)
    if near:
        return
    assert (f'"{TASK}"' in text) == (gap >= 0.03 and gap >= 5 * error)
    if gap > 1e-9:
        kept = board(everything).anchors[TASK]
        assert kept.lower == pytest.approx(np.mean(low), abs=1e-12)
        assert kept.upper == pytest.approx(np.mean(high), abs=1e-12)
        assert kept.error == pytest.approx(error, abs=1e-12)
    elif gap < -1e-9:
        assert refused == [f"{TASK}: left out, oracle is not above"]


def test_every_field_of_a_frozen_anchor(tmp_path: Path) -> None:
    """Uniform has two seeds more, one of oracle's failed: the gap is over those that both have."""
    everything = [
        *records({TASK: {"uniform": [0.5, 0.5, 0.5, 0.6, 0.6, 0.6], "oracle": [0.8, 0.9, 0.9]}}),
        record(TASK, "oracle", 3, None),
    ]
    anchors = frozen(everything, tmp_path)
    assert set(anchors) == {TASK}
    found = anchors[TASK]
    assert found.fingerprint == digest(TASK)
    assert found.lower == pytest.approx(0.55)
    assert found.upper == pytest.approx(2.6 / 3)
    assert found.chance == 0.1
    assert found.seeds == 3
    assert found.error == pytest.approx(np.std([0.3, 0.4, 0.4], ddof=1) / 3**0.5)


def test_a_gap_known_from_a_single_seed_has_no_error(tmp_path: Path) -> None:
    assert frozen(apart(0.3), tmp_path)[TASK].error == 0
    assert frozen(apart(0.3), tmp_path)[TASK].seeds == 1
    two = frozen(apart(0.3, 0.30001), tmp_path)[TASK]
    assert two.error == pytest.approx(0.000005)


@pytest.mark.parametrize("lost", ["uniform", "oracle"])
def test_an_anchor_that_never_finished_is_none(lost: str) -> None:
    made = {w: [0.5 + 0.2 * (w == "oracle")] * 6 for w in ("uniform", "oracle") if w != lost}
    everything = [*records({TASK: made}), *[record(TASK, lost, seed, None) for seed in range(6)]]
    assert board(everything).anchors == {}
    assert freeze(everything)[1] == [f"{TASK}: left out, oracle is not above"]


def test_anchors_that_are_equal_are_none() -> None:
    assert board(apart(0.0, 0.0)).anchors == {}


def test_tasks_left_out_are_named_in_order_with_the_reason(tmp_path: Path) -> None:
    everything = [
        *records(anchored(tasks=("b-v0", "a-v0"))),
        *apart(0.01, 0.01, 0.01, 0.01, task="z-v0"),
        *[record("d-v0", "uniform", seed, 0.5) for seed in range(4)],
    ]
    assert freeze(everything)[1] == [
        "d-v0: left out, oracle is not above",
        "z-v0: left out, the anchors are only 0.010 +- 0.000 apart",
    ]
    assert set(frozen(everything, tmp_path)) == {"a-v0", "b-v0"}


def test_a_failed_trial_scores_what_the_published_anchor_calls_chance() -> None:
    lost = [record(TASK, "lost", seed, None) for seed in range(6)]
    known = anchor(0.5, 0.01).model_copy(update={"chance": 0.25})
    assert board(lost, frozen={TASK: known}).rows[0].cells[TASK].accuracy.mean == 0.25
    assert board(lost).rows[0].cells[TASK].accuracy.mean == 0


def test_published_anchors_are_those_of_the_package() -> None:
    from weightbench.scoring import published_anchors

    path = Path(__file__).parents[2] / "leaderboard" / "anchors.json"
    assert published_anchors() == read_anchors(path)
    assert published_anchors()


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 2, "tasks": {}}', '{"x": 1}'])
def test_what_holds_no_anchors_is_named_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "anchors.json"
    path.write_text(text)
    with pytest.raises(Exception, match=r"^.*anchors\.json holds no anchors: ") as caught:
        read_anchors(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_holds_none(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="No such file"):
        read_anchors(tmp_path / "nowhere.json")


def test_a_crowded_page_of_notes_is_whole() -> None:
    """One that tells nothing beside one that does, one without records, one without anchors."""
    table = anchored(tasks=("a-v0",))
    table["e-v0"] = {"uniform": spread(0.98, 8, 3), "oracle": spread(0.985, 8, 4)}
    table["f-v0"] = {"uniform": spread(0.5, 8, 3)}
    notes = board(records(table), tasks=["a-v0", "e-v0", "f-v0", "g-v0"]).notes
    assert [n.split(":")[0] for n in notes] == [
        "anchors are this run's own uniform (skill 0) and oracle (skill 1)",
        "e-v0", "f-v0", "g-v0",
    ]  # fmt: skip
    assert notes[1].endswith("apart, too little for skill")
    assert notes[2:] == (
        "f-v0: no skill, for it needs uniform below oracle as anchors",
        "g-v0: no records",
    )


@pytest.mark.parametrize(
    ("clean", "counts"), [(0.6, True), (0.64, True), (0.66, False), (0.9, False)]
)
def test_a_task_that_clean_rows_alone_solve_counts_for_no_skill(
    clean: float, counts: bool, tmp_path: Path
) -> None:
    """Uniform is at .5 and oracle at .8 on both tasks: .65 is half of the way."""
    plain = {"uniform": [0.5] * 6, "oracle": [0.8] * 6, "good": [0.7] * 6}
    easy = {**plain, "clean-only": [clean] * 6, "good": [0.8] * 6}
    everything = records({"a-v0": {**plain, "clean-only": [0.5] * 6}, "b-v0": easy})
    anchors = frozen(everything, tmp_path)
    assert anchors["b-v0"].clean == pytest.approx(clean)
    made = board(everything, frozen=anchors)
    assert set(made.anchors) == ({"a-v0", "b-v0"} if counts else {"a-v0"})
    (good,) = (row for row in made.rows if row.weighter == "good")
    assert good.skill is not None
    assert good.skill.mean == pytest.approx(5 / 6 if counts else 2 / 3)
    said = [note for note in made.notes if "hold-out alone closes" in note]
    assert bool(said) == (not counts) == bool(freeze(everything)[1])
    without = board([r for r in everything if r.trial.weighter != "clean-only"], frozen=anchors)
    (same,) = (row for row in without.rows if row.weighter == "good")
    assert same.skill == good.skill, "whether it was trained beside it changes no other number"
