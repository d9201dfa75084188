"""What a batch and a run offer beyond losses: features, tangents, virtual steps, groups, parts."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

import weightbench as wb
from weightbench.alignment import VirtualStep, align
from weightbench.errors import BadData, HiddenData, Misuse, NoHead
from weightbench.training.batch_kinds import ReorderedBatch
from weightbench.training.weight_log import WeightLog


def uniform(batch: wb.Batch) -> Tensor:
    return torch.full((len(batch),), 1 / len(batch))


def normed(data: wb.DataSet) -> nn.Module:
    """With batch norm, whose statistics move, and dropout."""
    return nn.Sequential(
        nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
    )


class Headless(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.layer(inputs) * 2
        return outputs


@pytest.fixture
def with_norm(tiny: wb.Task) -> wb.Task:
    return dataclasses.replace(tiny, model=normed)


class Does(wb.Weighter):
    """Does something with each batch, and weighs uniformly."""

    def __init__(self, what: Callable[[wb.Batch], object] = lambda _: None) -> None:
        self.what = what

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.what(batch)
        return uniform(batch)


def trained(task: wb.Task, what: Callable[[wb.Batch], object]) -> dict[str, Tensor]:
    run = wb.start(task, 0, Does(what))
    run.train()
    state: dict[str, Tensor] = run.model.state_dict()
    return state


def first(task: wb.Task, weighter: wb.Weighter | None = None) -> wb.Batch:
    return next(iter(wb.start(task, 0, weighter or Does())))


# ---- reading moves nothing -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["logits", "losses", "features"])
def test_reading_the_clean_batch_moves_no_running_statistics(with_norm: wb.Task, name: str) -> None:
    def look(batch: wb.Batch) -> None:
        before = copy.deepcopy(batch.model.state_dict())
        assert getattr(batch.clean(), name).isfinite().all()
        after = batch.model.state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before)

    trained(with_norm, look)


def test_reading_logits_and_losses_moves_the_statistics_once(with_norm: wb.Task) -> None:
    plain = trained(with_norm, lambda _: None)
    for look in (lambda b: b.logits, lambda b: b.losses, lambda b: b.features):
        read = trained(with_norm, look)
        assert all(torch.equal(plain[name], read[name]) for name in plain)


# ---- features and head ---------------------------------------------------------------------------


@pytest.mark.parametrize("first_read", ["features", "logits"])
def test_features_are_what_the_head_is_given(tiny: wb.Task, first_read: str) -> None:
    batch = first(tiny)
    getattr(batch, first_read)
    head = batch.run.head()
    assert head is list(batch.model.children())[-1]
    assert batch.features.shape == (32, 16)
    assert not batch.features.requires_grad
    torch.testing.assert_close(head(batch.features), batch.logits)


def test_features_after_the_logits_leave_the_training_as_it_is(with_norm: wb.Task) -> None:
    plain = trained(with_norm, lambda _: None)
    read = trained(with_norm, lambda b: (b.logits, b.features))
    assert all(torch.equal(plain[name], read[name]) for name in plain)


@pytest.mark.parametrize("on", ["train", "holdout"])
def test_features_of_a_whole_set(with_norm: wb.Task, on: str) -> None:
    run = wb.start(with_norm, 0)
    before = copy.deepcopy(run.model.state_dict())
    features = run.features(on=on)
    torch.testing.assert_close(run.head()(features), run.predict(on=on))
    assert run.used_holdout == (on == "holdout")
    assert run.model.training
    assert all(torch.equal(before[name], value) for name, value in run.model.state_dict().items())


def test_a_network_without_a_head_says_so(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0).run
    with pytest.raises(NoHead, match="the outputs of a Headless are not those of a linear layer"):
        run.features(Headless())
    with pytest.raises(NoHead):
        run.head(nn.Flatten())


# ---- tangent and virtual steps -------------------------------------------------------------------


def test_the_tangent_gives_the_alignment_against_any_target(tiny: wb.Task) -> None:
    """For cross-entropy against q, dloss/dz = p - q: with the labels it is the alignment itself."""
    batch = first(tiny)
    tangent, logits = batch.tangent(), batch.logits.detach()
    assert tangent.shape == logits.shape
    q = F.one_hot(batch.labels, 3).float()
    against = ((logits.softmax(1) - q) * tangent).sum(1)
    torch.testing.assert_close(against, first(tiny).alignment("fused"))
    soft = torch.rand(len(batch), 3).softmax(1)
    loss = -(soft * batch.logits.log_softmax(1)).sum(1)
    (slope,) = torch.autograd.grad(loss.sum(), batch.logits)
    against = ((logits.softmax(1) - soft) * tangent).sum(1)
    torch.testing.assert_close(against, (slope * tangent).sum(1))


def test_a_tangent_costs_no_second_pass_of_the_update(with_norm: wb.Task) -> None:
    plain = trained(with_norm, lambda b: b.alignment("fused"))
    read = trained(with_norm, lambda b: (b.tangent(), b.alignment("fused")))
    for name in plain:
        torch.testing.assert_close(plain[name], read[name])


class Softens(wb.Weighter):
    """A loss against a target that depends on the tangent: half the label, half what helps most."""

    target: Tensor | None = None

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.target is None:
            return F.cross_entropy(logits, labels, reduction="none")
        return F.cross_entropy(logits, self.target, reduction="none")

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.target = None
        helps = F.one_hot(batch.tangent().argmin(1), 3)
        self.target = (F.one_hot(batch.labels, 3) + helps) / 2
        return uniform(batch)


def test_a_loss_may_depend_on_the_tangent(with_norm: wb.Task) -> None:
    """It is asked for after it, on the logits of the same pass, and the step is on it."""
    run = wb.start(with_norm, 0, weighter := Softens())
    batch = next(iter(run))
    weights = weighter.weigh(batch)
    made = batch.logits
    assert weighter.target is not None
    soft = -(weighter.target * made.log_softmax(1)).sum(1)
    torch.testing.assert_close(batch.losses, soft)
    expected = torch.autograd.grad(soft @ weights, list(run.model.parameters()), retain_graph=True)
    run.step(weights)
    for parameter, gradient in zip(run.model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    assert wb.check_weighter(Softens) == []


def bilevel(
    model: nn.Module, batch: tuple[Tensor, ...], weights: Tensor, rate: float
) -> tuple[Tensor, Tensor]:
    """-d(clean loss at theta - rate sum_i w_i grad_i)/dw_i / rate, by one literal graph."""
    inputs, labels, clean_inputs, clean_labels = batch
    parameters = dict(model.named_parameters())
    weights = weights.clone().requires_grad_()
    losses = F.cross_entropy(model(inputs), labels, reduction="none")
    gradients = torch.autograd.grad(losses @ weights, list(parameters.values()), create_graph=True)
    moved = {name: p - rate * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}
    clean = F.cross_entropy(functional_call(model, moved, (clean_inputs,)), clean_labels)
    return -torch.autograd.grad(clean, weights)[0] / rate, losses.detach()


NETWORKS = {
    "chain": lambda: nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)),
    "batch norm": lambda: nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)
    ),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(12, 3)
    ),
}  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("way", ["auto", "fused", "layerwise", "higher"])
def test_alignment_after_a_virtual_step_is_the_literal_one(network: str, way: str) -> None:
    torch.manual_seed(0)
    model = NETWORKS[network]().double()
    batch = (
        torch.randn(7, 5).double(), torch.randint(3, (7,)),
        torch.randn(4, 5).double(), torch.randint(3, (4,)),
    )  # fmt: skip
    weights, rate = torch.rand(7).double(), 0.5
    wanted, losses = bilevel(copy.deepcopy(model), batch, weights, rate)
    expected = copy.deepcopy(model)
    total = F.cross_entropy(expected(batch[0]), batch[1], reduction="none") @ weights
    total.backward()  # type: ignore[no-untyped-call]

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, reduction="none")

    seen: list[Tensor] = []

    def weigh(of: Tensor) -> Tensor:
        seen.append(of)
        return weights

    if way == "layerwise" and network == "batch norm":
        pytest.skip("examples touch one another")
    before = copy.deepcopy(model.state_dict())
    made = align(model, loss, *batch, way, after=VirtualStep(weigh, rate))  # type: ignore[arg-type]
    torch.testing.assert_close(made.alignment, wanted, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(seen[-1], losses)
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters())
    if made.losses is not None:
        made.backward(weights) if made.backward else made.losses.backward(weights)  # type: ignore[no-untyped-call]
        for one, other in zip(model.parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)
    if made.losses is not None:
        for mine, theirs in zip(model.buffers(), expected.buffers(), strict=True):
            torch.testing.assert_close(mine, theirs)


def test_a_batch_takes_the_virtual_step_at_its_own_rate(tiny: wb.Task) -> None:
    batch = first(tiny)
    weights = torch.linspace(0, 1, len(batch))
    clean = batch.clean()
    data = batch.inputs, batch.labels, clean.inputs, clean.labels
    wanted, _ = bilevel(copy.deepcopy(batch.model), data, weights, tiny.recipe.lr)
    torch.testing.assert_close(batch.alignment(after=weights), wanted, rtol=1e-3, atol=1e-6)
    made = batch.alignment(after=lambda losses: weights.to(losses))
    torch.testing.assert_close(made, wanted, rtol=1e-3, atol=1e-6)
    assert batch.alignment(after=0 * weights).allclose(batch.alignment(), atol=1e-6)
    assert not batch.alignment(after=weights).allclose(batch.alignment(), rtol=1e-3)


# ---- joined batches, rows, groups ----------------------------------------------------------------


class Joins(Does):
    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        for batch in run.epochs(20):
            yield run.join(batch, run.clean_batch(6))


def test_a_joined_batch_holds_both(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0, Joins(), watchers=[log := WeightLog()])
    batch = next(iter(run))
    assert batch.held_out_rows.tolist() == [False] * 20 + [True] * 6
    assert not batch.held_out
    assert len(batch) == len(batch.index) == 26
    inputs, labels = run.holdout
    assert torch.equal(batch.inputs[20:], inputs[batch.index[20:]])
    assert torch.equal(batch.labels[20:], labels[batch.index[20:]])
    assert torch.equal(batch.labels[:20], run.labels[batch.index[:20]])
    again = wb.start(tiny, 0, Joins(), watchers=[log])
    again.train()
    (*_, last) = log.epochs()
    counted = float(last.weight.nansum())
    assert counted == pytest.approx(again.epoch_steps * 20 / 26), "of training examples alone"
    assert wb.check_weighter(Joins) == []


class TrustsTheHoldout(Joins):
    """Twice the weight for what is of the hold-out."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        return wb.normalize(1.0 + batch.held_out_rows)


def test_which_rows_are_held_out_is_known_in_any_order() -> None:
    assert list(map(str, wb.check_weighter(TrustsTheHoldout))) == []


class NotesPositions(Does):
    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.seen.append(batch.index)
        self.labels, self.given = batch.labels, batch.run.labels
        return uniform(batch)


def test_a_fork_on_rows_sees_these_alone(tiny: wb.Task) -> None:
    run, weighter = wb.start(tiny, 0), NotesPositions()
    rows = torch.arange(0, len(run.labels), 3)
    run.fork(weighter, "third", steps=6, rows=rows)
    assert torch.equal(weighter.given, run.labels[rows])
    assert torch.equal(weighter.labels, run.labels[rows][weighter.seen[-1]])
    assert max(int(index.max()) for index in weighter.seen) < len(rows)


NO_ROWS = [[0, 10_000], [-1], [], [0.5]]


@pytest.mark.parametrize("rows", [*map(torch.tensor, NO_ROWS), torch.arange(0)])
def test_rows_that_are_none_are_refused(tiny: wb.Task, rows: Tensor) -> None:
    with pytest.raises(BadData, match="rows"):
        wb.start(tiny, 0).fork(Does(), "none", rows=rows)


def grouped(task: wb.Task) -> wb.Task:
    data = task.data
    groups = np.arange(len(data.labels)) % 4
    return dataclasses.replace(task, dataset=dataclasses.replace(data, groups=groups))


class Grouped(Does):
    uses_groups = True


def test_groups_are_for_who_declares_to_use_them(tiny: wb.Task) -> None:
    task = grouped(tiny)
    with pytest.raises(HiddenData, match="uses_groups = True"):
        _ = first(task).groups
    run = wb.start(task, 0, Grouped())
    splits = task.split(0)
    groups = torch.from_numpy(splits.train % 4)
    assert not run.used_groups
    batch = next(iter(run))
    assert batch.groups is not None
    assert torch.equal(batch.groups, groups[batch.index])
    assert run.track == "D"
    whole = run.groups()
    assert whole is not None
    assert torch.equal(whole, groups)
    held = wb.start(task, 0, Grouped())
    clean = held.run.groups("holdout")
    assert clean is not None
    assert torch.equal(clean, torch.from_numpy(splits.holdout % 4))
    assert held.track == "C"
    assert first(tiny, Grouped()).groups is None
    assert wb.start(tiny, 0, Grouped()).track == "A"


def test_groups_of_joined_and_reordered_examples_are_theirs(tiny: wb.Task) -> None:
    run = wb.start(grouped(tiny), 0, Grouped()).run
    joined = run.join(run.batch(torch.arange(5)), run.clean_batch())
    order = torch.arange(len(joined)).flip(0)
    moved = ReorderedBatch(joined, order)
    train, held_out = run.groups(), run.groups("holdout")
    assert train is not None
    assert held_out is not None
    wanted = torch.cat([train[:5], held_out[joined.index[5:]]])
    for batch, expected in ((joined, wanted), (moved, wanted[order])):
        assert batch.groups is not None
        assert torch.equal(batch.groups, expected)
    assert torch.equal(moved.held_out_rows, joined.held_out_rows[order])


def test_groups_change_a_tasks_identity_and_no_number(tiny: wb.Task) -> None:
    task = grouped(tiny)
    assert task.fingerprint != tiny.fingerprint
    plain = trained(tiny, lambda _: None)
    other = trained(task, lambda _: None)
    assert all(torch.equal(plain[name], other[name]) for name in plain)


@pytest.mark.parametrize("groups", [np.zeros(3, np.int64), np.full(400, 0.5), np.full(400, -1)])
def test_groups_that_are_none_are_refused(tiny: wb.Task, groups: NDArray[np.int64]) -> None:
    with pytest.raises(BadData, match="groups"):
        dataclasses.replace(tiny.data, groups=groups)


# ---- losses that ask for the batch ---------------------------------------------------------------


class ByIndex(wb.Weighter):
    """Scales the loss of an example by its place in the training set."""

    def begin(self, run: wb.Run) -> None:
        self.scale = torch.linspace(0, 1, len(run.labels))

    def losses(self, logits: Tensor, labels: Tensor, batch: wb.Batch) -> Tensor:  # type: ignore[override]
        return self.scale[batch.index] * F.cross_entropy(logits, labels, reduction="none")

    def weigh(self, batch: wb.Batch) -> Tensor:
        return wb.normalize(batch.alignment())


def test_losses_may_ask_for_the_batch(tiny: wb.Task) -> None:
    batch = first(tiny, ByIndex())
    plain = F.cross_entropy(batch.logits, batch.labels, reduction="none")
    torch.testing.assert_close(batch.losses, torch.linspace(0, 1, 238)[batch.index] * plain)
    aligned = first(tiny, ByIndex()).alignment()
    unscaled = first(tiny).alignment()
    torch.testing.assert_close(aligned, torch.linspace(0, 1, 238)[batch.index] * unscaled)
    assert wb.check_weighter(ByIndex) == []


def test_losses_that_ask_for_the_batch_get_it_through_wrappers(tiny: wb.Task) -> None:
    plain, wrapped = first(tiny, ByIndex()), first(tiny, wb.Wrapper(wb.Wrapper(ByIndex())))
    assert torch.equal(plain.losses, wrapped.losses)
    with pytest.raises(Misuse, match=r"ByIndex\.losses asks for the batch: read batch\.losses"):
        wrapped.run.losses(wrapped.logits, wrapped.labels)


# ---- tracks --------------------------------------------------------------------------------------


class Told(Does):
    def __init__(self, noise: float | None = None) -> None:
        super().__init__()
        self.told_noise = noise is not None


@pytest.mark.parametrize(
    ("weighter", "track"),
    [(wb.make_weighter("uniform"), "A"), (wb.make_weighter("l2rw"), "B"), (Told(), "A"),
     (wb.make_weighter("uniform+select"), "B"), (Told(0.4), "E"), (wb.Wrapper(Told(0.4)), "E")],
)  # fmt: skip
def test_a_track_is_what_a_weighter_was_given(
    tiny: wb.Task, weighter: wb.Weighter, track: str
) -> None:
    run = wb.start(tiny, 0, weighter)
    run.train()
    assert run.track == track


def test_weights_can_keep_their_graph() -> None:
    made = torch.tensor([1.0, 3.0, -2.0], requires_grad=True)
    assert not wb.normalize(made).requires_grad
    weights = wb.normalize(made, detach=False)
    torch.testing.assert_close(weights.detach(), wb.normalize(made))
    (slope,) = torch.autograd.grad(weights[0], made)
    torch.testing.assert_close(slope, torch.tensor([3 / 16, -1 / 16, 0.0]))


class Builds(Does):
    def begin(self, run: wb.Run) -> None:
        self.net = run.build(lambda: nn.Linear(3, 2))
        self.other = run.build(lambda: nn.Linear(3, 2))


def test_a_module_is_built_from_the_weighters_own_stream(tiny: wb.Task) -> None:
    before = torch.get_rng_state()
    one, other, elsewhere = Builds(), Builds(), Builds()
    one.begin(wb.start(tiny, 0, one).run)
    other.begin(wb.start(tiny, 0, other).run)
    elsewhere.begin(wb.start(tiny, 1, elsewhere).run)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.net.weight, other.net.weight)
    assert not torch.equal(one.net.weight, one.other.weight)
    assert not torch.equal(one.net.weight, elsewhere.net.weight)
    assert wb.check_weighter(Builds) == []


def test_a_training_is_started_by_the_name_of_its_task() -> None:
    run = wb.start("digits-background-flip-v0[steps=3]", 0, wb.make_weighter("uniform"))
    run.train()
    assert run.steps_taken == 3
    with pytest.raises(wb.errors.BadSpec, match="no task"):
        wb.start("nowhere-v0")
