"""Compositions: what they do, what they cost, and which are refused."""

from __future__ import annotations

import pytest
import torch

import weightbench as wb
from weightbench.errors import HiddenData
from weightbench.registry import SUITES

from .toys import trained


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("uniform+conf", "first matrix"),
        ("s-model+es+conf", r"s-model\+conf"),
        ("oracle+es+es", "twice"),
        ("uniform+ft[steps=2]+es+ft", "twice"),
        ("clean-only+ft", "already"),
        ("clean-only+es+ft", "already"),
        ("adaboost+ft", "vote"),
        ("adaboost+select", "vote"),
        ("uniform+ft+select", r"\+select\+ft"),
    ],
)
def test_a_meaningless_composition_is_refused_with_the_reason(spec: str, reason: str) -> None:
    with pytest.raises(wb.errors.BadSpec, match=reason):
        wb.make_weighter(spec)


def test_fine_tuning_is_a_sixteenth_of_the_tasks_steps() -> None:
    """5,000 after 80,000 and 5,000 after 60,000: Ren et al. 2018, section 4.2."""
    task = wb.make_task("digits-background-flip-v0", steps=32)
    holdout = len(task.split(0).holdout) / task.recipe.batch_size  # of a plain step's examples
    assert trained(task, "uniform+ft").side_work == pytest.approx(2 * min(holdout, 1))
    assert trained(task, "uniform+es+ft").side_work == pytest.approx(2 * min(holdout, 1))


def test_the_short_schedule_is_that_of_the_paper() -> None:
    """60,000 of 80,000 steps; the rate falls after 40,000 and 50,000, not 40,000 and 60,000."""
    full = wb.Recipe(steps=80_000)
    short = wb.make_weighter("uniform+es").recipe(full)
    assert full.rate_steps() == {40_000, 60_000}
    assert short.steps == 60_000
    assert short.rate_steps() == {40_000, 50_000}


def test_the_confusion_matrix_comes_from_the_same_schedule(tiny: wb.Task) -> None:
    run = trained(tiny, "s-model+conf+es+ft[steps=3]")
    assert run.steps_taken == 15
    predicted = len(run.labels) / tiny.recipe.batch_size / 3
    assert run.side_work == pytest.approx(15 + 3 * 12 / tiny.recipe.batch_size + predicted, rel=0.1)


def test_select_hands_in_the_best_network_on_select(tiny: wb.Task) -> None:
    plain, chosen = trained(tiny, "uniform"), trained(tiny, "uniform+select")
    assert torch.equal(chosen.test_predictions(), plain.test_predictions(selected=True))
    assert not plain.used_holdout
    assert chosen.used_holdout


def test_fine_tuning_goes_on_from_the_selected_network(tiny: wb.Task) -> None:
    chosen = trained(tiny, "uniform+select")
    tuned = trained(tiny, "uniform+select+ft[steps=1]")
    rate = tiny.recipe.lr * tiny.recipe.decay ** len(tiny.recipe.milestones)
    before, after = chosen.finish().state_dict(), tuned.finish().state_dict()
    moved = max(float((after[name] - before[name]).abs().max()) for name in before)
    assert 0 < moved < rate


def test_the_selected_network_is_not_for_weights(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    for batch in run:
        with pytest.raises(HiddenData, match="after the last step"):
            run.selected_model()
        run.step(torch.full((len(batch),), 1 / len(batch)))
    assert run.steps_taken == tiny.recipe.steps > 0
    run.selected_model()


CLEAN = {"clean-only", "l2rw", "mentornet-dd"}  # rules that read the hold-out


@pytest.mark.parametrize("name", SUITES.get("paper-digits").weighters)
def test_a_composition_stands_in_the_section_of_what_it_used(tiny: wb.Task, name: str) -> None:
    spec = wb.parse_spec(name)
    wrappers = {wrapper.name for wrapper in spec.wrappers}
    run = trained(tiny, name)
    assert run.used_holdout == (spec.name in CLEAN or bool(wrappers & {"ft", "select"}))
