"""``wb.Reweighter``: one step is Algorithm 1's, whatever stands around it; wrong uses are told."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

import weightbench as wb
from tests.alignment.cases import Case, built_in, case, cross_entropy
from tests.alignment.zoo import Net, attended, tower
from weightbench.alignment import Way
from weightbench.errors import AlignmentUnsupported, Misuse, WeightbenchError

Gradients = list[Tensor]
SPREAD: Any = nn.DataParallel
COMPILE: Any = torch.compile
TRACE: Any = torch.jit.trace


def encoder() -> nn.Module:
    return attended(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True))


NETWORKS: dict[str, Callable[[], Case]] = {
    "cnn": lambda: built_in("small-cnn", torch.float64, n=12),
    "batch norm": lambda: case(lambda: tower(nn.BatchNorm1d(6)).double(), 8, n=12, classes=3),
    "transformer": lambda: case(lambda: encoder().double(), 3, 4, n=12, classes=3),
}
EACH = pytest.mark.parametrize("name", NETWORKS)


def reweighter_of(own: Case, way: Way = "auto") -> wb.Reweighter:
    return wb.Reweighter(own.model, clean=(own.clean_inputs, own.clean_labels), way=way)


def gradients(model: nn.Module) -> Gradients:
    """Taken away."""
    found = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    return found


def by_hand(own: Case) -> tuple[Tensor, Gradients]:
    """Weights and the update's gradient from one reverse pass an example; moves nothing."""
    model = copy.deepcopy(own.model)
    parameters = list(model.parameters())
    clean_logits = copy.deepcopy(model)  # whose statistics the clean pass moves
    clean_loss = F.cross_entropy(clean_logits(own.clean_inputs), own.clean_labels)
    clean = torch.autograd.grad(clean_loss, list(clean_logits.parameters()))
    losses = cross_entropy(model(own.inputs), own.labels)
    rows = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in losses]
    products = [sum((a * b).sum() for a, b in zip(row, clean, strict=True)) for row in rows]
    helped = torch.tensor(products).double().clamp(min=0)
    weights = helped / helped.sum()
    return weights, list(torch.autograd.grad(torch.dot(weights, losses), parameters))


def assert_same(found: Gradients, wanted: Gradients, scale: float = 1.0) -> None:
    for mine, its in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, its * scale, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("way", ["auto", "higher"])
@EACH
def test_a_step_is_algorithm_1_by_hand(name: str, way: Way) -> None:
    own = NETWORKS[name]()
    wanted, update = by_hand(own)
    assert 0 < int((wanted > 0).sum()) < 12
    reweighter = reweighter_of(own, way)
    weights = reweighter(own.inputs, own.labels)
    torch.testing.assert_close(weights, wanted, rtol=1e-8, atol=1e-10)
    reweighter.backward()
    assert_same(gradients(own.model), update)
    assert torch.equal(weights, wb.normalize(reweighter.alignment))
    assert not reweighter.losses.requires_grad


@EACH
def test_accumulation_adds_up(name: str) -> None:
    own, other = NETWORKS[name](), NETWORKS[name]()
    other.inputs = own.inputs.flip(0) * 0.5
    reweighter, apart = reweighter_of(own), []
    for batch in (own, other):
        reweighter(batch.inputs, batch.labels)
        reweighter.backward()
        apart.append(gradients(own.model))
    for batch in (own, other):
        reweighter(batch.inputs, batch.labels)
        reweighter.backward(1 / 2)
    assert_same(gradients(own.model), [a + b for a, b in zip(*apart, strict=True)], 0.5)


@EACH
def test_a_scaler_scales_and_unscales(name: str) -> None:
    own = NETWORKS[name]()
    update = by_hand(own)[1]
    reweighter = reweighter_of(own)
    optimizer = torch.optim.SGD(own.model.parameters(), lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    weights = reweighter(own.inputs, own.labels)
    reweighter.backward(scaler.scale(weights.new_ones(())))
    first = next(own.model.parameters())
    assert first.grad is not None
    torch.testing.assert_close(first.grad, update[0] * 1024, rtol=1e-8, atol=1e-7)
    scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_(own.model.parameters(), 0.01)
    assert float(norm) > 0.01
    assert_same(gradients(own.model), update, 0.01 / (float(norm) + 1e-6))


def test_a_scaler_skips_what_is_not_finite() -> None:
    own = NETWORKS["cnn"]()
    reweighter = reweighter_of(own)
    optimizer = torch.optim.SGD(own.model.parameters(), lr=1.0)
    before = [p.detach().clone() for p in own.model.parameters()]
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    weights = reweighter(own.inputs * float("inf"), own.labels)
    reweighter.backward(scaler.scale(weights.new_ones(())))
    scaler.step(optimizer)
    scaler.update()
    assert_same(list(own.model.parameters()), before)


@pytest.mark.parametrize("way", ["auto", "higher", "fused"])
@EACH
def test_a_loss_that_is_not_finite_is_seen(name: str, way: Way) -> None:
    """As in a plain step: nothing is hidden, and the next batch is none the worse."""
    own = NETWORKS[name]()
    own.model.eval()  # batch norm would keep it
    spoilt = own.inputs.clone()
    spoilt[3] = float("nan")
    reweighter = reweighter_of(own, way)
    for _ in range(2):
        assert reweighter(spoilt, own.labels).isnan().all()
        reweighter.backward()
        assert all(gradient.isnan().any() for gradient in gradients(own.model))
        torch.testing.assert_close(reweighter(own.inputs, own.labels), by_hand(own)[0])


def test_evaluation_mode_counts() -> None:
    own = case(lambda: tower(nn.BatchNorm1d(6)).double().eval(), 8, n=12, classes=3)
    wanted, update = by_hand(own)
    reweighter = reweighter_of(own)
    torch.testing.assert_close(reweighter(own.inputs, own.labels), wanted, rtol=1e-8, atol=1e-10)
    reweighter.backward()
    assert_same(gradients(own.model), update)
    own.model.train()
    assert not torch.allclose(reweighter(own.inputs, own.labels), wanted)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("way", ["auto", "higher"])
def test_autocast_reaches_every_pass(way: Way, dtype: torch.dtype) -> None:
    own = built_in("small-cnn", n=12)
    seen: list[torch.dtype] = []
    convolution = next(m for m in own.model.modules() if isinstance(m, nn.Conv2d))
    reweighter = reweighter_of(own, way)
    with torch.autocast("cpu", dtype=dtype):
        reweighter(own.inputs, own.labels)
        convolution.register_forward_hook(lambda layer, x, y: seen.append(y.dtype))
        weights = reweighter(own.inputs, own.labels)
    seen = seen[-1:]
    reweighter.backward()
    assert seen == [dtype]
    assert weights.dtype == torch.float32
    assert all(gradient.isfinite().all() for gradient in gradients(own.model))


# ---- clean examples ------------------------------------------------------------------------------


def test_clean_batches_go_round() -> None:
    own = NETWORKS["cnn"]()
    x, y = own.clean_inputs, own.clean_labels
    whole = [wb.Reweighter(own.model, clean=part) for part in ((x[:2], y[:2]), (x[2:], y[2:]))]
    wanted = [reweighter(own.inputs, own.labels) for reweighter in whole]
    in_turn: list[Any] = [
        [(x[:2], y[:2]), (x[2:], y[2:])],
        ((x[:2], y[:2]), (x[2:], y[2:])),
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=2),
    ]
    for clean in in_turn:
        reweighter = wb.Reweighter(own.model, clean=clean)
        found = [reweighter(own.inputs, own.labels) for _ in range(4)]
        for mine, its in zip(found, wanted * 2, strict=True):
            torch.testing.assert_close(mine, its)


def test_clean_is_a_pair_as_a_loader_yields_it() -> None:
    own = NETWORKS["cnn"]()
    pair: Any = [own.clean_inputs, own.clean_labels]
    found = wb.Reweighter(own.model, clean=pair)(own.inputs, own.labels)
    assert torch.equal(found, reweighter_of(own)(own.inputs, own.labels))


# ---- what a network may take ---------------------------------------------------------------------


@pytest.mark.parametrize("way", ["auto", "higher", "fused"])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("kind", [dict, tuple, list])
def test_inputs_may_be_structured(kind: Any, norm: bool, way: Way) -> None:
    """The network takes a dict or a tuple as its one argument: the numbers are the same."""
    own = case(lambda: tower(nn.BatchNorm1d(6) if norm else nn.Tanh()), 8, n=12, classes=3)
    wanted = reweighter_of(own, way)(own.inputs, own.labels)
    key: Any = "x" if kind is dict else 0
    model = Net(lambda s, inputs: s.inner(inputs[key]), inner=own.model)

    def packed(x: Tensor) -> Any:
        return {"x": x, "name": "unused"} if kind is dict else kind((x,))

    reweighter = wb.Reweighter(model, clean=(packed(own.clean_inputs), own.clean_labels), way=way)
    torch.testing.assert_close(reweighter(packed(own.inputs), own.labels), wanted)
    reweighter.backward()
    assert any(gradient.abs().max() > 0 for gradient in gradients(model))


# ---- wrong uses ----------------------------------------------------------------------------------

X, Y = torch.randn(8, 8), torch.arange(8) % 3
CLEAN = (X[:4], Y[:4])


def asked(
    model: Any = None, x: Any = X, y: Any = Y, clean: Any = CLEAN, **options: Any
) -> wb.Reweighter:
    reweighter = wb.Reweighter(tower(nn.Tanh()) if model is None else model, clean=clean, **options)
    reweighter(x, y)
    return reweighter


def backward_twice() -> None:
    reweighter = asked()
    reweighter.backward()
    reweighter.backward()


def backward_first() -> None:
    wb.Reweighter(tower(nn.Tanh()), clean=CLEAN).backward()


def backward_after_an_error() -> None:
    reweighter = asked()
    with pytest.raises(Misuse):
        reweighter(X, Y.int())
    reweighter.backward()


def generator_twice() -> None:
    reweighter = asked(clean=(batch for batch in [CLEAN]))
    for _ in range(2):  # it stays at its end
        with pytest.raises(Misuse, match="no more batches"):
            reweighter(X, Y)
    reweighter(X, Y)


def compiled_later() -> None:
    model: Any = Net(lambda s, x: s.inner(x), inner=tower(nn.Tanh()))
    reweighter = asked(model)
    model.compile(backend="eager")
    reweighter(X, Y)


in_a_dict: Any = lambda s, x: {"logits": s.a(x)}  # noqa: E731
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "mean loss": (lambda: asked(loss=nn.CrossEntropyLoss()), "one per example"),
    "generator": (generator_twice, "give a DataLoader or a list"),
    "no clean batches": (lambda: asked(clean=[]), "no more batches"),
    "empty clean batch": (lambda: asked(clean=(X[:0], Y[:0])), "clean batch has no examples"),
    "empty batch": (lambda: asked(x=X[:0], y=Y[:0]), "training batch has no examples"),
    "clean is inputs alone": (lambda: asked(clean=[X]), "expected inputs and labels"),
    "clean is a data set": (
        lambda: asked(clean=torch.utils.data.TensorDataset(X, Y)), "expected torch.int64 of shape"),
    "backward twice": (backward_twice, "before each backward"),
    "backward first": (backward_first, "before each backward"),
    "backward after an error": (backward_after_an_error, "before each backward"),
    "int32 labels": (lambda: asked(y=Y.int()), "training batch are torch.int32"),
    "soft labels": (lambda: asked(y=F.one_hot(Y).float()), "torch.float32 of shape (8, 3)"),
    "list of labels": (lambda: asked(y=[0] * 8), "labels of a training batch are a list"),
    "int32 clean labels": (lambda: asked(clean=(X, Y.int())), "clean batch are torch.int32"),
    "fewer labels": (lambda: asked(y=Y[:5]), "beside 5 labels"),
    "all frozen": (lambda: asked(tower(nn.Tanh()).requires_grad_(False)), "requires a gradient"),
    "no parameters": (lambda: asked(nn.Tanh()), "requires a gradient"),
    "no_grad": (torch.no_grad()(asked), "outside of torch.no_grad"),
    "inference mode": (torch.inference_mode()(asked), "outside of torch.no_grad"),
    "a function": (lambda: asked(lambda x: x), "a function is no network"),
    "dict of logits": (
        lambda: asked(Net(in_a_dict, a=nn.Linear(8, 3))), "gives dict"),
    "one logit": (
        lambda: asked(Net(lambda s, x: s.a(x)[:, 0], a=nn.Linear(8, 3))), "gives (4,)"),
    "data parallel": (lambda: asked(SPREAD(tower(nn.Tanh()))), "model.module"),
    "compiled": (
        lambda: asked(COMPILE(tower(nn.Tanh()), backend="eager")), "torch.compile was called on"),
    "compiled later": (compiled_later, "leave out its .compile()"),
    "scripted": (lambda: asked(TRACE(tower(nn.Tanh()), X)), "that this was made from"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:DeprecationWarning")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_told_in_one_line(name: str) -> None:
    wrong, words = WRONG[name]
    with pytest.raises(WeightbenchError) as caught:
        wrong()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, Misuse | AlignmentUnsupported)


def test_networks_that_are_spread_over_processes_are_refused() -> None:
    dist.init_process_group(
        "gloo", store=torch._C._distributed_c10d.HashStore(), rank=0, world_size=1
    )
    try:
        spread: Any = nn.parallel.DistributedDataParallel(tower(nn.Tanh()))
        for model in (spread, nn.Sequential(spread, nn.Tanh())):
            with pytest.raises(AlignmentUnsupported, match="does not see through Distributed"):
                asked(model)
        asked(spread.module)
    finally:
        dist.destroy_process_group()
