"""Methods for label noise against losses and weights worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from weightbench.methods.confusion import confusion
from weightbench.methods.s_model import SModel

import weightbench as wb

from .toys import first_batch, of_labels, toy, trained

LOGITS = torch.tensor([[0.0, math.log(3)]])  # probabilities 1/4 and 3/4
FIRST = torch.tensor([0])


def loss_and_gradient(weighter: wb.Weighter) -> tuple[float, Tensor]:
    """Of an example labelled 0 at LOGITS."""
    logits = LOGITS.clone().requires_grad_()
    loss = weighter.losses(logits, FIRST)
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    return float(loss.detach()), gradient[0]


def test_reed_soft_mixes_in_the_softmax() -> None:
    loss, gradient = loss_and_gradient(wb.make_weighter("reed-soft"))
    entropy = math.log(4) / 4 + math.log(4 / 3) * 3 / 4
    assert loss == pytest.approx(0.95 * math.log(4) + 0.05 * entropy)
    # softmax - target, the target held fixed: beta (p - y).
    torch.testing.assert_close(gradient, 0.95 * torch.tensor([-0.75, 0.75]))


def test_reed_soft_of_its_authors_differentiates_the_target_too() -> None:
    loss, gradient = loss_and_gradient(wb.make_weighter("reed-soft[detached=false]"))
    assert loss == pytest.approx(loss_and_gradient(wb.make_weighter("reed-soft"))[0])
    # The gradient of the entropy is -p (log p + H): here -/+ 3/16 log(1/3).
    entropy = torch.tensor([1.0, -1.0]) * 3 / 16 * math.log(3)
    torch.testing.assert_close(gradient, 0.95 * torch.tensor([-0.75, 0.75]) + 0.05 * entropy)


def test_reed_hard_mixes_in_the_prediction() -> None:
    loss, gradient = loss_and_gradient(wb.make_weighter("reed-hard"))
    assert loss == pytest.approx(0.8 * math.log(4) + 0.2 * math.log(4 / 3))
    torch.testing.assert_close(gradient, torch.tensor([0.25 - 0.8, 0.75 - 0.2]))


def test_the_s_model_takes_the_loss_behind_its_noise_layer() -> None:
    weighter = SModel()
    weighter.start_from(torch.tensor([[0.9, 0.1], [0.2, 0.8]]) - 1e-3)
    loss, _ = loss_and_gradient(weighter)
    assert loss == pytest.approx(-math.log(0.25 * 0.9 + 0.75 * 0.2), rel=1e-5)
    torch.testing.assert_close(weighter.transition, torch.tensor([[0.9, 0.1], [0.2, 0.8]]))


@pytest.mark.parametrize(("classes", "diagonal"), [(10, 0.991), (100, 0.910)])
def test_the_s_model_starts_at_the_smoothed_identity(classes: int, diagonal: float) -> None:
    weighter = SModel()
    weighter.start_from(torch.eye(classes))
    transition = weighter.transition
    assert float(transition.diag().mean()) == pytest.approx(diagonal, abs=1e-3)
    torch.testing.assert_close(transition.sum(1), torch.ones(classes))


def test_the_matrix_learns_with_the_network(tiny: wb.Task) -> None:
    weighter = wb.make_weighter("s-model")
    assert isinstance(weighter, SModel)
    run = wb.start(tiny, 0, weighter)
    batch = next(iter(run))
    start = weighter.transition.clone()
    run.weigh_and_step(batch)
    assert not torch.equal(weighter.transition, start)


def test_confusion_counts_given_labels_by_prediction() -> None:
    predicted, given = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 1, 1, 1, 0])
    expected = torch.tensor([[1 / 2, 1 / 2, 0], [1 / 3, 2 / 3, 0], [0, 0, 1]])
    torch.testing.assert_close(confusion(predicted, given, 3), expected)


def test_conf_starts_at_the_confusion_matrix_of_plain_training(tiny: wb.Task) -> None:
    weighter, _ = first_batch(tiny, "s-model+conf")
    (v,) = weighter.parameters()
    matrix = v.detach().exp() - 1e-3
    torch.testing.assert_close(matrix.sum(1), torch.ones(3))
    assert float(matrix.diag().mean()) > 0.4
    assert not torch.allclose(matrix, torch.eye(3), atol=0.05)


def test_weighted_is_the_share_of_right_labels() -> None:
    task = wb.make_task("digits-background-flip-v0", background=2)
    weighter, batch = first_batch(task, "weighted")
    splits = task.split(0)
    true, given = task.data.labels[splits.train], splits.given
    share = float(np.mean(true[given == 2] == 2))
    weights = weighter.weigh(of_labels(batch, [1, 2, 3]))
    torch.testing.assert_close(weights, torch.tensor([1, share, 1]) / (2 + share))
    # Ren et al.'s constant for ten classes of equal size is 0.1 / (0.4 + 0.6 / 10).
    assert share == pytest.approx(0.1 / 0.46, abs=0.03)


def test_the_oracle_is_uniform_over_right_labels_class_by_class(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "oracle")
    weights = weighter.weigh(batch.run.batch(torch.arange(len(batch.run.labels))))
    right = batch.run.labels == batch.run.true_labels
    assert torch.equal(weights > 0, right)
    for label in range(3):
        assert float(weights[batch.run.labels == label].sum()) == pytest.approx(1 / 3, abs=1e-5)


def test_clean_only_sees_the_holdout_alone() -> None:
    task = toy([(1.0, 0.0), (0.0, 1.0)], [0, 1], [20, 20])
    _, batch = first_batch(task, "clean-only")
    assert torch.equal(batch.inputs, batch.run.holdout[0][batch.index])
    assert len(batch) == 4


def test_clean_only_short_is_a_fortieth_at_one_rate() -> None:
    task = wb.make_task("digits-uniform-flip-v0")
    run = trained(task, "clean-only[short=true]")
    assert run.steps_taken == task.recipe.steps // 40
    assert run.optimizer is not None
    assert run.optimizer.param_groups[0]["lr"] == task.recipe.lr


def test_l2rw_is_the_rectified_product_with_the_clean_gradient() -> None:
    """A linear layer: the gradients' product is ``<r_i, r_j> (<x_i, x_j> + 1)``, r = p - y."""
    task = toy([(1.0, 0.0), (0.0, 2.0), (3.0, 0.0), (0.0, 1.0)], [0, 1, 1, 0], [20, 20])
    weighter, batch = first_batch(task, "l2rw")

    def residuals(part: wb.Batch) -> Tensor:
        return part.inputs.softmax(1) - torch.eye(2)[part.labels]  # outputs are inputs

    clean = batch.clean()
    products = (residuals(batch) @ residuals(clean).T) * (batch.inputs @ clean.inputs.T + 1)
    expected = products.mean(1).clamp(min=0)
    assert 0 < int((expected > 0).sum()) < len(batch)
    torch.testing.assert_close(weighter.weigh(batch), expected / expected.sum())
