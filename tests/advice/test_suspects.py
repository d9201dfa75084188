"""Suspects: the wrong labels come first, and as many of them are wrong as is said."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from weightbench.advice import suspects

K, N = 6, 6000


def pairs(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a network unsure of neighbours says, of which the first two are mistaken; labels."""
    rng = np.random.default_rng(seed)
    true = rng.integers(K, size=N)
    given = np.where((rng.random(N) < 0.4) & (true < 2), true ^ 1, true)
    sure = rng.beta(4, 2, N)
    chances = rng.dirichlet(np.ones(K), N) * 0.05
    rows = np.arange(N)
    chances[rows, true] += sure * 0.95
    chances[rows, true ^ 1] += (1 - sure) * 0.95
    return chances / chances.sum(1, keepdims=True), given, true


def test_how_classes_are_mistaken_puts_wrong_labels_first() -> None:
    chances, given, true = pairs()
    wrong = given != true
    found = suspects.find(chances, given, np.full(N, -1), np.zeros(N, bool))
    assert not found.calibrated
    assert roc_auc_score(wrong, found.score) > 0.02 + roc_auc_score(
        wrong, -chances[np.arange(N), given]
    )
    assert (found.likelier != given).all()
    assert (found.likelier == true)[wrong].mean() > 0.95
    assert wrong[found.order[:300]].mean() > 0.8


@pytest.mark.parametrize("first", [100, 1000, 2500])
def test_as_many_are_wrong_as_trusted_rows_say(first: int) -> None:
    chances, given, true = pairs()
    chances = np.sqrt(chances)  # a network that is less sure than it might be
    chances /= chances.sum(1, keepdims=True)
    trusted = np.arange(N) < 300
    right = np.where(trusted, true, -1)
    found = suspects.find(chances, given, right, trusted)
    assert found.calibrated
    actual = (given != true)[found.order[:first]].mean()
    assert found.wrong_among(first) == pytest.approx(actual, abs=0.08)


def test_a_class_of_one_row_is_no_suspect() -> None:
    chances, given, _ = pairs()
    wider = np.concatenate([chances, np.zeros((N, 1))], axis=1)
    given[7] = K
    found = suspects.find(wider, given, np.full(N, -1), np.zeros(N, bool))
    assert np.isnan(found.score[7])
    assert 7 not in found.order
    assert len(found.order) == N - 1


def test_trusted_rows_without_a_mistake_calibrate_nothing() -> None:
    chances, given, _ = pairs()
    trusted = np.arange(N) < 300
    found = suspects.find(chances, given, np.where(trusted, given, -1), trusted)
    assert not found.calibrated
