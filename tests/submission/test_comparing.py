"""A trial as submitted and as it came out again."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.submission.made import Folder
from weightbench.errors import SubmissionError
from weightbench.records.schema import Provenance
from weightbench.submission.comparing import (
    BEYOND,
    DEVIATION,
    UPWARD,
    Pair,
    is_same_machine,
    limit,
    refuse_a_trend,
    refuse_any_difference,
    refuse_other_facts,
)
from weightbench.submission.reading import read

GAP = 0.5


@pytest.fixture
def pair(folder: Folder) -> Pair:
    """Of the first trial, that came out as it was submitted."""
    submission = read(folder.path)
    record = submission.records[0]
    assert record.training is not None
    predictions = submission.predictions[record.trial.key]
    return Pair(record, record.training, predictions, record.training, predictions, GAP)


def again(pair: Pair, **changes: Any) -> Pair:
    """With something else that came out."""
    return dataclasses.replace(pair, again=pair.again.model_copy(update=changes))


def claimed(pair: Pair, *skill: float, name: str = "accuracy") -> list[Pair]:
    """So many trials, of which so much more skill was claimed than came out."""
    told = getattr(pair.training, name)
    return [again(pair, **{name: told - GAP * above}) for above in skill]


def test_what_came_out_the_same_passes_everywhere(pair: Pair) -> None:
    refuse_other_facts(pair)
    refuse_any_difference(pair)
    refuse_a_trend([pair] * 6)
    assert pair.identical


@pytest.mark.parametrize("kind", ["last", "selected"])
def test_one_other_prediction_is_another_training_on_the_same_machine(
    pair: Pair, kind: str
) -> None:
    other = {name: made.copy() for name, made in pair.predictions.items()}
    other[kind][0] += 1
    with pytest.raises(SubmissionError, match="every prediction is the same, and 1 are not"):
        refuse_any_difference(dataclasses.replace(pair, predicted=other))


@pytest.mark.parametrize("name", ["auroc", "effective", "zero", "by_class"])
def test_weights_are_compared_to_the_last_digit_on_the_same_machine(pair: Pair, name: str) -> None:
    weights = pair.again.weights
    assert weights is not None
    value = getattr(weights, name)
    other = [0.5, *value[1:]] if name == "by_class" else (value or 0) + 1e-9
    changed = weights.model_copy(update={name: other})
    with pytest.raises(SubmissionError, match="the record says another weights"):
        refuse_any_difference(again(pair, weights=changed))


def test_curves_are_compared_on_the_same_machine(pair: Pair) -> None:
    curve = [(step, accuracy / 2) for step, accuracy in pair.again.select_curve]
    with pytest.raises(SubmissionError, match="another select_curve than training again gives"):
        refuse_any_difference(again(pair, select_curve=curve))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("used_holdout", False), ("steps", 19), ("track", "E"), ("realised_noise", 0.9),
        ("weights", None), ("select_curve", []), ("chance", 0.9),
    ],
)  # fmt: skip
def test_what_no_machine_moves_is_compared_everywhere(pair: Pair, name: str, value: object) -> None:
    with pytest.raises(SubmissionError, match=r"the record says .*; trained again it is"):
        refuse_other_facts(again(pair, **{name: value}))


def test_elsewhere_a_mean_within_its_error_passes(pair: Pair) -> None:
    refuse_a_trend(claimed(pair, 0.03, -0.02, 0.05, -0.04, 0.01, 0.03))


@pytest.mark.parametrize("name", ["accuracy", "selected_accuracy"])
def test_elsewhere_claims_that_lie_above_on_average_are_refused(pair: Pair, name: str) -> None:
    above = (0.06, 0.04, 0.05, 0.06, 0.05, 0.07)
    with pytest.raises(
        SubmissionError, match=r"over 6 trials trained again, the skill.* differs by"
    ):
        refuse_a_trend(claimed(pair, *above, name=name))
    refuse_a_trend(claimed(pair, *[-a for a in above], name=name))  # nobody gains by that


def test_elsewhere_all_alike_is_no_rounding(pair: Pair) -> None:
    """No spread, so the error is that of a test example."""
    with pytest.raises(SubmissionError, match="more than rounding on another machine does"):
        refuse_a_trend(claimed(pair, *[0.04] * 6))


def test_elsewhere_a_few_lies_do_not_excuse_themselves(pair: Pair) -> None:
    """Their own spread would allow for them."""
    lies = np.array([0.5, 0.5, 0.5, 0.5, 0, 0])
    assert lies.mean() < limit(6, UPWARD) * lies.std(ddof=1) / 6**0.5
    with pytest.raises(SubmissionError, match="more than rounding"):
        refuse_a_trend(claimed(pair, *lies))


@pytest.mark.parametrize("name", ["accuracy", "selected_accuracy"])
def test_elsewhere_one_great_lie_is_no_rounding(pair: Pair, name: str) -> None:
    honest = [0.0] * 5
    refuse_a_trend(claimed(pair, BEYOND - 0.01, *honest, name=name))
    with pytest.raises(SubmissionError, match=r"claims more than 0\.6 of skill beyond"):
        refuse_a_trend(claimed(pair, BEYOND + 0.01, *honest, name=name))


def test_elsewhere_honest_claims_are_refused_once_in_a_hundred_at_most(pair: Pair) -> None:
    """Both networks and all numbers of weights together, where trials deviate as far as any do."""
    random, refused = np.random.default_rng(0), 0
    weights = pair.again.weights
    assert weights is not None
    for _ in range(400):
        pairs = []
        for a, b, *others in random.normal(0, 1, (6, 6)):
            off = DEVIATION * GAP
            accuracy, selected = pair.training.accuracy - off * a, 0.6 - off * b
            noise = dict(zip(("auroc", "effective", "zero"), others, strict=False))
            moved = {name: getattr(weights, name) + 0.05 * by for name, by in noise.items()}
            came_out = weights.model_copy(update=moved)
            told = again(pair, accuracy=accuracy, selected_accuracy=selected, weights=came_out)
            training = told.training.model_copy(update={"selected_accuracy": 0.6})
            pairs.append(dataclasses.replace(told, training=training))
        try:
            refuse_a_trend(pairs)
        except SubmissionError:
            refused += 1
    assert refused / 400 <= 0.02  # .01, and three standard errors of what 400 draws show


def test_elsewhere_weights_are_held_to_both_sides(pair: Pair) -> None:
    weights = pair.again.weights
    assert weights is not None
    for sign in (1, -1):
        other = weights.model_copy(update={"effective": weights.effective + 0.2 * sign})
        with pytest.raises(SubmissionError, match="the effective size claimed differs by"):
            refuse_a_trend([again(pair, weights=other)] * 6)


def test_the_same_machine_is_told_by_processor_and_packages(pair: Pair) -> None:
    made = pair.record.provenance
    assert is_same_machine(pair.record, made)
    newer = {**made.packages, "weightbench": "9.9"}
    assert is_same_machine(pair.record, made.model_copy(update={"packages": newer}))
    others: list[dict[str, Any]] = [
        {"machine": "another"}, {"packages": {**made.packages, "torch": "1.0"}},
        {"packages": {"python": "3.11"}},
    ]  # fmt: skip
    for other in others:
        here: Provenance = made.model_copy(update=other)
        assert not is_same_machine(pair.record, here)
