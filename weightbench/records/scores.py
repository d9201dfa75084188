"""What a trial is scored by beyond accuracy, as it stands in its record."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from weightbench.records.fields import MANY, Count, Hex, Share
from weightbench.records.strict import StrictModel
from weightbench.registry.metrics import TaskMetric

# Of a class in a group: which class and group, how many training rows are truly of it, how many
# test rows are, and how many of those are right. The group is None where there are none.
Tally = tuple[Count, Count | None, Count, Count, Count]


class Calibration(StrictModel):
    """How far the probabilities of the test rows can be believed; formulae in ``measures``.

    Attributes:
        nll: mean negative log-probability of the true class, in nats.
        brier: mean squared distance from the truth, summed over classes.
        ece: expected calibration error of the predicted class, 15 bins of equal mass.
        confidence: mean of the largest probability.
    """

    nll: Annotated[float, Field(ge=0, le=1000)]
    brier: Annotated[float, Field(ge=0, le=2)]
    ece: Share
    confidence: Share


class Detection(StrictModel):
    """How well a number of each training row tells right labels from wrong ones.

    Attributes:
        auroc: over all rows.
        average_precision: likewise; chance is the share of right labels.
        by_class: both, among the rows that are given each class; None where that has not both
            right and wrong ones.
    """

    auroc: Share
    average_precision: Share
    by_class: Annotated[list[tuple[Share, Share] | None], MANY]


class Scores(StrictModel):
    """Of the network after the last step.

    Attributes:
        metric: what the task is scored by.
        tallies: of every class in every group, in order.
        plain: of the probabilities as they are; None where an output is not finite.
        temperature: what the outputs are divided by so that the select split has the least nll;
            None where there is no such split.
        scaled: of the probabilities after that.
        weight: what the weights of the last whole epoch say about labels; None where none are
            wrong, or none right, or training rows were given no weights.
        margin: what the final margin says, the output of the given class less the largest other.
        rows: checksum of what is kept of every test row; None where an output is not finite.
    """

    metric: TaskMetric = "accuracy"
    tallies: Annotated[list[Tally], MANY]
    plain: Calibration | None
    temperature: Annotated[float, Field(ge=1e-3, le=1e3)] | None
    scaled: Calibration | None
    weight: Detection | None
    margin: Detection | None
    rows: Hex | None

    @property
    def grouped(self) -> bool:
        """Whether the data set has groups."""
        return any(group is not None for _, group, *_ in self.tallies)
