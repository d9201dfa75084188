"""Formulae against scikit-learn's own, or against a second way of computing them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from weightbench.records import measures

seeds = st.integers(0, 2**32 - 1)
_EXACT = 1e-12


def drawn(seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Outputs of a network, (n, K), and true classes, some of which may be absent."""
    rng = np.random.default_rng(seed)
    n, classes = int(rng.integers(2, 200)), int(rng.integers(2, 12))
    outputs = rng.uniform(0.1, 8) * rng.standard_normal((n, classes))
    if seed % 3 == 0:  # with many ties
        outputs = outputs.round()
    return outputs, rng.integers(0, classes, n)


def probabilities(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    log_p = measures.log_probabilities(outputs)
    assert log_p is not None
    return log_p


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_nll_and_brier_are_scikit_learns(seed: int) -> None:
    outputs, truth = drawn(seed)
    outputs = outputs.clip(-10, 10)  # scikit-learn takes what is less than 2e-16 for that
    log_p = probabilities(outputs)
    p, labels = np.exp(log_p), np.arange(outputs.shape[1])
    p = p / p.sum(axis=1, keepdims=True)
    found = measures.nll(log_p, truth)
    assert found == pytest.approx(metrics.log_loss(truth, p, labels=labels), rel=_EXACT, abs=_EXACT)
    each = [math.log(sum(map(math.exp, o - o[y]))) for o, y in zip(outputs, truth, strict=True)]
    assert found == pytest.approx(sum(each) / len(each), rel=_EXACT, abs=_EXACT)
    squared = metrics.mean_squared_error(np.eye(len(labels))[truth], p) * len(labels)
    assert measures.brier(log_p, truth) == pytest.approx(squared, abs=_EXACT)


def ece_again(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Row by row: a bin is the whole part of 15 times the share of rows that have less."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for c, r in zip(confidence, right, strict=True):
        bins.setdefault(int(15 * sum(confidence < c)) // len(confidence), []).append((c, bool(r)))
    gaps = [
        len(rows) * abs(np.mean([r for _, r in rows]) - np.mean([c for c, _ in rows]))
        for rows in bins.values()
    ]
    return float(sum(gaps)) / len(confidence)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_ece_is_that_of_a_second_implementation_in_any_order_of_rows(seed: int) -> None:
    outputs, truth = drawn(seed)
    log_p = probabilities(outputs)
    confidence, right = np.exp(log_p.max(axis=1)), log_p.argmax(axis=1) == truth
    found = measures.ece(confidence, right)
    assert found == pytest.approx(ece_again(confidence, right), abs=_EXACT)
    order = np.random.default_rng(seed).permutation(len(truth))
    assert measures.ece(confidence[order], right[order]) == pytest.approx(found, abs=_EXACT)


def test_ece_has_15_bins_of_equal_mass() -> None:
    """With one row a bin, each gap counts; in bins of equal width they would cancel."""
    confidence = np.linspace(0.900, 0.914, 15)
    right = np.arange(15) % 2 == 0
    assert measures.ece(confidence, right) == pytest.approx(np.abs(right - confidence).mean())
    assert measures.ece(np.repeat(confidence, 2), np.array([True, False] * 15)) == pytest.approx(
        np.abs(0.5 - confidence).mean()
    )


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_detection_is_scikit_learns_over_all_and_by_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, classes = int(rng.integers(4, 150)), int(rng.integers(2, 5))
    score, right = rng.standard_normal(n), rng.random(n) < rng.random()
    score = score.round(1) if seed % 2 else score
    score[rng.random(n) < 0.1] = np.nan
    given_ = rng.integers(0, classes, n)
    found = measures.detection(score, right, given_, classes)
    known = ~np.isnan(score)
    for part, both in [
        (known, found and (found.auroc, found.average_precision)),
        *((known & (given_ == k), found and found.by_class[k]) for k in range(classes)),
    ]:
        if found is None or both is None:
            assert found is None or right[part].all() or not right[part].any()
            continue
        own = (metrics.roc_auc_score, metrics.average_precision_score)
        assert both == pytest.approx([f(right[part], score[part]) for f in own], abs=_EXACT)


def test_a_temperature_is_found_where_it_is_known() -> None:
    """Labels drawn from softmax(outputs / 3) are told best at a temperature of 3."""
    rng = np.random.default_rng(0)
    outputs = 6 * rng.standard_normal((20_000, 4))
    true = np.exp(probabilities(outputs / 3))
    truth = (rng.random((len(true), 1)) > true.cumsum(axis=1)).sum(axis=1).clip(max=3)
    found = measures.temperature(outputs, truth)
    assert found is not None
    assert found == pytest.approx(3, rel=0.03)
    least = measures.nll(probabilities(outputs / found), truth)
    for other in (0.99 * found, 1.01 * found, 1.0):
        assert least < measures.nll(probabilities(outputs / other), truth)


def test_outputs_that_are_no_numbers_have_no_probabilities() -> None:
    rows = np.zeros((3, 2))
    rows[1, 0] = np.nan
    assert measures.log_probabilities(rows) is None
    assert measures.temperature(rows, np.zeros(3, np.int64)) is None
    assert measures.temperature(rows[:0], np.zeros(0, np.int64)) is None
    rows[1, 0] = np.inf
    assert measures.log_probabilities(rows) is None


def test_a_vote_against_a_class_is_bounded() -> None:
    log_p = probabilities(np.array([[0.0, -np.inf], [0.0, -1e9]]))
    assert np.exp(log_p) == pytest.approx(np.array([[1.0, 0.0], [1.0, 0.0]]), abs=1e-300)
    assert measures.nll(log_p, np.array([1, 1])) == 700


def test_margins_are_of_the_given_class() -> None:
    outputs = np.array([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [-np.inf, -np.inf, -np.inf]])
    found = measures.margins(outputs, np.array([0, 1, 2]))
    assert found[:2].tolist() == [1.0, -2.0]
    assert np.isnan(found[2])
    assert outputs[0, 0] == 3


@settings(max_examples=30, deadline=None)
@given(seeds, st.booleans())
def test_tallies_count_every_row_once(seed: int, grouped: bool) -> None:
    rng = np.random.default_rng(seed)
    train, test = (rng.integers(0, 5, int(rng.integers(1, 80))) for _ in range(2))
    groups = [rng.integers(0, 3, len(one)) if grouped else None for one in (train, test)]
    right = rng.random(len(test)) < 0.7
    found = measures.tallies((train, groups[0]), (test, groups[1]), right)
    assert found == sorted(found, key=lambda tally: (tally[0], tally[1] or 0))
    assert [sum(tally[i] for tally in found) for i in (2, 3, 4)] == [  # type: ignore[misc]
        len(train), len(test), int(right.sum()),
    ]  # fmt: skip
    for label, group, trained, tested, hits in found:
        of_train, of_test = (
            (labels == label) & (True if group is None or g is None else g == group)
            for labels, g in zip((train, test), groups, strict=True)
        )
        assert (trained, tested, hits) == (of_train.sum(), of_test.sum(), right[of_test].sum())
