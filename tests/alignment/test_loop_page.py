"""docs/reweight-your-own-loop.md: its code as it stands, in order, and its table row by row."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm
from torch.utils.checkpoint import checkpoint

import weightbench as wb
from tests.alignment.zoo import (
    Net,
    Op,
    Recurrent,
    SelfAttention,
    Sign,
    attended,
    detached_norm,
    frozen,
    images,
    low_rank,
    norm_without_gradient,
    tower,
)
from weightbench.errors import AlignmentUnsupported

PAGE = (Path(__file__).parents[2] / "docs" / "reweight-your-own-loop.md").read_text("utf-8")
pytestmark = pytest.mark.xdist_group("loop-page")  # run once
NEAR = 0.06  # accuracies, on another machine


@contextlib.contextmanager
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def run_page() -> dict[str, Any]:
    """Every block of code in order, in one namespace; what it prints is held against the page."""
    space: dict[str, Any] = {"__name__": "page"}
    for code, shown in re.findall(
        r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", PAGE, re.DOTALL
    ):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, space)
        assert_alike(out.getvalue(), shown)
    return space


def assert_alike(printed: str, shown: str) -> None:
    """The same words; numbers with a point nearly the same."""
    mine, its = printed.split(), shown.split()
    assert len(mine) == len(its), printed
    for a, b in zip(mine, its, strict=True):
        assert float(a) == pytest.approx(float(b), abs=NEAR) if "." in b else a == b, printed


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    torch.set_num_threads(1)  # this comes before what every test does
    with logging_as_before(), torch.random.fork_rng(devices=[]):
        return run_page()


def test_code_of_the_page_runs_and_prints_what_it_shows(page: dict[str, Any]) -> None:
    assert page["reweighter"].weights.shape == (100,)


def test_lines_added_to_a_loop_are_those_of_the_example() -> None:
    changes = re.findall(r"```diff\n(.*?)```", PAGE, re.DOTALL)[0].splitlines()
    example = [line.strip() for line in PAGE.split("```python")[1].splitlines()]
    assert {line[1:].strip() for line in changes} <= set(example)


def test_gradients_are_averaged_as_the_page_says(page: dict[str, Any], tmp_path: Path) -> None:
    """One process: all there is to see is that the calls are right."""
    layer = nn.Linear(2, 2)
    layer.weight.grad = torch.ones(2, 2)
    dist.init_process_group(
        "gloo", store=torch._C._distributed_c10d.HashStore(), rank=0, world_size=1
    )
    try:
        page["average_gradients"](layer)
    finally:
        dist.destroy_process_group()
    assert torch.equal(layer.weight.grad, torch.ones(2, 2))


def test_the_log_is_the_one_shown(caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
    said = record(model, (8,), caplog)
    assert re.findall(r"```console\n(.*?)\n```", PAGE)[0] == said


# ---- the table -----------------------------------------------------------------------------------


class Adapter(nn.Module):
    """LoRA of two linear layers beside a frozen one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.base = frozen(nn.Linear(inputs, outputs))
        self.down = nn.Linear(inputs, 2, bias=False)
        self.up = nn.Linear(2, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.base(x) + self.up(self.down(x))
        return out


def hung_on(change: Callable[[Any], Any]) -> nn.Module:
    model = tower(nn.Tanh())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        change(model[0])
    return model


def again(reentrant: bool, *inner: nn.Module) -> nn.Module:
    return Net(
        lambda s, x: s.last(checkpoint(s.inner, s.first(x), use_reentrant=reentrant)),
        first=nn.Linear(8, 6), inner=nn.Sequential(*inner, nn.Tanh()), last=nn.Linear(6, 3),
    )  # fmt: skip


def words() -> nn.Module:
    return Net(
        lambda s, x: s.last(s.words(x.mul(2).long().clamp(0, 9)).mean(1)),
        words=nn.Embedding(10, 6), last=nn.Linear(6, 3),
    )  # fmt: skip


def encoder() -> nn.Module:
    return attended(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True))


PRUNE: Any = prune
SPREAD: Any = nn.DataParallel
COMPILE: Any = torch.compile
ROWS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "`Linear`, activations, in `Sequential`": (lambda: tower(nn.Tanh()), (8,)),
    "`Conv2d`, pools, `Flatten`, in `Sequential`": (
        lambda: images(nn.Conv2d(2, 6, 3), nn.ReLU()), (2, 5, 5)),
    "the same in a `forward` of one's own": (
        lambda: Net(lambda s, x: s.inner(x), inner=tower(nn.Tanh())), (8,)),
    "`GroupNorm`": (lambda: images(nn.Conv2d(2, 6, 3), nn.GroupNorm(2, 6)), (2, 5, 5)),
    "`LayerNorm`": (lambda: tower(nn.LayerNorm(6)), (8,)),
    "`Embedding`": (words, (5,)),
    "`Dropout`": (lambda: tower(nn.Dropout(0.5)), (8,)),
    "`BatchNorm`, training": (lambda: tower(nn.BatchNorm1d(6)), (8,)),
    "`BatchNorm`, evaluation": (lambda: tower(nn.BatchNorm1d(6)).eval(), (8,)),
    "`MultiheadAttention`": (lambda: attended(SelfAttention()), (3, 4)),
    "`TransformerEncoderLayer`": (encoder, (3, 4)),
    "`LSTM`": (lambda: Recurrent(nn.LSTM), (3, 4)),
    "`GRU`": (lambda: Recurrent(nn.GRU), (3, 4)),
    "frozen layers": (lambda: nn.Sequential(frozen(nn.Linear(8, 8)), *tower(nn.Tanh())), (8,)),
    "LoRA of `Linear` layers": (
        lambda: nn.Sequential(Adapter(8, 6), nn.Tanh(), nn.Linear(6, 3)), (8,)),
    "LoRA hung on a layer": (lambda: hung_on(low_rank), (8,)),
    "`weight_norm`": (lambda: hung_on(parametrizations.weight_norm), (8,)),
    "`spectral_norm`": (lambda: hung_on(parametrizations.spectral_norm), (8,)),
    "old `weight_norm`": (lambda: hung_on(weight_norm), (8,)),
    "old `spectral_norm`": (lambda: hung_on(spectral_norm), (8,)),
    "pruned layers": (lambda: hung_on(lambda f: PRUNE.l1_unstructured(f, "weight", 0.3)), (8,)),
    "forward hooks": (
        lambda: hung_on(lambda f: f.register_forward_hook(lambda f, x, y: y * 3)), (8,)),
    "`no_grad` inside": (lambda: tower(Op(norm_without_gradient)), (8,)),
    "`detach` inside": (lambda: tower(Op(detached_norm)), (8,)),
    "`no_grad` and batch norm": (
        lambda: tower(nn.BatchNorm1d(6), Op(norm_without_gradient)), (8,)),
    "`autograd.Function` without `jvp`": (lambda: tower(Op(Sign.apply), nn.Tanh()), (8,)),
    "the same and batch norm": (lambda: tower(nn.BatchNorm1d(6), Op(Sign.apply)), (8,)),
    "`checkpoint(use_reentrant=False)`": (lambda: again(False, nn.Linear(6, 6)), (8,)),
    "the same around batch norm": (lambda: again(False, nn.BatchNorm1d(6)), (8,)),
    "`checkpoint(use_reentrant=True)`": (lambda: again(True, nn.Linear(6, 6)), (8,)),
    "`EmbeddingBag`": (
        lambda: Net(lambda s, x: s.last(s.bag(x.mul(2).long().clamp(0, 9))),
                    bag=nn.EmbeddingBag(10, 6), last=nn.Linear(6, 3)), (5,)),
    "`DataParallel`, `DistributedDataParallel`, FSDP": (lambda: SPREAD(tower(nn.Tanh())), (8,)),
    "`torch.compile`, `torch.jit`": (lambda: COMPILE(tower(nn.Tanh()), backend="eager"), (8,)),
}  # fmt: skip


def record(model: nn.Module, shape: tuple[int, ...], caplog: pytest.LogCaptureFixture) -> str:
    """What is logged about a first batch."""
    stream = torch.Generator().manual_seed(0)
    x, clean = (torch.randn(n, *shape, generator=stream) for n in (8, 4))
    y, clean_labels = (torch.randint(3, (n,), generator=stream) for n in (8, 4))
    with caplog.at_level(logging.INFO, "weightbench.alignment.choice"):
        wb.Reweighter(model, clean=(clean, clean_labels))(x, y)
    return caplog.records[-1].getMessage()


def way_taken(model: nn.Module, shape: tuple[int, ...], caplog: pytest.LogCaptureFixture) -> str:
    try:
        return record(model, shape, caplog).split(": ")[1].split(";")[0]
    except AlignmentUnsupported:
        return "refused"


TABLE = {
    cells[0].strip(): cells[1].strip(" *")
    for cells in (
        line.strip("|").split("|") for line in re.findall(r"^\| .*\|$", PAGE, re.MULTILINE)
    )
    if cells[1].strip() not in ("takes", "---")
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_table(row: str, caplog: pytest.LogCaptureFixture) -> None:
    build, shape = ROWS[row]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert TABLE[row] == way_taken(build(), shape, caplog)


def test_every_row_is_tested() -> None:
    assert [*TABLE] == [*ROWS]
