"""What a whole training costs beside uniform's, from probes of single steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from weightbench.records.schema import Cost, Record, Training
from weightbench.registry import LOWER_ANCHOR
from weightbench.scoring.entries import CostRatios


def cost_ratios(
    costs: Iterable[Cost], kept: Sequence[Record], tasks: Sequence[str]
) -> dict[str, CostRatios]:
    """By weighter, over the ``tasks`` where its current code was probed and trained."""
    current = {_key_of_code(record) for record in kept}
    trained = {(r.trial.task, r.trial.weighter): r.training for r in kept if r.training}
    wholes: dict[str, list[CostRatios]] = {}
    # In one order, so that sums do not depend on the order of files.
    for cost in sorted(costs, key=lambda cost: (cost.trial.weighter, cost.trial.key)):
        if cost.trial.task in tasks and _key_of_code(cost) in current:
            whole = _whole_training(cost, trained)
            if whole:
                wholes.setdefault(cost.trial.weighter, []).append(whole)
    return {weighter: _mean(found) for weighter, found in wholes.items()}


def _key_of_code(made: Record | Cost) -> tuple[str, str, str, str]:
    t = made.trial
    return (t.task, t.fingerprint, t.weighter, t.source)


def _whole_training(cost: Cost, trained: Mapping[tuple[str, str], Training]) -> CostRatios | None:
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
    return CostRatios(
        time=(own * cost.time_ratio + side) / plain,
        time_low=(own * cost.time_low + side) / plain,
        time_high=(own * cost.time_high + side) / plain,
        flops=None if flops is None else (own * flops + side) / plain,
        memory=cost.memory_ratio,
    )


def _mean(wholes: Sequence[CostRatios]) -> CostRatios:
    flops = [whole.flops for whole in wholes if whole.flops is not None]
    return CostRatios(
        time=_geometric([whole.time for whole in wholes]),
        time_low=_geometric([whole.time_low for whole in wholes]),
        time_high=_geometric([whole.time_high for whole in wholes]),
        flops=_geometric(flops) if len(flops) == len(wholes) else None,
        memory=_geometric([whole.memory for whole in wholes]),
    )


def _geometric(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))
