"""What an advice is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd

from weightbench.advice.crossfit import CrossFit
from weightbench.advice.reading import Data
from weightbench.advice.suspects import Suspects
from weightbench.advice.trainings import Training
from weightbench.advice.verdict import Verdict


@dataclasses.dataclass(frozen=True, eq=False)
class Advice:
    """The answer.

    Attributes:
        verdict: what to do, in two sentences as text.
        table: one row a method: ``accuracy``, ``gain``, ``low``, ``high`` (shares), ``better`` and
            ``worse`` (rows), ``seconds`` and ``cost`` (of a training, over plain training's), and
            what it does in ``words``; ``failed`` says why one gave nothing.
        suspects: the rows whose labels look wrong, worst first: ``id``, ``given``, ``likelier``,
            ``score`` (the chance of being wrong), ``rank``, and ``row``, its position.
        notes: what was done to the data, a line each.
        data: the data as they were read.
        found: how suspects were told, by row.
        fitted: the cross-fitted networks' answers.
        model: the file with the trained network of the method advised; None where none was kept.
        plan: the training that made it.
    """

    verdict: Verdict
    table: pd.DataFrame
    suspects: pd.DataFrame
    notes: tuple[str, ...]
    data: Data
    found: Suspects
    fitted: CrossFit
    model: Path | None
    plan: Training
