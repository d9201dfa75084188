"""Metrics beyond accuracy: what they are, who lacks them, and what a board makes of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, recall_score

from tests import generated
from weightbench.cli import main
from weightbench.errors import RecordError
from weightbench.records.measures import tallies
from weightbench.records.schema import Record
from weightbench.records.scores import Scores
from weightbench.records.store import Store
from weightbench.registry.metrics import METRICS
from weightbench.report.export import to_csv, to_json
from weightbench.scoring import board, compare, freeze
from weightbench.scoring.metrics import groups_of, nothing_is_wrong, value

Change = Callable[[str, int], dict[str, Any]]


def training_of(scores: Scores | None, **changes: Any) -> Any:
    return generated.training(0.75, scores=scores, **changes)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_recalls_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 6))
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, 300)])
    predicted = np.where(rng.random(len(truth)) < 0.6, truth, rng.integers(0, classes, len(truth)))
    train = np.repeat(np.arange(classes), rng.integers(1, 300, classes))
    training = training_of(
        generated.scores(tallies((train, None), (truth, None), predicted == truth))
    )
    each = recall_score(truth, predicted, average=None)
    sizes = np.bincount(train)
    expected = {
        "balanced_accuracy": balanced_accuracy_score(truth, predicted),
        "worst_class_recall": min(each),
        "worst_group_recall": None,
        "many_recall": each[sizes > 100].mean() if (sizes > 100).any() else None,
        "few_recall": each[sizes < 20].mean() if (sizes < 20).any() else None,
    }
    for name, number in expected.items():
        found = value(name, training)
        assert (found is None) == (number is None), name
        assert found is None or found == pytest.approx(number, abs=1e-12), name


def test_groups_of_fewer_than_50_rows_are_merged() -> None:
    large, small = (0, 0, 9, 50, 40), [(0, 1, 9, 20, 2), (1, 0, 9, 25, 3), (1, 1, 9, 30, 25)]
    assert groups_of([large, *small]) == [(50, 40), (75, 30)]
    assert groups_of([large, *small[:2]]) == [(50, 40)]  # 45 rows say too little
    assert groups_of(small[:2]) == [(45, 5)]  # and yet there is nothing else
    worst = value("worst_group_recall", training_of(generated.scores([large, *small])))
    assert worst == 30 / 75


def test_nothing_is_wrong_where_labels_are_right_and_kinds_are_as_frequent() -> None:
    alike = generated.scores([(0, None, 100, 52, 40), (1, None, 100, 48, 30)])
    tail = generated.scores([(0, None, 180, 50, 40), (1, None, 20, 50, 30)])
    spurious = generated.scores([(0, 0, 90, 50, 40), (0, 1, 10, 50, 9), (1, 0, 100, 100, 60)])
    assert nothing_is_wrong(training_of(alike, realised_noise=0.0))
    for scores in (tail, spurious, None):
        assert not nothing_is_wrong(training_of(scores, realised_noise=0.0))
    assert not nothing_is_wrong(training_of(alike, realised_noise=0.01))


def made(task: str, change: Change, seeds: int = 6, **training: Any) -> list[Record]:
    """Trials of both anchors and of ``good``; ``change`` says their scores."""
    accuracy = {"uniform": 0.6, "good": 0.75, "oracle": 0.9}
    return [
        generated.record(
            task, weighter, seed, mean + 0.002 * seed, **training,
            scores=generated.scores(**change(weighter, seed)),
        )
        for weighter, mean in accuracy.items()
        for seed in range(seeds)
    ]  # fmt: skip


def by_recall(weighter: str, seed: int, metric: str = "balanced_accuracy") -> dict[str, Any]:
    """Good is better than oracle in recall; 100 test rows of each class."""
    right = {"uniform": 40, "oracle": 60, "good": 65}[weighter] + seed
    tallies = [(0, 0, 500, 100, right), (1, 0, 500, 100, right + 20)]
    return {"metric": metric, "tallies": tallies}


def cells(records: list[Record], metric: str | None = None) -> dict[str, Any]:
    scored = board(records, metric=metric)
    return {row.weighter: next(iter(row.cells.values())) for row in scored.rows}


@pytest.mark.parametrize("metric", ["balanced_accuracy", "worst_group_recall"])
def test_skill_is_told_in_the_tasks_own_metric(metric: str) -> None:
    records = made("a-v0", lambda weighter, seed: by_recall(weighter, seed, metric))
    scored = board(records)
    found = {row.weighter: row for row in scored.rows}
    assert found["good"].skill is not None
    assert found["good"].skill.mean == pytest.approx(1.25)
    assert scored.anchors["a-v0"].metric == metric
    assert scored.metrics == {"a-v0": metric}
    cell = found["good"].cells["a-v0"]
    assert cell.metric == metric
    assert cell.score.mean == pytest.approx(0.775 if metric[0] == "b" else 0.675)
    assert cell.accuracy.mean == pytest.approx(0.755)
    assert any(note.startswith(f"a-v0: scored by {metric}") for note in scored.notes)
    plain = cells(records, "accuracy")["good"]
    assert plain.skill.mean == pytest.approx(0.5)


def test_frozen_anchors_are_those_of_their_metric() -> None:
    records = made("a-v0", by_recall)
    text, refused = freeze(records)
    assert not refused
    assert json.loads(text)["tasks"]["a-v0"]["metric"] == "balanced_accuracy"
    frozen = board(records).anchors
    assert not any("own" in note for note in board(records, frozen=frozen).notes)
    assert any("own" in note for note in board(records, frozen=frozen, metric="accuracy").notes)


def test_a_worst_group_has_an_interval_over_rows_that_more_seeds_do_not_close() -> None:
    def alike(weighter: str, _: int) -> dict[str, Any]:
        right = {"uniform": 40, "oracle": 90, "good": 65}[weighter]
        tallies = [(0, 0, 50, 100, right), (1, 0, 50, 400, 380)]
        return {"metric": "worst_group_recall", "tallies": tallies}

    for seeds in (6, 24):
        found = cells(made("a-v0", alike, seeds))["good"].score
        half = 1.96 * np.sqrt(0.65 * 0.35 / 100)
        assert found.mean == pytest.approx(0.65)
        assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.12)


def test_a_failed_trial_scores_chance_level_in_every_metric_that_has_one() -> None:
    lost = generated.record("a-v0", "good", 6, None)
    records = [*made("a-v0", by_recall), lost]
    assert cells(records)["good"].score.mean == pytest.approx((6 * 0.775 + 0.1) / 7)
    assert cells(records, "nll")["good"].score.mean == pytest.approx((6 * 0.9 + np.log(10)) / 7)
    ece = cells(records, "ece")["good"]
    assert (ece.score.mean, ece.seeds, ece.failures) == (pytest.approx(0.1), 6, 0)
    assert any("1 records without ece left out" in n for n in board(records, metric="ece").notes)


def test_less_is_better_where_it_is() -> None:
    nll = {"uniform": 1.5, "good": 0.9, "oracle": 0.5}
    plain = generated.scores().plain
    assert plain

    def change(weighter: str, seed: int) -> dict[str, Any]:
        return {"plain": plain.model_copy(update={"nll": nll[weighter] + 0.001 * seed})}

    records = made("a-v0", change)
    scored = board(records, metric="nll")
    assert [row.weighter for row in scored.rows] == ["oracle", "good", "uniform"]
    assert all(row.skill is None and row.rank is None for row in scored.rows)
    (difference,) = compare(records, "good", "uniform", metric="nll").tasks
    assert difference.difference.mean == pytest.approx(-0.6)
    assert difference.verdict == "first is better"


def test_harm_is_what_is_lost_where_nothing_is_wrong() -> None:
    records = made("clean-v0", lambda *_: {}, realised_noise=0.0)
    records += made("noisy-v0", lambda *_: {})
    scored = board(records, metric="harm")
    found = {row.weighter: row.cells for row in scored.rows}
    assert set(found["good"]) == {"clean-v0"}
    assert found["good"]["clean-v0"].score.mean == pytest.approx(-0.15)
    assert found["uniform"]["clean-v0"].score.mean == 0


def test_records_without_a_metric_are_said_to_be_without() -> None:
    older = generated.records(generated.anchored(6, ["a-v0"]))
    assert "a-v0: 12 records without nll left out, made before it was kept; train again" in (
        board(older, metric="nll").notes
    )
    with pytest.raises(RecordError, match="no record of oracle has nll; a-v0: 12 records"):
        compare(older, "oracle", "uniform", metric="nll")
    assert cells(older)["uniform"].metrics == {}


def test_exports_have_every_metric_that_the_records_have() -> None:
    records = made("a-v0", by_recall)
    (line,) = [
        line
        for line in csv.DictReader(io.StringIO(to_csv([board(records)])))
        if line["weighter"] == "good" and line["task"]
    ]
    assert line["metric"] == "balanced_accuracy"
    assert float(line["score"]) == pytest.approx(0.775)
    rows = json.loads(to_json([board(records)]))["rows"]
    cell = next(row for row in rows if row["weighter"] == "good")["cells"]["a-v0"]
    assert cell["metric"] == "balanced_accuracy"
    by_class = cell["by_class"]
    assert by_class["recall"] == pytest.approx([0.675, 0.875])
    for name, mean in {"weight_auroc": 0.8, "weight_ap": 0.9, "margin_ap": 0.95}.items():
        assert by_class[name] == [pytest.approx(mean), None]
    without = {"accuracy", "medium_recall", "few_recall", "harm"}
    assert set(cell["metrics"]) == METRICS.keys() - without
    for name, found in cell["metrics"].items():
        assert float(line[name]) == pytest.approx(found["mean"])
        assert float(line[f"{name}_low"]) <= found["mean"] + 1e-9


def test_a_board_by_accuracy_alone_is_written_as_ever() -> None:
    older = generated.records(generated.anchored(6, ["a-v0"]))
    cell = json.loads(to_json([board(older)]))["rows"][0]["cells"]["a-v0"]
    assert set(cell) == {"accuracy", "skill", "seeds", "failures", "gain"}
    assert "score" not in to_csv([board(older)]).partition("\n")[0]


def test_the_commands_show_a_metric(tmp_path: Any) -> None:
    store = Store(tmp_path)
    store.create()
    for record in made("a-v0", by_recall):
        store.put(record, {})

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    shown = said("leaderboard", str(tmp_path))
    assert "score A" in shown
    assert "A  a-v0, by balanced_accuracy" in shown
    shown = said("leaderboard", str(tmp_path), "--metric", "nll_scaled")
    assert "scored by nll_scaled" in shown
    assert "less is better; it gives no skill and no places" in shown
    shown = said("compare", "good", "uniform", str(tmp_path), "--metric", "worst_class_recall")
    assert "a-v0, by worst_class_recall" in shown
    refused = CliRunner().invoke(
        main, ["compare", "good", "uniform", str(tmp_path), "--metric", "harm"]
    )
    assert refused.exit_code == 1
    assert "no record of good has harm" in refused.output
