"""The loop: the same by hand as by the engine, and equal to plain PyTorch."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import weightbench as wb
from weightbench.errors import Diverged, HiddenData, Misuse, OverBudget


def uniform(batch: wb.Batch) -> Tensor:
    return torch.full((len(batch),), 1 / len(batch))


def train(task: wb.Task, weighter: str, seed: int = 0) -> wb.Trainer:
    run = wb.start(task, seed, weighter=wb.make_weighter(weighter))
    run.train()
    return run


def test_by_hand_equals_the_engine(tiny: wb.Task) -> None:
    run = wb.start(tiny, seed=0)
    for batch in run:
        run.step(uniform(batch))
    engine = train(tiny, "uniform")
    assert torch.equal(run.test_predictions(), engine.test_predictions())
    assert run.score() == engine.score()
    for one, other in zip(run.model.parameters(), engine.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_uniform_equals_a_loop_in_plain_pytorch(tiny: wb.Task) -> None:
    """SGD on the mean loss over the same batches, learning rate falling at the milestones."""
    run = wb.start(tiny, seed=0)
    model, recipe = copy.deepcopy(run.model), run.recipe
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.lr, momentum=recipe.momentum)
    decays = [round(share * recipe.steps) for share in recipe.milestones]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, decays, recipe.decay)
    for batch in run:
        run.step(uniform(batch))
        optimizer.zero_grad()
        F.cross_entropy(model(batch.inputs), batch.labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    assert run.steps_taken == recipe.steps > 0
    for ours, plain in zip(run.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-4)


@dataclasses.dataclass
class Seen:
    """What a run gives to whoever weighs."""

    index: list[list[int]]
    inputs: list[Tensor]
    initial: dict[str, Tensor]
    splits: str


def seen(task: wb.Task, weighter: str, seed: int = 0) -> Seen:
    run = wb.start(task, seed, weighter=wb.make_weighter(weighter))
    initial = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    index, inputs = [], []
    for batch in run:
        index.append(batch.index.tolist())
        inputs.append(batch.inputs)
        run.step(run.weighter.weigh(batch))
    return Seen(index, inputs, initial, run.splits.sha256 + run.splits.corrupted.sha256)


@pytest.mark.parametrize("weighter", ["random", "proportion", "oracle", "l2rw"])
def test_weighters_share_every_stream_but_their_own(tiny: wb.Task, weighter: str) -> None:
    one, other = seen(tiny, "uniform"), seen(tiny, weighter)
    assert one.splits == other.splits
    assert one.index == other.index
    assert all(torch.equal(a, b) for a, b in zip(one.inputs, other.inputs, strict=True))
    assert all(torch.equal(one.initial[name], other.initial[name]) for name in one.initial)


def test_seeds_share_nothing(tiny: wb.Task) -> None:
    one, other = seen(tiny, "uniform", 0), seen(tiny, "uniform", 1)
    assert one.index != other.index
    assert one.splits != other.splits


def test_the_global_stream_is_neither_read_nor_moved(tiny: wb.Task) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = train(tiny, "random").test_predictions()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(train(tiny, "random").test_predictions(), one)


def test_an_epoch_shows_every_example_at_most_once(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    an_epoch = len(run.labels) // run.recipe.batch_size
    index = [i for batch in seen(tiny, "uniform").index[:an_epoch] for i in batch]
    assert len(index) == len(set(index)) == an_epoch * run.recipe.batch_size


def test_a_set_smaller_than_a_batch_is_one_batch(tiny: wb.Task) -> None:
    large = dataclasses.replace(tiny.recipe, batch_size=10**6)
    run = wb.start(dataclasses.replace(tiny, recipe=large), 0)
    assert len(next(iter(run))) == len(run.labels)


def test_clean_batches_go_round_the_holdout(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    _, labels = run.holdout
    whole = run.clean_batch()
    assert whole.labels.tolist() == labels.tolist()
    small = [run.clean_batch(2) for _ in range(len(labels) // 2)]
    index = torch.cat([batch.index for batch in small])
    assert len(set(index.tolist())) == len(index)


def test_true_labels_are_for_the_privileged(tiny: wb.Task) -> None:
    with pytest.raises(HiddenData, match="privileged = True"):
        wb.start(tiny, 0).true_labels  # noqa: B018
    run = wb.start(tiny, 0, weighter=wb.make_weighter("oracle"))
    assert float((run.true_labels != run.labels).float().mean()) == pytest.approx(
        run.splits.corrupted.rate
    )


@pytest.mark.parametrize("hidden", ["select", "test", "true_labels", "nonsense"])
def test_hidden_splits_are_refused_by_name(tiny: wb.Task, hidden: str) -> None:
    run = wb.start(tiny, 0)
    with pytest.raises(HiddenData, match="not for weighters"):
        run.predict(on=hidden)
    with pytest.raises(HiddenData, match="not for weighters"):
        run.fork(wb.make_weighter("uniform"), "side", on=hidden)


def test_a_side_training_cannot_be_privileged_for_its_owner(tiny: wb.Task) -> None:
    with pytest.raises(HiddenData, match="cannot be privileged"):
        wb.start(tiny, 0).fork(wb.make_weighter("oracle"), "side")


@dataclasses.dataclass
class Rescheduled(wb.Weighter):
    """Plain training under another recipe."""

    changes: dict[str, object]

    def recipe(self, recipe: wb.Recipe) -> wb.Recipe:
        return dataclasses.replace(recipe, **self.changes)  # type: ignore[arg-type]

    def weigh(self, batch: wb.Batch) -> Tensor:
        return uniform(batch)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 2000}, "asks for 2000 steps; the task grants 20"),
        ({"evaluations": 11}, "asks for 11 evaluations; the task grants 10"),
        ({"lr": 0.5}, "sets lr to 0.5; it is 0.05 for every weighter"),
        ({"batch_size": 64}, "sets batch_size to 64"),
        ({"weight_decay": 0.1}, "sets weight_decay to 0.1"),
    ],
)
def test_the_schedule_is_everybodys(tiny: wb.Task, changes: dict[str, object], says: str) -> None:
    with pytest.raises(OverBudget, match=says):
        wb.start(tiny, 0, weighter=Rescheduled(changes))


def test_a_schedule_may_be_shorter_and_decay_at_other_times(tiny: wb.Task) -> None:
    run = wb.start(
        tiny, 0, weighter=Rescheduled({"steps": 5, "evaluations": 1, "milestones": (0.1,)})
    )
    run.train()
    assert run.steps_taken == 5


def test_side_trainings_have_a_budget(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    for i in range(19):
        run.fork(wb.make_weighter("uniform"), f"side{i}")
    says = r"comes to the work of 420 plain steps; 20 times the task's 20 are granted"
    with pytest.raises(OverBudget, match=says):
        run.fork(wb.make_weighter("uniform"), "one too many")


class Multiplies(wb.Weighter):
    """Works hard in one of the hooks, without a fork."""

    def __init__(self, hook: str = "weigh", size: int = 0) -> None:
        self.hook, self.size = hook, size

    def work(self, hook: str) -> None:
        if hook == self.hook:
            torch.ones(self.size, self.size) @ torch.ones(self.size, self.size)

    def begin(self, run: wb.Run) -> None:
        self.work("begin")

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        for batch in run.epochs(run.recipe.batch_size):
            self.work("batches")
            yield batch

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.work("weigh")
        return uniform(batch)

    def end_epoch(self, run: wb.Run) -> None:
        self.work("end_epoch")

    def finish(self, run: wb.Run) -> nn.Module:
        self.work("finish")
        return run.model


HOOKS = ["begin", "batches", "weigh", "end_epoch", "finish"]


@pytest.mark.parametrize("hook", HOOKS)
def test_work_is_measured_wherever_it_is_done(tiny: wb.Task, hook: str) -> None:
    """A product of matrices of 100 by 100 is two million operations."""
    plain, run = train(tiny, "uniform"), wb.start(tiny, 0, Multiplies(hook, 100))
    run.train()
    own = 2e6 / plain.plain_flops
    assert plain.step_work == pytest.approx(1)
    assert plain.side_work == 0
    in_steps = hook in ("batches", "weigh")
    assert run.step_work == pytest.approx(1 + own * in_steps)
    epochs = tiny.recipe.steps // run.epoch_steps
    times = {"begin": 1, "end_epoch": epochs, "finish": 1}.get(hook, 0)
    assert run.side_work == pytest.approx(times * own)
    assert torch.equal(run.test_predictions(), plain.test_predictions())


def test_a_little_work_is_granted_to_the_smallest_network(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0, Multiplies("begin", 700))
    run.train()
    assert run.side_work > 20 * tiny.recipe.steps


@pytest.mark.parametrize("hook", HOOKS)
def test_all_work_is_of_the_same_budget(tiny: wb.Task, hook: str) -> None:
    run = wb.start(tiny, 0, Multiplies(hook, 2000))
    with pytest.raises(OverBudget, match="times the task's 20 are granted"):
        run.train()
    if hook in ("batches", "weigh"):
        assert run.steps_taken < 5, "it is seen early"


def test_nobody_is_judged_before_the_last_step(tiny: wb.Task) -> None:
    """A look at the test split in mid-training would also leave the network in evaluation mode."""
    run = wb.start(tiny, 0)
    for batch in run:
        run.step(uniform(batch))
        if run.steps_taken == 3:
            break
    for ask in (run.score, run.finish, run.test_predictions):
        with pytest.raises(Misuse, match="after the last step; this run has taken 3 of 20"):
            ask()
    assert run.model.training


class Turncoat(wb.Weighter):
    """Declares itself privileged once it is being trained."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.privileged = True
        return wb.normalize((batch.run.true_labels == batch.run.labels)[batch.index].float())


def test_privileges_are_declared_before_the_training(tiny: wb.Task) -> None:
    with pytest.raises(HiddenData, match="privileged = True"):
        wb.start(tiny, 0, weighter=Turncoat()).train()


class Forking(wb.Weighter):
    """Trains a model on the side before its own training."""

    def begin(self, run: wb.Run) -> None:
        self.side = run.fork(wb.make_weighter("uniform"), "side", steps=5)
        self.logits = run.predict(self.side)

    def weigh(self, batch: wb.Batch) -> Tensor:
        return uniform(batch)


def test_a_side_training_is_counted_and_disturbs_nothing(tiny: wb.Task) -> None:
    weighter = Forking()
    run = wb.start(tiny, 0, weighter=weighter)
    run.train()
    assert run.side_work > 5, "and the whole set is predicted"
    assert run.side_work == pytest.approx(5 + len(run.labels) / tiny.recipe.batch_size / 3, rel=0.2)
    assert not weighter.side.training
    assert weighter.logits.shape == (len(run.labels), run.num_classes)
    assert torch.equal(run.test_predictions(), train(tiny, "uniform").test_predictions())
    assert run.phases["begin"] > 0


def test_a_second_network_has_its_own_parameters(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    second, again = run.new_model("second"), run.new_model("second")
    own = next(run.model.parameters())
    assert not torch.equal(next(second.parameters()), own)
    assert torch.equal(next(second.parameters()), next(again.parameters()))


class SumOfLoss(wb.Weighter):
    """A loss with a parameter of its own."""

    def __init__(self) -> None:
        self.bias = nn.Parameter(torch.zeros(3))

    def parameters(self) -> list[nn.Parameter]:
        return [self.bias]

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits + self.bias[: logits.shape[1]], labels, reduction="none")

    def weigh(self, batch: wb.Batch) -> Tensor:
        return uniform(batch)


def test_parameters_of_the_loss_are_trained_but_not_deployed(tiny: wb.Task) -> None:
    weighter = SumOfLoss()
    run = wb.start(tiny, 0, weighter=weighter)
    model = run.train()
    assert weighter.bias.abs().sum() > 0
    assert model is run.model


def test_weight_decay_is_for_weights_alone(tiny: wb.Task) -> None:
    decayed = dataclasses.replace(tiny.recipe, weight_decay=0.1)
    weighter = SumOfLoss()
    run = wb.start(dataclasses.replace(tiny, recipe=decayed), 0, weighter=weighter)
    next(iter(run))
    assert run.optimizer is not None
    with_decay = {
        id(p) for g in run.optimizer.param_groups if g["weight_decay"] for p in g["params"]
    }
    assert with_decay == {id(p) for p in run.model.parameters() if p.ndim > 1}
    without = {id(p) for g in run.optimizer.param_groups for p in g["params"]} - with_decay
    assert id(weighter.bias) in without


def test_the_loop_says_when_it_is_driven_wrongly(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    with pytest.raises(Misuse, match="inside `for batch in run:`"):
        run.step(torch.ones(3))
    batches = iter(run)
    batch = next(batches)
    with pytest.raises(Misuse, match="passed over"):
        next(batches)
    run = wb.start(tiny, 0)
    for batch in run:
        run.step(uniform(batch))
        with pytest.raises(Misuse, match="once per batch"):
            run.step(uniform(batch))
    with pytest.raises(Misuse, match="starts another"):
        next(iter(run))
    with pytest.raises(Misuse, match=r"call run\.step\(weights\)"):
        wb.start(tiny, 0).train()


class Short(wb.Weighter):
    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        yield run.clean_batch()

    def weigh(self, batch: wb.Batch) -> Tensor:
        return uniform(batch)


def test_batches_that_run_out_are_named(tiny: wb.Task) -> None:
    with pytest.raises(Misuse, match="ended after 1 of"):
        wb.start(tiny, 0, weighter=Short()).train()


def test_a_loss_that_is_not_finite_ends_the_run(tiny: wb.Task) -> None:
    wild = dataclasses.replace(tiny.recipe, lr=1e18)
    with pytest.raises(Diverged, match="at step"):
        train(dataclasses.replace(tiny, recipe=wild), "uniform")


def test_an_all_zero_batch_is_a_step_that_moves_nothing(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    before = [p.clone() for p in run.model.parameters()]
    batch = next(iter(run))
    run.step(torch.zeros(len(batch)))
    assert all(torch.equal(a, b) for a, b in zip(before, run.model.parameters(), strict=True))
    assert run.steps_taken == 1


def test_the_selected_network_is_the_best_on_select(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    looks, models = run.recipe.evaluation_steps(), []
    for batch in run:
        run.step(uniform(batch))
        if run.steps_taken in looks:
            models.append(copy.deepcopy(run.model).eval())
    assert [step for step, _ in run.select_accuracy] == sorted(looks)
    accuracies = [accuracy for _, accuracy in run.select_accuracy]
    best = models[accuracies.index(max(accuracies))]
    inputs = torch.from_numpy(tiny.data.inputs[run.splits.test])
    assert torch.equal(run.test_predictions(selected=True), best(inputs).argmax(1))


def test_progress_runs_from_0_to_below_1(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    progress = []
    for batch in run:
        progress.append(batch.progress)
        run.step(uniform(batch))
    assert progress[0] == 0
    assert progress == sorted(progress)
    assert progress[-1] < 1


def test_time_is_accounted_to_phases(tiny: wb.Task) -> None:
    run = train(tiny, "uniform")
    run.score()
    assert set(run.phases) == {"setup", "begin", "train", "select", "finish", "test"}
    assert all(run.phases[name] > 0 for name in ("setup", "train", "select", "test"))
