"""What a whole training costs beside uniform's, from probes of single steps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from weightbench.records.schema import Cost, Record, Training
from weightbench.registry import LOWER_ANCHOR
from weightbench.scoring.entries import CostRatios

# Of a probe's quartiles, which are of 15 pairs of blocks of steps: the median of normal numbers has
# the standard error 1.253 s / sqrt(15), their quartiles are 1.349 s apart, and .95 of the normal
# distribution are within 1.96.
_ENDS = 1.96 * 1.253 / 1.349 / math.sqrt(15)


@dataclasses.dataclass(frozen=True)
class _Whole:
    """A training on one task beside uniform's; ``half`` is of the 95 % interval of log time."""

    time: float
    half: float
    flops: float | None
    memory: float


def cost_ratios(
    costs: Iterable[Cost], kept: Sequence[Record], tasks: Sequence[str]
) -> dict[str, CostRatios]:
    """By weighter, over the ``tasks`` where its current code was probed and trained."""
    current = {_key_of_code(record) for record in kept}
    trained = {(r.trial.task, r.trial.weighter): r.training for r in kept if r.training}
    wholes: dict[str, list[_Whole]] = {}
    # In one order, so that sums do not depend on the order of files.
    for cost in sorted(costs, key=lambda cost: (cost.trial.weighter, cost.trial.key)):
        if cost.trial.task in tasks and _key_of_code(cost) in current:
            whole = _whole_training(cost, trained)
            if whole:
                wholes.setdefault(cost.trial.weighter, []).append(whole)
    return {
        weighter: _UNIFORM if weighter == LOWER_ANCHOR else _mean(found)
        for weighter, found in wholes.items()
    }


_UNIFORM = CostRatios(time=1.0, time_low=1.0, time_high=1.0, flops=1.0, memory=1.0)


def _key_of_code(made: Record | Cost) -> tuple[str, str, str, str]:
    t = made.trial
    return (t.task, t.fingerprint, t.weighter, t.source)


def _whole_training(cost: Cost, trained: Mapping[tuple[str, str], Training]) -> _Whole | None:
    """What a probed step means for a whole training on its task; None where none was finished."""
    training = trained.get((cost.trial.task, cost.trial.weighter))
    if training is None:
        return None
    own, side = training.steps, training.side_work
    plain = trained.get((cost.trial.task, LOWER_ANCHOR), training).steps
    if not plain or not own + side:  # nothing was done, by it or by plain training
        return None
    # Counted over the whole training, where it was; else in the one step that was probed.
    flops = cost.flop_ratio if training.step_work is None else training.step_work
    time = (own * cost.time_ratio + side) / plain
    return _Whole(
        time=time,
        half=_ENDS * own * (cost.time_high - cost.time_low) / plain / time,
        flops=None if flops is None else (own * flops + side) / plain,
        memory=cost.memory_ratio,
    )


def _mean(wholes: Sequence[_Whole]) -> CostRatios:
    flops = [whole.flops for whole in wholes if whole.flops is not None]
    time, half = _geometric([whole.time for whole in wholes]), _half(wholes)
    return CostRatios(
        time=time,
        time_low=time * math.exp(-half),
        time_high=time * math.exp(half),
        flops=_geometric(flops) if len(flops) == len(wholes) else None,
        memory=_geometric([whole.memory for whole in wholes]),
    )


def _half(wholes: Sequence[_Whole]) -> float:
    """Of the interval of the mean logarithm of time, over tasks that were probed apart."""
    return math.sqrt(sum(whole.half**2 for whole in wholes)) / len(wholes)


def _geometric(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))
