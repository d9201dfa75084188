"""A trial as it was submitted and as it came out again: is it the same, and if not, by how much?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from weightbench.records.predictions import Predictions
from weightbench.records.schema import Provenance, Record, Training
from weightbench.submission.lowering import deviation
from weightbench.submission.safe import refuse

# How often honest claims are refused elsewhere, for each quantity; .01 for all of them at most.
UPWARD, _BOTH = 0.0025, 0.00125
DEVIATION, _OF_OTHERS = 0.15, 0.05  # of a trial; docs/submit.md says what was measured
BEYOND = 4 * DEVIATION  # of skill, that no trial claims too much by rounding
LEAST = 6  # trials to train again on another machine, where differences are judged by their spread

# What no machine moves; the times of phases and the bytes of a GPU are shown nowhere.
_FIXED = ("chance", "realised_noise", "sizes", "checksums", "used_holdout", "track", "steps")

# What the same machine gives again; elsewhere the means are compared. How much work a step is can
# depend on which weights are zero.
_OF_THE_TRAINING = ("accuracy", "selected_accuracy", "weights", "select_curve", "scores")
_WORK = ("step_work", "side_work")


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """A trial with its result as submitted and as it came out again, and their predictions.

    Attributes:
        record: as submitted.
        training: what that says of the training.
        predictions: as submitted.
        again: the training as it came out.
        predicted: the predictions as they came out.
        gap: how much accuracy is 1 of skill on the task.
    """

    record: Record
    training: Training
    predictions: Predictions
    again: Training
    predicted: Predictions
    gap: float

    @property
    def where(self) -> str:
        """The trial, in words."""
        return f"{self.record.trial.task}, seed {self.record.trial.seed}"

    @property
    def identical(self) -> bool:
        """Whether every prediction is the same."""
        kinds = self.predictions
        return all(np.array_equal(kinds[kind], self.predicted[kind]) for kind in kinds)

    @property
    def difference(self) -> float:
        """By how much more skill was claimed than came out."""
        return (self.training.accuracy - self.again.accuracy) / self.gap

    @property
    def difference_of_selected(self) -> float:
        """Likewise of the selected network."""
        return (self.training.selected_accuracy - self.again.selected_accuracy) / self.gap

    @property
    def least(self) -> float:
        """One test example's worth of skill."""
        return 1 / (max(self.training.sizes["test"], 1) * self.gap)


@dataclasses.dataclass(frozen=True)
class Difference:
    """The mean of what was claimed less what came out, over reruns, and its standard error."""

    mean: float
    error: float

    def times(self, factor: int) -> Difference:
        """The same of everything times ``factor``."""
        return Difference(factor * self.mean, self.error)

    def is_beyond_chance(self, reruns: int, level: float) -> bool:
        """Whether the mean is above 0 by Student's t test at ``level``, one-sided."""
        return self.mean > limit(reruns, level) * self.error


def limit(reruns: int, level: float) -> float:
    """How many standard errors a mean over ``reruns`` may be above 0, at ``level``, one-sided."""
    from scipy.special import stdtrit

    return float(stdtrit(max(reruns - 1, 1), 1 - level))


def is_same_machine(record: Record, here: Provenance) -> bool:
    """Whether a record claims to be made with the processor and the packages that there are here.

    The version of weightbench has no part in it, for records of another engine are refused.
    """
    made = record.provenance
    ours = {**here.packages, "weightbench": ""}
    return (made.machine, {**made.packages, "weightbench": ""}) == (here.machine, ours)


def refuse_other_facts(pair: Pair) -> None:
    """Refuse what no machine moves, where the record says it differently.

    Raises:
        SubmissionError: it does.
    """
    told, found = _facts(pair.training), _facts(pair.again)
    for name, value in told.items():
        if value != found[name]:
            refuse(
                f"{pair.where}: the record says {name} {value}; trained again it is {found[name]}"
            )


def refuse_any_difference(pair: Pair) -> None:
    """On the same machine with the same versions, a rerun is identical or it is another training.

    Raises:
        SubmissionError: it is another.
    """
    if not pair.identical:
        different = {
            kind: int((pair.predictions[kind] != pair.predicted[kind]).sum())
            for kind in pair.predictions
        }
        refuse(
            f"{pair.where}: submitted accuracy {pair.training.accuracy:.4f}, trained again "
            f"{pair.again.accuracy:.4f}; on the same machine and versions every prediction is the "
            f"same, and {max(different.values())} are not"
        )
    for name in (*_OF_THE_TRAINING, *_WORK):
        told, found = getattr(pair.training, name), getattr(pair.again, name)
        if told != found and not (name == "scores" and told is None):  # not kept by older versions
            refuse(f"{pair.where}: the record says another {name} than training again gives")


def refuse_a_trend(pairs: Sequence[Pair]) -> None:
    """Elsewhere rounding differs, as often up as down: claims may not lie above on average.

    The mean signed difference over reruns is held against its own standard error: of accuracies, in
    skill, to one side, for nobody gains by claiming too little; of weights and curves to both. What
    is within it is no reason to refuse; :mod:`weightbench.submission.lowering` takes it off.

    Raises:
        SubmissionError: claims lie elsewhere than what came out, beyond chance.
    """
    for pair in pairs:
        if max(pair.difference, pair.difference_of_selected) > BEYOND:
            refuse(
                f"{pair.where}: the record claims more than {BEYOND:g} of skill beyond what came "
                "out: more than rounding on another machine does"
            )
    for name, (quantity, most, sides) in _QUANTITIES.items():
        values = [
            (one - other, pair.least)
            for pair in pairs
            if (one := quantity(pair.training, pair.gap)) is not None
            and (other := quantity(pair.again, pair.gap)) is not None
        ]
        if not values:
            continue
        found, level = _difference(values, most), UPWARD if len(sides) == 1 else _BOTH / 2
        if any(found.times(side).is_beyond_chance(len(values), level) for side in sides):
            refuse(
                f"over {len(values)} trials trained again, the {name} claimed differs by "
                f"{found.mean:+.4f} on average, with a standard error of {found.error:.4f}: more "
                "than rounding on another machine does"
            )


def _difference(values: Sequence[tuple[float, float]], most: float) -> Difference:
    """Of differences, each with the least that can be seen of one, no deviation is below that.

    Nor is one above ``most``: who alters a few trials by much would widen the error as well.
    """
    differences, least = map(np.array, zip(*values, strict=True))
    spread = float(deviation(differences, float(least.mean()), most))
    return Difference(float(differences.mean()), spread / len(values) ** 0.5)


def _facts(training: Training) -> Mapping[str, object]:
    weights = training.weights
    return {
        **{name: getattr(training, name) for name in _FIXED},
        "steps of the curve": [step for step, _ in training.select_curve],
        "step of the weights": None if weights is None else weights.step,
        "classes of the weights": None if weights is None else len(weights.by_class),
    }


def _curve(training: Training, _: float) -> float | None:
    return float(np.mean([a for _, a in training.select_curve])) if training.select_curve else None


def _of_weights(name: str) -> Callable[[Training, float], float | None]:
    return lambda training, _: getattr(training.weights, name, None)


# Each with the most that one trial deviates by between machines, and the sides that are looked at.
_QUANTITIES: dict[str, tuple[Callable[[Training, float], float | None], float, Sequence[int]]] = {
    "skill": (lambda training, gap: training.accuracy / gap, DEVIATION, [1]),
    "skill of the selected network": (lambda t, gap: t.selected_accuracy / gap, DEVIATION, [1]),
    "mean of the curve": (_curve, _OF_OTHERS, [1, -1]),
    "AUROC of the weights": (_of_weights("auroc"), _OF_OTHERS, [1, -1]),
    "effective size": (_of_weights("effective"), _OF_OTHERS, [1, -1]),
    "work of a step": (lambda t, _: t.step_work, _OF_OTHERS, [1, -1]),
    "work outside of the steps": (lambda t, _: t.side_work / max(t.steps, 1), _OF_OTHERS, [1, -1]),
    "share of zero weights": (_of_weights("zero"), _OF_OTHERS, [1, -1]),
}
