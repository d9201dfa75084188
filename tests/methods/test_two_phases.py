"""Methods that train more than once: just train twice, confident learning."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor
from weightbench.methods.confident_learning import (
    confident_joint,
    cross_predicted,
    pruned,
    stratified,
)
from weightbench.methods.jtt import JTT

import weightbench as wb
from weightbench.data.corruption import Corrupted, describe

from .toys import first_batch, toy


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def truth(run: wb.Run, task: wb.Task) -> Tensor:
    """(n,) int64, the true labels of the training set, which no run gives away."""
    return torch.from_numpy(task.data.labels[task.split(0).train])


# ---- just train twice ----------------------------------------------------------------------------


@pytest.mark.parametrize("up", [0.0, 4.0])
def test_mistakes_of_the_first_training_count_1_plus_up(tiny: wb.Task, up: float) -> None:
    weighter, batch = first_batch(tiny, JTT(up))
    assert isinstance(weighter, JTT)
    weights = weighter.weigh(batch)
    mistakes = weighter.counts[batch.index] > 1
    ratio = torch.where(mistakes, 1 + up, 1.0)
    torch.testing.assert_close(weights, ratio / ratio.sum())
    assert mistakes.any() == (up > 0)


def test_without_mistakes_jtt_is_uniform() -> None:
    easy = toy([(5.0, 0.0), (0.0, 5.0)], [0, 1], [20, 20])
    weighter, batch = first_batch(easy, "jtt")
    torch.testing.assert_close(weighter.weigh(batch), torch.full((10,), 0.1))


def test_the_mistakes_are_those_of_a_short_training_at_the_first_rate(tiny: wb.Task) -> None:
    """With the whole schedule in the first training, and without a fall of the rate in it."""
    once = dataclasses.replace(tiny, recipe=dataclasses.replace(tiny.recipe, milestones=()))
    weighter, batch = first_batch(tiny, JTT(first=1.0))
    assert isinstance(weighter, JTT)
    other = wb.start(once, 0, weighter=wb.make_weighter("uniform"))
    next(iter(other))
    plain = other.fork(wb.make_weighter("uniform"), "first")
    wrong = other.predict(plain).argmax(1) != batch.run.labels
    assert torch.equal(weighter.counts > 1, wrong)


def test_under_label_noise_jtt_counts_wrong_labels_most(tiny: wb.Task) -> None:
    """A property of the method, not an error."""
    weighter, batch = first_batch(tiny, JTT(first=1.0))
    assert isinstance(weighter, JTT)
    wrong = truth(batch.run, tiny) != batch.run.labels
    assert float(weighter.counts[wrong].mean()) > 2 * float(weighter.counts[~wrong].mean())


# ---- confident learning --------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Poisoned:
    """Labels stay as they are but for those at ``places``, which become the next class."""

    places: tuple[int, ...] = ()

    def __call__(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> Corrupted:
        index = np.arange(len(labels))
        given = labels.copy()
        given[list(self.places)] = (given[list(self.places)] + 1) % num_classes
        return describe(labels, given, index, num_classes)


def test_no_probability_comes_from_a_network_that_saw_the_label(tiny: wb.Task) -> None:
    """With one part's labels poisoned its own do not move; the others' do."""
    parts = torch.arange(len(wb.start(tiny, 0).labels)) % 3
    found = []
    for places in ((), tuple((parts == 1).nonzero().squeeze(1).tolist())):
        run = wb.start(dataclasses.replace(tiny, corruption=Poisoned(places)), 0)
        found.append((cross_predicted(run.run, parts), run.labels))
    (plain, labels), (poisoned, others) = found
    assert torch.equal(labels != others, parts == 1)
    assert torch.equal(plain[parts == 1], poisoned[parts == 1])
    assert (plain[parts != 1] != poisoned[parts != 1]).any(1).all()


@pytest.mark.parametrize("folds", [2, 5])
def test_parts_have_every_class_evenly(folds: int) -> None:
    labels = torch.randint(4, (103,), generator=draws())
    parts = stratified(labels, folds, draws(1))
    for label in range(4):
        counts = parts[labels == label].bincount(minlength=folds)
        assert int(counts.max() - counts.min()) <= 1
    assert not torch.equal(parts, stratified(labels, folds, draws(2)))


def test_confident_right_predictions_prune_nothing() -> None:
    labels = torch.arange(30) % 3
    chances = 0.97 * torch.eye(3)[labels] + 0.01
    joint = confident_joint(chances, labels)
    torch.testing.assert_close(joint, torch.eye(3) / 3)
    assert not pruned(chances, labels, joint).any()


def test_the_joint_worked_out_by_hand() -> None:
    """Thresholds .6 and .7; the last example is sure of neither class; rows are to sum to 1/2."""
    first = torch.tensor([0.9, 0.8, 0.1, 0.2, 0.7, 0.5])
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    chances = torch.stack([first, 1 - first], 1)
    assert float(chances[labels == 0, 0].mean()) == pytest.approx(0.6)
    assert float(chances[labels == 1, 1].mean()) == pytest.approx(8 / 15)
    joint = confident_joint(chances, labels)
    expected = torch.tensor([[2 / 3, 1 / 3], [1 / 2, 1 / 2]]) / 2
    torch.testing.assert_close(joint, expected)
    # One of three (.33 x 3) labelled 0, and of those labelled 1 (.25 x 6 = 1.5, even: 2) two.
    assert pruned(chances, labels, joint).tolist() == [False, False, True, False, True, True]


def test_the_joint_of_a_known_corruption_is_found() -> None:
    """Probabilities are right about the truth; a tenth of the 0s are labelled 2."""
    true = torch.randint(3, (3000,), generator=draws())
    labels = torch.where((true == 0) & (torch.rand(3000, generator=draws(1)) < 0.1), 2, true)
    chances = 0.7 * torch.eye(3)[true] + 0.1
    joint = confident_joint(chances, labels)
    torch.testing.assert_close(joint, torch.eye(3)[labels].T @ torch.eye(3)[true] / 3000)
    assert torch.equal(pruned(chances, labels, joint), true != labels)


def test_a_class_nobody_is_labelled_as_is_no_obstacle() -> None:
    labels = torch.arange(20) % 2
    chances = 0.9 * torch.eye(3)[labels] + 0.03
    joint = confident_joint(chances, labels)
    assert joint.isfinite().all()
    assert float(joint.sum()) == pytest.approx(1)
    assert not pruned(chances, labels, joint).any()


def test_what_is_left_of_a_class_makes_up_for_what_was_dropped(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "confident-learning")
    run = batch.run
    shares = weighter.state_dict()["shares"]
    assert int((shares == 0).sum()) > 0
    wrong = truth(run, tiny) != run.labels
    assert float((shares[wrong] == 0).float().mean()) > 3 * float(
        (shares[~wrong] == 0).float().mean()
    )
    for label in range(3):
        left = shares[(run.labels == label) & (shares > 0)]
        assert (left == left[0]).all()
        assert float(left[0]) >= 1


def test_one_part_is_refused() -> None:
    with pytest.raises(wb.errors.BadSpec, match="out of sample"):
        wb.make_weighter("confident-learning[folds=1]")
