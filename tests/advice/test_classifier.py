"""The estimator is one for scikit-learn, and weighs as a run does."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

import weightbench as wb

QUICK: dict[str, Any] = {"steps": 60, "batch_size": 50, "lr": 0.1, "random_state": 0}


@parametrize_with_checks([wb.WeightedClassifier("gce", **QUICK)])  # type: ignore[untyped-decorator]
def test_it_passes_every_check_of_scikit_learn(
    estimator: Any, check: Callable[[Any], None]
) -> None:
    check(estimator)


def table(n: int = 600) -> tuple[Any, Any, Any]:
    """Rows, true labels as text, and labels of which 30 % are wrong."""
    rng = np.random.default_rng(0)
    rows = rng.normal(3, 2, size=(n, 4))
    true = np.where(rows[:, 0] + rows[:, 1] > 6, "yes", "no")
    wrong = rng.random(n) < 0.3
    return rows, true, np.where(wrong, np.where(true == "yes", "no", "yes"), true)


def test_clean_rows_tell_wrong_labels_by_their_weights() -> None:
    rows, true, given = table()
    model = wb.WeightedClassifier(**{**QUICK, "steps": 200})
    model.fit(rows[:500], given[:500], X_clean=rows[500:], y_clean=true[500:])
    weights = model.example_weights_
    assert weights.shape == (500,)
    assert weights.mean() == pytest.approx(1)
    right = (true == given)[:500]
    assert weights[right].mean() > 1.5 * weights[~right].mean()
    assert list(model.classes_) == ["no", "yes"]
    assert model.score(rows[:500], true[:500]) > 0.9


@pytest.mark.parametrize(
    "weighter", ["l2rw-auto", "l2rw", "clean-only", "mw-net-fo", "glc", "uniform+ft"]
)
def test_a_weighter_that_needs_clean_rows_is_refused_with_the_remedy(weighter: str) -> None:
    rows, _, given = table(100)
    with pytest.raises(wb.errors.BadData, match=r"needs clean rows: give fit\(X, y, X_clean="):
        wb.WeightedClassifier(weighter, **QUICK).fit(rows, given)


def test_true_labels_are_nobodys() -> None:
    rows, _, given = table(100)
    with pytest.raises(wb.errors.BadSpec, match="true labels"):
        wb.WeightedClassifier("oracle", **QUICK).fit(rows, given)


def test_it_stands_in_a_pipeline_and_a_grid() -> None:
    rows, true, _ = table(200)
    chain = make_pipeline(MinMaxScaler(), wb.WeightedClassifier("uniform", **QUICK))
    grid = GridSearchCV(chain, {"weightedclassifier__weighter": ["uniform", "gce"]}, cv=2)
    assert grid.fit(rows, true).best_score_ > 0.8
    name = "weightedclassifier__"
    chain.fit(rows, true, **{f"{name}X_clean": rows[:20], f"{name}y_clean": true[:20]})
    assert chain.score(rows, true) > 0.8


def test_images_a_network_of_ones_own_and_a_copy_from_a_file() -> None:
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8, 1) * 15).astype(np.uint8)
    own = wb.WeightedClassifier(
        "uniform", lambda data: nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    )
    for model in (wb.WeightedClassifier("uniform", steps=150, random_state=0), own):
        model.fit(images[:1000], labels[:1000])
        assert model.score(images[1000:], labels[1000:]) > 0.8
    (copy, again) = pickle.loads(pickle.dumps(model.set_params(network=None))), clone(model)
    assert np.array_equal(copy.predict_proba(images), model.predict_proba(images))
    assert not hasattr(again, "network_")
    with pytest.raises(ValueError, match="fitted on"):
        model.predict(images[:, :4])
