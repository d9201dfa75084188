"""Small networks that break others: by kind and name, each with the shape of its inputs.

Every network takes (n, *shape) to (n, 3) logits and builds itself in torch's default type. Where
nothing else is said it is in training mode, draws no random numbers and has the plain cross-entropy
as its loss. Hidden layers are as wide as the tests' batches are long where that tempts a mistake.
"""

from __future__ import annotations

import dataclasses
import functools
import random
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm
from torch.nn.utils.parametrize import register_parametrization
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

Loss = Callable[[Tensor, Tensor], Tensor]
Function = Callable[[Tensor], Tensor]
Build = Callable[[], nn.Module]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction="none")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A network to build, the shape of one input, its loss, and whether it draws at random."""

    build: Build
    shape: tuple[int, ...] = (8,)
    loss: Loss = cross_entropy
    draws: bool = False


ZOO: dict[str, Entry] = {}


def add(kind: str, networks: dict[str, Build], *shape: int, draws: bool = False) -> None:
    """Enter ``networks`` under ``kind``; (8,) is the shape unless one is given."""
    for name, build in networks.items():
        assert f"{kind}: {name}" not in ZOO
        ZOO[f"{kind}: {name}"] = Entry(build, shape or (8,), draws=draws)


class Net(nn.Module):
    """Modules, parameters and buffers by name, and a forward pass that is given as a function."""

    def __init__(self, run: Callable[[Any, Tensor], Tensor], **parts: Any) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


class Op(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def tower(*middle: nn.Module, inputs: int = 8, outputs: int = 6) -> nn.Sequential:
    """A layer to 6 features, what is given, and the layer to the logits."""
    return nn.Sequential(nn.Linear(inputs, 6), *middle, nn.Linear(outputs, 3))


def images(*middle: nn.Module, channels: int = 6) -> nn.Sequential:
    """What is given on images, and a head."""
    return nn.Sequential(*middle, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3))


def changed(model: nn.Sequential, change: Callable[[Any], Any], at: int = 0) -> nn.Module:
    """``model`` after ``change`` of its layer ``at``."""
    change(model[at])
    return model


def base(change: Callable[[Any], Any], at: int = 0) -> nn.Module:
    return changed(tower(nn.Tanh()), change, at)


def normed_base(change: Callable[[Any], Any], at: int = 0) -> nn.Module:
    """The same with batch norm after the layer."""
    return changed(tower(nn.BatchNorm1d(6), nn.Tanh()), change, at)


def parameter(*shape: int, scale: float = 0.5) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape) * scale)


def frozen(layer: nn.Module) -> nn.Module:
    return layer.requires_grad_(False)


# ---- values held fixed ---------------------------------------------------------------------------


def norm_without_gradient(x: Tensor) -> Tensor:
    with torch.no_grad():
        norm: Tensor = x.norm(dim=1, keepdim=True)
    return x / norm


@torch.no_grad()
def _gate(x: Tensor) -> Tensor:
    return torch.sigmoid(3 * x)


def gate_without_gradient(x: Tensor) -> Tensor:
    return x * _gate(x)


def switched_off(x: Tensor) -> Tensor:
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    scale = 1 + x.square().mean(1, keepdim=True)
    torch.set_grad_enabled(before)
    return x * scale


def standardised_over_the_batch(x: Tensor) -> Tensor:
    with torch.no_grad():
        mean, deviation = x.mean(0), x.std(0)
    return (x - mean) / deviation


def detached_norm(x: Tensor) -> Tensor:
    norm: Tensor = x.norm(dim=1, keepdim=True)
    return x / norm.detach()


def data_gate(x: Tensor) -> Tensor:
    return x * x.data.sigmoid()


def rounded(x: Tensor) -> Tensor:
    """Straight through."""
    return x + ((x * 4).round() / 4 - x).detach()


def half_gradient(x: Tensor) -> Tensor:
    return 0.5 * x + 0.5 * x.tanh().detach()


def one_hot_forward(x: Tensor) -> Tensor:
    """A hard choice whose gradient is the soft one's."""
    soft = x.softmax(1)
    hard = F.one_hot(soft.argmax(1), x.shape[1]).to(x)
    return hard + soft - soft.detach()


def by_number(x: Tensor) -> Tensor:
    return x * (1 + x.square().mean().item())


def by_numpy(x: Tensor) -> Tensor:
    return x * torch.from_numpy(np.abs(x.detach().numpy()).copy())


def new_tensor(x: Tensor) -> Tensor:
    return x * torch.tensor(x.tolist(), dtype=x.dtype).abs()


class Sign(torch.autograd.Function):
    """Straight through where the input is small; no forward derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return gradient * (x.abs() < 1).to(gradient)


class SignWithForward(Sign):
    """The same with a forward derivative of its own, as straight as the reverse one."""

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return tangent * (x.abs() < 1).to(tangent)


class OnceDifferentiable(torch.autograd.Function):
    """A kernel that says it has no second derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return gradient * (1 - x.tanh() ** 2)


class Reversed(torch.autograd.Function):
    """Gradient reversal, as domain adaptation has it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -0.7 * gradient


HELD: dict[str, Function] = {
    "norm without gradient": norm_without_gradient,
    "gate without gradient": gate_without_gradient,
    "gradient switched off": switched_off,
    "standardised over the batch": standardised_over_the_batch,
    "detached norm": detached_norm,
    "data": data_gate,
    "rounded": rounded,
    "half of the gradient": half_gradient,
    "one-hot": one_hot_forward,
    "a number": by_number,
    "numpy": by_numpy,
    "new tensor": new_tensor,
    "function without forward derivative": Sign.apply,
    "function with forward derivative": SignWithForward.apply,
    "once differentiable": OnceDifferentiable.apply,
    "reversed gradient": Reversed.apply,
}
for _name, _function in HELD.items():
    _middle = functools.partial(Op, _function)
    add("held", {
        _name: lambda middle=_middle: tower(middle(), nn.Tanh()),  # type: ignore[misc]
        f"{_name}, after batch norm":
            lambda middle=_middle: tower(nn.BatchNorm1d(6), middle()),  # type: ignore[misc]
    })  # fmt: skip
for _name in ("norm without gradient", "detached norm", "rounded"):
    _middle = functools.partial(Op, HELD[_name])
    add("held", {
        f"{_name}, first":
            lambda middle=_middle: nn.Sequential(middle(), *tower(nn.Tanh())),  # type: ignore[misc]
        f"{_name}, last":
            lambda middle=_middle: nn.Sequential(*tower(nn.Tanh()), middle()),  # type: ignore[misc]
        f"{_name}, last, with batch norm": lambda middle=_middle: nn.Sequential(  # type: ignore[misc]
            *tower(nn.BatchNorm1d(6), nn.Tanh()), middle()),
        f"{_name}, before batch norm":
            lambda middle=_middle: tower(middle(), nn.BatchNorm1d(6)),  # type: ignore[misc]
    })  # fmt: skip


class Standardised(nn.Linear):
    """Weight standardisation whose statistics carry no gradient."""

    def forward(self, input: Tensor) -> Tensor:
        with torch.no_grad():
            mean, deviation = self.weight.mean(1, keepdim=True), self.weight.std(1, keepdim=True)
        return F.linear(input, (self.weight - mean) / deviation, self.bias)


class Quantised(nn.Linear):
    """Weights rounded, straight through."""

    def forward(self, input: Tensor) -> Tensor:
        weight = self.weight + ((self.weight * 8).round() / 8 - self.weight).detach()
        return F.linear(input, weight, self.bias)


class UnitRows(nn.Linear):
    """Rows divided by their detached norms."""

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight / self.weight.norm(dim=1, keepdim=True).detach())


class HandSpectral(nn.Linear):
    """Spectral norm by hand: a step of the power iteration, whose vector is moved and then read."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.register_buffer("u", F.normalize(torch.randn(outputs), dim=0))

    def forward(self, input: Tensor) -> Tensor:
        u: Any = self.u
        with torch.no_grad():
            v = F.normalize(self.weight.T @ u, dim=0)
            u.copy_(F.normalize(self.weight @ v, dim=0))
        return F.linear(input, self.weight / torch.dot(u.clone(), self.weight @ v), self.bias)


def target_network() -> nn.Module:
    """BYOL: a frozen copy on a branch without gradient."""

    def run(s: Any, x: Tensor) -> Tensor:
        hidden = torch.tanh(s.online(x))
        with torch.no_grad():
            goal = torch.tanh(s.target(x))
        likeness = F.cosine_similarity(hidden, goal, dim=1)
        logits: Tensor = s.last(hidden) * likeness[:, None].exp()
        return logits

    return Net(
        run, online=nn.Linear(8, 6), target=frozen(nn.Linear(8, 6)), last=nn.Linear(6, 3)
    )  # fmt: skip


def moving_target() -> nn.Module:
    """The same, and the copy follows within the forward pass."""

    def run(s: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            s.target.weight.lerp_(s.online.weight, 0.1)
        logits: Tensor = s.last(s.online(x).tanh() * s.target(x).sigmoid())
        return logits

    return Net(
        run, online=nn.Linear(8, 6), target=frozen(nn.Linear(8, 6)), last=nn.Linear(6, 3)
    )  # fmt: skip


def simsiam(norm: bool) -> nn.Module:
    """A predictor that looks at its own input without gradient."""

    def run(s: Any, x: Tensor) -> Tensor:
        z = s.norm(s.first(x))
        likeness = F.cosine_similarity(s.predictor(z), z.detach(), dim=1)
        logits: Tensor = s.last(z.tanh()) + likeness[:, None] * s.bias
        return logits

    return Net(
        run, first=nn.Linear(8, 6), norm=nn.BatchNorm1d(6) if norm else nn.Identity(),
        predictor=nn.Linear(6, 6), last=nn.Linear(6, 3), bias=parameter(3),
    )  # fmt: skip


def fixed_point() -> nn.Module:
    """An equilibrium found without gradient, and one step from there with it."""

    def run(s: Any, x: Tensor) -> Tensor:
        put, z = s.put(x), torch.zeros(len(x), 6)
        with torch.no_grad():
            for _ in range(5):
                z = torch.tanh(s.again(z) + put)
        logits: Tensor = s.last(torch.tanh(s.again(z) + put))
        return logits

    return Net(run, put=nn.Linear(8, 6), again=nn.Linear(6, 6), last=nn.Linear(6, 3))


def trunk_without_gradient(norm: bool) -> nn.Module:
    """Trained parameters that a pass reads without gradient and others that it reads with it."""

    def run(s: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = s.trunk(x)
        logits: Tensor = s.last(s.trunk(x).tanh() * hidden)
        return logits

    trunk = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6) if norm else nn.Tanh())
    return Net(run, trunk=trunk, last=nn.Linear(6, 3))


def probed() -> nn.Module:
    """A trunk that is never given a gradient though nobody froze it."""

    def run(s: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = s.trunk(x)
        logits: Tensor = s.last(hidden.tanh())
        return logits

    return Net(run, trunk=nn.Linear(8, 6), last=nn.Linear(6, 3))


def inner_gradient(held: bool) -> nn.Module:
    """Features moved along the gradient of an energy, which is held fixed or is not."""

    def run(s: Any, x: Tensor) -> Tensor:
        hidden = s.first(x)
        point = hidden.detach().requires_grad_() if held else hidden
        with torch.enable_grad():
            if not point.requires_grad:
                point = point.requires_grad_()
            energy = s.energy(point).tanh().sum()
            (moved,) = torch.autograd.grad(energy, point, create_graph=not held)
        logits: Tensor = s.last((hidden + moved).tanh())
        return logits

    return Net(run, first=nn.Linear(8, 6), energy=nn.Linear(6, 4), last=nn.Linear(6, 3))


def codes() -> nn.Module:
    """The nearest of learnt codes, straight through, and the distance to it."""

    def run(s: Any, x: Tensor) -> Tensor:
        hidden = s.first(x)
        with torch.no_grad():
            nearest = (hidden[:, None] - s.codes).square().sum(2).argmin(1)
        code = s.codes[nearest]
        pull = (code - hidden.detach()).square().mean(1, keepdim=True)
        logits: Tensor = s.last(hidden + (code - hidden).detach()) - pull * s.last.bias
        return logits

    return Net(run, first=nn.Linear(8, 6), codes=parameter(4, 6, scale=1.0), last=nn.Linear(6, 3))


add("held", {
    "fixed point": fixed_point,
    "trunk with and without gradient": lambda: trunk_without_gradient(False),
    "trunk with and without gradient, batch norm": lambda: trunk_without_gradient(True),
    "trunk without gradient": probed,
    "inner gradient held": lambda: inner_gradient(True),
    "inner gradient": lambda: inner_gradient(False),
    "codes": codes,
    "standardised weight": lambda: tower(Standardised(6, 6), nn.Tanh()),
    "standardised weight, batch norm": lambda: tower(Standardised(6, 6), nn.BatchNorm1d(6)),
    "quantised weight": lambda: tower(nn.Tanh(), Quantised(6, 6)),
    "rows of detached norm": lambda: nn.Sequential(nn.Linear(8, 6), nn.Tanh(), UnitRows(6, 3)),
    "spectral norm by hand": lambda: tower(HandSpectral(6, 6), nn.Tanh()),
    "target network": target_network,
    "moving target network": moving_target,
    "predictor": lambda: simsiam(False),
    "predictor, batch norm": lambda: simsiam(True),
    "detached branch": lambda: Net(
        lambda s, x: s.c(s.a(x).tanh() + s.b(x).detach()),
        a=nn.Linear(8, 6), b=nn.Linear(8, 6), c=nn.Linear(6, 3)),
    "detached features": lambda: tower(nn.Tanh(), Op(torch.detach)),
})  # fmt: skip


# ---- what a copy loses ---------------------------------------------------------------------------


def capturing(model: nn.Sequential) -> nn.Module:
    """A hook that reads a parameter it captured."""
    scale = parameter(6)
    model.register_parameter("scale", scale)
    model[0].register_forward_hook(lambda layer, inputs, output: output + (output * scale).sin())
    return model


def keyword_hook() -> nn.Module:
    """Hooks that see and change keyword arguments."""
    a = nn.Linear(8, 6)
    a.register_forward_hook(
        lambda layer, args, kwargs, output: output * kwargs["input"].mean(1, keepdim=True),
        with_kwargs=True,
    )
    a.register_forward_pre_hook(
        lambda layer, args, kwargs: (args, {"input": kwargs["input"] * 2}), with_kwargs=True
    )
    return Net(lambda s, x: s.b(torch.tanh(s.a(input=x))), a=a, b=nn.Linear(6, 3))


def patched_root() -> nn.Module:
    model: Any = tower(nn.Tanh())
    inner = model.forward
    model.forward = lambda x: inner(x) * 2 - 1
    return model  # type: ignore[no-any-return]


def patched_by_partial(layer: Any) -> None:
    layer.forward = functools.partial(
        lambda layer, scale, x: scale * F.linear(x, layer.weight, layer.bias), layer, 2.0
    )


def patched_by_method(layer: Any) -> None:
    layer.forward = types.MethodType(
        lambda s, x: 2 * F.linear(x, s.weight, s.bias) + s.bias.exp(), layer
    )


def patched_by_function(layer: Any) -> None:
    weight, bias = layer.weight, layer.bias
    layer.forward = lambda x: F.linear(x, weight.abs(), bias)


class Louder(nn.Linear):
    """A call that does more than the forward pass."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return 2 * super().__call__(*args, **kwargs)


class Child(nn.Module):
    """Reads a parameter of the module it belongs to."""

    def __init__(self, parent: nn.Module) -> None:
        super().__init__()
        self.parent = (parent,)

    def forward(self, x: Tensor) -> Tensor:
        scale: Any = self.parent[0].scale
        out: Tensor = x * scale
        return out


def with_child() -> nn.Module:
    model: Any = Net(
        lambda s, x: s.b(s.child(s.a(x)).tanh()),
        a=nn.Linear(8, 6), b=nn.Linear(6, 3), scale=parameter(6),
    )  # fmt: skip
    model.child = Child(model)
    return model  # type: ignore[no-any-return]


def outside() -> nn.Module:
    """A network that the forward function captured and nobody trains."""
    other = frozen(nn.Linear(8, 6))
    return Net(lambda s, x: s.b(s.a(x).tanh() + other(x)), a=nn.Linear(8, 6), b=nn.Linear(6, 3))


def old_norm(norm: Callable[..., Any], layer: nn.Module, **options: Any) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: nn.Module = norm(layer, **options)
    return made


def masked_gradient(model: Any) -> nn.Module:
    """A hook on a parameter that keeps half of its gradient, as sparse training does."""
    mask = (torch.arange(48).view(6, 8) % 2).to(model[0].weight)
    model[0].weight.register_hook(lambda gradient: gradient * mask)
    return model  # type: ignore[no-any-return]


def hooked_tensor(norm: bool) -> nn.Module:
    def run(s: Any, x: Tensor) -> Tensor:
        hidden = s.norm(s.a(x)).tanh()
        if hidden.requires_grad:
            hidden.register_hook(lambda gradient: gradient * 0.3)
        logits: Tensor = s.b(hidden)
        return logits

    return Net(
        run, a=nn.Linear(8, 6), b=nn.Linear(6, 3),
        norm=nn.BatchNorm1d(6) if norm else nn.Identity(),
    )  # fmt: skip


def scaled_backward(layer: Any) -> None:
    layer.register_full_backward_hook(
        lambda module, inputs, outputs: tuple(g * 0.3 for g in inputs)
    )


def scaled_backward_before(layer: Any) -> None:
    layer.register_full_backward_pre_hook(lambda module, outputs: tuple(g * 0.3 for g in outputs))


def pruned_to_a_mask(layer: nn.Module) -> None:
    prune.custom_from_mask(layer, "weight", (torch.arange(48).view(6, 8) % 3 > 0).float())  # type: ignore[no-untyped-call]


class Symmetric(nn.Module):
    """A weight made from another."""

    def forward(self, x: Tensor) -> Tensor:
        return x + x.T


PRUNE: Any = prune
add("copy", {
    "hook scales": lambda: base(lambda f: f.register_forward_hook(lambda f, x, y: y * 3.0)),
    "hook replaces": lambda: base(lambda f: f.register_forward_hook(
        lambda f, x, y: F.linear(x[0] ** 2, f.weight))),
    "hook holds fixed": lambda: base(lambda f: f.register_forward_hook(
        lambda f, x, y: y / y.norm(dim=1, keepdim=True).detach())),
    "hook with a captured parameter": lambda: capturing(tower(nn.Tanh())),
    "hook with a captured parameter, batch norm": lambda: capturing(
        tower(nn.BatchNorm1d(6), nn.Tanh())),
    "hooks with keywords": keyword_hook,
    "hook on batch norm": lambda: normed_base(
        lambda f: f.register_forward_hook(lambda f, x, y: y * x[0].sigmoid()), 1),
    "hook on the activation": lambda: base(
        lambda f: f.register_forward_hook(lambda f, x, y: y + x[0]), 1),
    "pre-hook": lambda: base(
        lambda f: f.register_forward_pre_hook(lambda f, x: (x[0] * 3.0,)), 2),
    "pre-hook, batch norm": lambda: normed_base(
        lambda f: f.register_forward_pre_hook(lambda f, x: (x[0] ** 2,)), 1),
    "pruned": lambda: base(lambda f: PRUNE.l1_unstructured(f, "weight", 0.3)),
    "pruned, batch norm": lambda: normed_base(lambda f: PRUNE.l1_unstructured(f, "weight", 0.3)),
    "pruned rows": lambda: base(lambda f: PRUNE.ln_structured(f, "weight", 0.4, n=2, dim=0)),
    "pruned twice": lambda: base(lambda f: (
        PRUNE.l1_unstructured(f, "weight", 0.3), PRUNE.random_unstructured(f, "bias", 0.5))),
    "pruned to a mask": lambda: base(pruned_to_a_mask),
    "old weight norm": lambda: base(lambda f: old_norm(weight_norm, f)),
    "old weight norm of the whole": lambda: base(lambda f: old_norm(weight_norm, f, dim=None)),
    "old weight norm, batch norm": lambda: normed_base(lambda f: old_norm(weight_norm, f)),
    "old spectral norm": lambda: base(lambda f: old_norm(spectral_norm, f)),
    "old spectral norm, batch norm": lambda: normed_base(lambda f: old_norm(spectral_norm, f)),
    "weight norm": lambda: base(parametrizations.weight_norm),
    "weight norm, batch norm": lambda: normed_base(parametrizations.weight_norm),
    "spectral norm": lambda: base(parametrizations.spectral_norm),
    "orthogonal": lambda: tower(parametrizations.orthogonal(nn.Linear(6, 6)), nn.Tanh()),
    "symmetric": lambda: tower(
        register_parametrization(nn.Linear(6, 6), "weight", Symmetric()), nn.Tanh()),
    "patched by a method": lambda: base(patched_by_method),
    "patched by a method, batch norm": lambda: normed_base(patched_by_method),
    "patched by a function": lambda: base(patched_by_function),
    "patched by a partial": lambda: base(patched_by_partial),
    "patched network": patched_root,
    "own call": lambda: nn.Sequential(Louder(8, 6), nn.Tanh(), nn.Linear(6, 3)),
    "child that reads its parent": with_child,
    "captured network": outside,
    "backward hook": lambda: base(scaled_backward, 2),
    "backward hook, batch norm": lambda: normed_base(scaled_backward, 1),
    "backward pre-hook": lambda: base(scaled_backward_before, 2),
    "hook on a tensor": lambda: hooked_tensor(False),
    "hook on a tensor, batch norm": lambda: hooked_tensor(True),
    "hook on a parameter": lambda: masked_gradient(tower(nn.Tanh())),
    "hook on a parameter, batch norm": lambda: masked_gradient(tower(nn.BatchNorm1d(6))),
})  # fmt: skip
add("copy", {
    "pruned convolution": lambda: images(
        changed(nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU()),
                lambda f: PRUNE.l1_unstructured(f, "weight", 0.3))),
    "old spectral norm of a convolution": lambda: images(
        old_norm(spectral_norm, nn.Conv2d(2, 6, 3)), nn.ReLU()),
}, 2, 5, 5)  # fmt: skip


# ---- parameters by another name ------------------------------------------------------------------


class LowRank(nn.Module):
    """LoRA around a frozen layer."""

    def __init__(self, inner: nn.Linear, scale: float = 0.5) -> None:
        super().__init__()
        self.inner = frozen(inner)
        self.lora_a = parameter(2, inner.in_features)
        self.lora_b = parameter(inner.out_features, 2, scale=scale)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x) + x @ self.lora_a.T @ self.lora_b.T
        return out


def low_rank(layer: Any, scale: float = 0.5, freeze: bool = True) -> None:
    """LoRA hung on a known layer, whose forward is patched."""
    layer.weight.requires_grad_(not freeze)
    layer.lora_a = parameter(2, layer.in_features)
    layer.lora_b = parameter(layer.out_features, 2, scale=scale)
    layer.forward = types.MethodType(
        lambda s, x: F.linear(x, s.weight, s.bias) + x @ s.lora_a.T @ s.lora_b.T, layer
    )


def extra(layer: Any) -> None:
    """An unused parameter on a known layer."""
    layer.scale = parameter(3)


def extra_by_hook(layer: Any) -> None:
    """A used one: IA3."""
    layer.scale = nn.Parameter(torch.ones(layer.out_features))
    layer.register_forward_hook(lambda s, inputs, output: output * s.scale)


class Computed(nn.Linear):
    """A weight that is a property."""

    @property
    def weight(self) -> Tensor:
        raw: Any = self.raw
        weight: Tensor = raw.tanh()
        return weight

    @weight.setter
    def weight(self, value: Any) -> None:
        self.raw = value


class Directed(nn.Linear):
    """DoRA: magnitude and direction, the norm detached."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.magnitude = nn.Parameter(self.weight.detach().norm(dim=1, keepdim=True))

    def forward(self, input: Tensor) -> Tensor:
        norm = self.weight.norm(dim=1, keepdim=True).detach()
        return F.linear(input, self.magnitude * self.weight / norm, self.bias)


class Doubled(nn.Linear):
    """A subclass that computes something else."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * 2 + self.bias


def zeroed(layer: Any) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


class Block(nn.Module):
    """A residual block whose last norm begins at zero."""

    def __init__(self, channels: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2)
        )
        self.norm, self.last = norm(channels), norm(channels)
        nn.init.zeros_(self.last.weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.norm(self.first(x)))
        return F.relu(x + self.last(self.second(hidden)))


def tied_to_transpose() -> nn.Module:
    return Net(
        lambda s, x: s.last(F.linear(torch.tanh(s.first(x)), s.first.weight.T)),
        first=nn.Linear(8, 6), last=nn.Linear(8, 3),
    )  # fmt: skip


def tied_layers() -> nn.Module:
    model: Any = tower(nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    model[4].weight = model[2].weight
    return model  # type: ignore[no-any-return]


def hypernetwork() -> nn.Module:
    """A layer whose weight another makes, example by example."""
    return Net(
        lambda s, x: s.last(torch.einsum("nij,nj->ni", s.maker(x).view(-1, 6, 8), x).tanh()),
        maker=nn.Linear(8, 48), last=nn.Linear(6, 3),
    )  # fmt: skip


def called_with_other_weights() -> nn.Module:
    """A layer called through ``functional_call`` with a weight made outside of it."""

    def run(s: Any, x: Tensor) -> Tensor:
        made = {"weight": s.left @ s.right, "bias": s.inner.bias}
        logits: Tensor = s.last(torch.func.functional_call(s.inner, made, (x,)).tanh())
        return logits

    return Net(
        run, inner=nn.Linear(8, 6), left=parameter(6, 2), right=parameter(2, 8),
        last=nn.Linear(6, 3),
    )  # fmt: skip


def prompted() -> nn.Module:
    """Learnt tokens before the others, frozen attention behind."""
    return Net(
        lambda s, x: s.last(
            s.inner(torch.cat([s.prompt.expand(len(x), -1, -1), x.view(-1, 2, 4)], 1)).mean(1)
        ),
        prompt=parameter(1, 2, 4), last=nn.Linear(4, 3),
        inner=frozen(nn.Sequential(nn.Linear(4, 4), nn.Tanh())),
    )  # fmt: skip


add("parameters", {
    "low rank around": lambda: nn.Sequential(LowRank(nn.Linear(8, 6)), nn.Tanh(), nn.Linear(6, 3)),
    "low rank around, zero": lambda: nn.Sequential(
        LowRank(nn.Linear(8, 6), 0.0), nn.Tanh(), nn.Linear(6, 3)),
    "low rank around, batch norm": lambda: nn.Sequential(
        LowRank(nn.Linear(8, 6)), nn.BatchNorm1d(6), nn.Linear(6, 3)),
    "low rank hung on": lambda: base(low_rank),
    "low rank hung on, zero": lambda: base(lambda f: low_rank(f, 0.0)),
    "low rank hung on, weight trained": lambda: base(lambda f: low_rank(f, freeze=False)),
    "low rank hung on, batch norm": lambda: normed_base(low_rank),
    "low rank hung on the last layer": lambda: base(low_rank, 2),
    "extra, unused": lambda: base(extra),
    "extra, unused, batch norm": lambda: normed_base(extra),
    "extra, used by a hook": lambda: base(extra_by_hook),
    "extra on a norm": lambda: changed(tower(nn.LayerNorm(6), nn.Tanh()), extra, 1),
    "tied to its transpose": tied_to_transpose,
    "tied layers": tied_layers,
    "list": lambda: Net(
        lambda s, x: (x @ s.weights[0]).tanh() @ s.weights[1],
        weights=nn.ParameterList([parameter(8, 6), parameter(6, 3)])),
    "dictionary": lambda: Net(
        lambda s, x: s.last(x @ s.weights["first"]),
        weights=nn.ParameterDict({"first": parameter(8, 6)}), last=nn.Linear(6, 3)),
    "subclass": lambda: tower(Doubled(6, 6), nn.Tanh()),
    "property": lambda: tower(Computed(6, 6), nn.Tanh()),
    "magnitude and direction": lambda: tower(Directed(6, 6), nn.Tanh()),
    "biases alone": lambda: base(lambda f: f.weight.requires_grad_(False)),
    "biases alone, batch norm": lambda: normed_base(lambda f: f.weight.requires_grad_(False)),
    "frozen first": lambda: base(frozen),
    "frozen last": lambda: base(frozen, 2),
    "frozen norm": lambda: normed_base(frozen, 1),
    "zero last layer": lambda: base(zeroed, 2),
    "zero last layer, batch norm": lambda: normed_base(zeroed, 3),
    "temperature": lambda: Net(
        lambda s, x: s.inner(x) / s.log.exp(), inner=tower(nn.Tanh()),
        log=nn.Parameter(torch.zeros(()))),
    "made by a network": hypernetwork,
    "called with other weights": called_with_other_weights,
    "prompt": prompted,
    "weight as a buffer": lambda: Net(
        lambda s, x: s.last(F.linear(x, s.fixed).tanh()), fixed=torch.randn(6, 8),
        last=nn.Linear(6, 3)),
    "unused layer": lambda: Net(
        lambda s, x: s.inner(x), inner=tower(nn.Tanh()), unused=nn.Linear(3, 3)),
    "layer for training batches": lambda: Net(
        lambda s, x: s.inner(x) + (s.rare(x) if len(x) == 6 else 0), inner=tower(nn.Tanh()),
        rare=nn.Linear(8, 3)),
})  # fmt: skip
add("parameters", {
    "zero residual, batch norm": lambda: images(nn.Conv2d(2, 6, 3), Block(6, nn.BatchNorm2d)),
    "zero residual, group norm": lambda: images(
        nn.Conv2d(2, 6, 3), Block(6, functools.partial(nn.GroupNorm, 2))),
}, 2, 5, 5)  # fmt: skip


# ---- activation checkpointing --------------------------------------------------------------------


def checkpointed(*inner: nn.Module, reentrant: bool, nested: bool = False) -> nn.Module:
    """Layers of which the activations are computed again in the reverse pass."""

    def once(function: Any, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(function, x, use_reentrant=reentrant)
        return out

    def run(s: Any, x: Tensor) -> Tensor:
        hidden = s.first(x)
        inner = (lambda h: once(s.inner, h).sin()) if nested else s.inner
        logits: Tensor = s.last(once(inner, hidden))
        return logits

    return Net(run, first=nn.Linear(8, 6), inner=nn.Sequential(*inner), last=nn.Linear(6, 3))


def checkpointed_in_parts() -> nn.Module:
    in_parts: Any = checkpoint_sequential
    return Net(
        lambda s, x: s.last(in_parts(s.inner, 2, s.first(x), use_reentrant=False)),
        first=nn.Linear(8, 6), last=nn.Linear(6, 3),
        inner=nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh()),
    )  # fmt: skip


for _reentrant in (False, True):
    _make = functools.partial(checkpointed, reentrant=_reentrant)
    _label = "reentrant" if _reentrant else "not reentrant"
    add("checkpoint", {
        _label: lambda make=_make: make(nn.Tanh(), nn.Linear(6, 6)),  # type: ignore[misc]
        f"{_label}, batch norm": lambda make=_make: make(  # type: ignore[misc]
            nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 6)),
        f"{_label}, nested":
            lambda make=_make: make(nn.Tanh(), nn.Linear(6, 6), nested=True),  # type: ignore[misc]
    })  # fmt: skip
    add("checkpoint", {
        f"{_label}, dropout": lambda make=_make: make(  # type: ignore[misc]
            nn.Dropout(0.5), nn.Linear(6, 6)),
    }, draws=True)  # fmt: skip
add("checkpoint", {
    "batch norm outside": lambda: Net(
        lambda s, x: s.last(checkpoint(s.inner, s.norm(s.first(x)), use_reentrant=False)),
        first=nn.Linear(8, 6), norm=nn.BatchNorm1d(6), last=nn.Linear(6, 3),
        inner=nn.Sequential(nn.Linear(6, 6), nn.Tanh())),
    "the whole network": lambda: Net(
        lambda s, x: checkpoint(s.inner, x, use_reentrant=False), inner=tower(nn.BatchNorm1d(6))),
    "in parts": checkpointed_in_parts,
})  # fmt: skip


# ---- attention (3 tokens of 4 features) ----------------------------------------------------------


def attended(inner: nn.Module) -> nn.Module:
    """A layer on tokens between two others; the mean token makes the logits."""
    return Net(
        lambda s, x: s.last(s.inner(s.first(x)).mean(1)),
        first=nn.Linear(4, 4), inner=inner, last=nn.Linear(4, 3),
    )  # fmt: skip


class SelfAttention(nn.Module):
    """Torch's own heads, looking at themselves."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(4, 2, batch_first=True)
        self.options = options

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.heads(x, x, x, **self.options)[0]
        return out


class Kernel(nn.Module):
    """The kernel of attention itself."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.joint = nn.Linear(4, 12)
        self.options = options

    def forward(self, x: Tensor) -> Tensor:
        heads = self.joint(x).unflatten(-1, (3, 2, 2)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*heads, **self.options)
        return mixed.transpose(1, 2).flatten(2)


class Decoder(nn.Module):
    """Torch's own decoder layer, its memory a product of the tokens."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.memory = nn.Linear(4, 4)
        self.layer = nn.TransformerDecoderLayer(4, 2, 8, dropout, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x, self.memory(x))
        return out


def encoder(**options: Any) -> nn.Module:
    options = {"dropout": 0.0, "batch_first": True, **options}
    return attended(nn.TransformerEncoderLayer(4, 2, 8, **options))


add("attention", {
    "heads": lambda: attended(SelfAttention(need_weights=False)),
    "heads with weights": lambda: attended(SelfAttention()),
    "kernel": lambda: attended(Kernel()),
    "causal kernel": lambda: attended(Kernel(is_causal=True)),
    "encoder": encoder,
    "encoder, norm first": lambda: encoder(norm_first=True),
    "encoder, gelu": lambda: encoder(activation="gelu"),
    "encoder, batch second": lambda: Net(
        lambda s, x: s.last(s.inner(x.transpose(0, 1)).mean(0)), last=nn.Linear(4, 3),
        inner=nn.TransformerEncoderLayer(4, 2, 8, 0.0)),
    "encoder in evaluation": lambda: encoder(dropout=0.1).eval(),
    "two encoders": lambda: attended(nn.TransformerEncoder(
        nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), 2,
        enable_nested_tensor=False)),
    "decoder": lambda: attended(Decoder(0.0)),
    "encoder, batch norm": lambda: Net(
        lambda s, x: s.last(s.norm(s.inner(x).mean(1))), norm=nn.BatchNorm1d(4),
        inner=nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), last=nn.Linear(4, 3)),
}, 3, 4)  # fmt: skip
add("attention", {
    "encoder, dropout": lambda: encoder(dropout=0.3),
    "kernel, dropout": lambda: attended(Kernel(dropout_p=0.3)),
    "decoder, dropout": lambda: attended(Decoder(0.3)),
}, 3, 4, draws=True)  # fmt: skip


# ---- recurrent (3 steps of 4 features) -----------------------------------------------------------


class Recurrent(nn.Module):
    """A recurrent layer and, maybe, batch norm on its last output."""

    def __init__(self, kind: Any, norm: bool = False, **options: Any) -> None:
        super().__init__()
        self.inner = kind(4, 5, batch_first=True, **options)
        width = 10 if options.get("bidirectional") else 5
        self.norm = nn.BatchNorm1d(width) if norm else nn.Identity()
        self.last = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.norm(self.inner(x)[0][:, -1]))
        return logits


def cells(kind: Any) -> nn.Module:
    """A cell called step by step."""

    def run(s: Any, x: Tensor) -> Tensor:
        state: Any = None
        for step in x.unbind(1):
            state = s.cell(step, state)
        return s.last(state[0] if isinstance(state, tuple) else state)  # type: ignore[no-any-return]

    return Net(run, cell=kind(4, 5), last=nn.Linear(5, 3))


def packed() -> nn.Module:
    """Sequences of different lengths."""

    def run(s: Any, x: Tensor) -> Tensor:
        lengths = (torch.arange(len(x)) * 2 + 1) % 3 + 1
        sequences = nn.utils.rnn.pack_padded_sequence(
            s.first(x), lengths, batch_first=True, enforce_sorted=False
        )
        logits: Tensor = s.last(s.inner(sequences)[1][-1])
        return logits

    return Net(
        run, first=nn.Linear(4, 4), inner=nn.GRU(4, 5, batch_first=True), last=nn.Linear(5, 3)
    )  # fmt: skip


add("recurrent", {
    "packed": packed,
    "lstm": lambda: Recurrent(nn.LSTM),
    "lstm, batch norm": lambda: Recurrent(nn.LSTM, norm=True),
    "lstm, both ways": lambda: Recurrent(nn.LSTM, bidirectional=True),
    "two lstms": lambda: Recurrent(nn.LSTM, num_layers=2),
    "projected lstm": lambda: Net(
        lambda s, x: s.last(s.inner(x)[0][:, -1]), last=nn.Linear(2, 3),
        inner=nn.LSTM(4, 5, batch_first=True, proj_size=2)),
    "gru": lambda: Recurrent(nn.GRU),
    "gru, batch norm": lambda: Recurrent(nn.GRU, norm=True),
    "rnn": lambda: Recurrent(nn.RNN),
    "relu rnn": lambda: Recurrent(nn.RNN, nonlinearity="relu"),
    "lstm cells": lambda: cells(nn.LSTMCell),
    "gru cells": lambda: cells(nn.GRUCell),
    "rnn cells": lambda: cells(nn.RNNCell),
}, 3, 4)  # fmt: skip


# ---- buffers that the same forward pass moves and then reads -------------------------------------


class Moving(nn.Module):
    """A buffer that ``move`` moves by what comes in, and ``read`` reads after."""

    def __init__(
        self, start: Tensor, move: Callable[[Tensor, Tensor], Any],
        read: Callable[[Tensor, Tensor], Tensor], registered: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if registered:
            self.register_buffer("state", start)
        else:
            self.state = start
        self.move, self.read = move, read

    def forward(self, x: Tensor) -> Tensor:
        state: Any = self.state
        if self.training:
            with torch.no_grad():
                self.move(state, x)
        return self.read(state.clone(), x)


def mean_taken_away(registered: bool = True) -> nn.Module:
    return Moving(
        torch.zeros(6), lambda s, x: s.lerp_(x.mean(0), 0.5), lambda s, x: (x - s).tanh(),
        registered,
    )  # fmt: skip


def moving_scale() -> nn.Module:
    return Moving(
        torch.ones(()), lambda s, x: s.mul_(0.5).add_(x.norm(), alpha=0.5), lambda s, x: x / s
    )


def counted(after: int = 1) -> nn.Module:
    """Something sets in once a count is reached, which two passes reach and one does not."""
    return Moving(
        torch.zeros((), dtype=torch.long), lambda s, x: s.add_(1),
        lambda s, x: torch.where(s > after, 3 * x, x),
    )  # fmt: skip


class Replaced(nn.Module):
    """A plain tensor that is replaced, not written to."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.ones(6)

    def forward(self, x: Tensor) -> Tensor:
        self.scale = 0.5 * self.scale + 0.5 * x.detach().abs().mean(0)
        return x / self.scale


class Number(nn.Module):
    """A number that the pass moves, as a schedule has it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 1.0

    def forward(self, x: Tensor) -> Tensor:
        self.scale *= 1.5
        return x * self.scale


class Remembered(nn.Module):
    """A list that grows."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(float(x.detach().abs().mean()))
        return x * sum(self.seen)


class HandNorm(nn.Module):
    """Batch norm by hand: the output reads the running statistics it has just moved."""

    def __init__(self, with_gradient: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6))
        self.register_buffer("mean", torch.zeros(6))
        self.register_buffer("square", torch.ones(6))
        self.with_gradient = with_gradient

    def forward(self, x: Tensor) -> Tensor:
        own: Any = self
        mean, square = x.mean(0), x.square().mean(0)
        if self.with_gradient:  # through this batch's share
            mean, square = 0.7 * own.mean + 0.3 * mean, 0.7 * own.square + 0.3 * square
            own.mean.copy_(mean.detach())
            own.square.copy_(square.detach())
        else:
            own.mean.lerp_(mean.detach(), 0.3)
            own.square.lerp_(square.detach(), 0.3)
            mean, square = own.mean.clone(), own.square.clone()
        out: Tensor = (x - mean) / (square - mean.square() + 0.1).sqrt() * self.weight
        return out


class Centres(nn.Module):
    """Centres that follow the features, and the distances to them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centres", torch.randn(3, 6))

    def forward(self, x: Tensor) -> Tensor:
        centres: Any = self.centres
        with torch.no_grad():
            nearest = torch.cdist(x, centres).argmin(1)
            centres.index_add_(0, nearest, 0.2 * (x - centres[nearest]))
        return torch.cdist(x, centres.clone())


add("buffers", {
    "mean taken away": lambda: tower(mean_taken_away()),
    "mean taken away, before batch norm": lambda: tower(mean_taken_away(), nn.BatchNorm1d(6)),
    "mean taken away, after batch norm": lambda: tower(nn.BatchNorm1d(6), mean_taken_away()),
    "mean taken away, in evaluation": lambda: tower(mean_taken_away()).eval(),
    "scale": lambda: tower(nn.Tanh(), moving_scale()),
    "scale of the inputs": lambda: nn.Sequential(moving_scale(), *tower(nn.Tanh())),
    "scale of the logits": lambda: nn.Sequential(*tower(nn.Tanh()), moving_scale()),
    "count": lambda: tower(counted(), nn.Tanh()),
    "count, batch norm": lambda: tower(nn.BatchNorm1d(6), counted()),
    "batch norm by hand": lambda: tower(HandNorm(False)),
    "batch norm by hand, with gradient": lambda: tower(HandNorm(True)),
    "centres": lambda: nn.Sequential(nn.Linear(8, 6), nn.Tanh(), Centres()),
    "count of batches": lambda: Net(
        lambda s, x: s.last(s.norm(s.first(x)) * s.norm.num_batches_tracked),
        first=nn.Linear(8, 6), norm=nn.BatchNorm1d(6), last=nn.Linear(6, 3)),
    "running statistics of another layer": lambda: Net(
        lambda s, x: s.last(s.norm(s.first(x)) + s.norm.running_mean.clone()),
        first=nn.Linear(8, 6), norm=nn.BatchNorm1d(6), last=nn.Linear(6, 3)),
    "not registered": lambda: tower(mean_taken_away(False)),
    "not registered, batch norm": lambda: tower(nn.BatchNorm1d(6), mean_taken_away(False)),
    "not registered, replaced": lambda: tower(Replaced(), nn.Tanh()),
    "number": lambda: tower(Number(), nn.Tanh()),
    "number, batch norm": lambda: tower(nn.BatchNorm1d(6), Number()),
    "list": lambda: tower(Remembered(), nn.Tanh()),
})  # fmt: skip


# ---- normalisations ------------------------------------------------------------------------------


def warmed(model: nn.Module) -> nn.Module:
    """In evaluation mode, with running statistics that are not the first ones."""
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    return model.eval()


class Renormed(nn.Module):
    """Batch renorm: the correction towards the running statistics carries no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((6,), 0.1))
        self.register_buffer("deviation", torch.full((6,), 0.8))

    def forward(self, x: Tensor) -> Tensor:
        own: Any = self
        mean, deviation = x.mean(0), x.std(0)
        with torch.no_grad():
            r = (deviation / own.deviation).clamp(1 / 3, 3)
            d = ((mean - own.mean) / own.deviation).clamp(-5, 5)
            own.mean.lerp_(mean, 0.1)
            own.deviation.lerp_(deviation, 0.1)
        out: Tensor = (x - mean) / deviation * r + d
        return out


class Ghost(nn.Module):
    """Batch norm on halves of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.norm(part) for part in x.chunk(2)])


add("norms", {
    "batch": lambda: tower(nn.BatchNorm1d(6), nn.Tanh()),
    "batch, evaluation": lambda: warmed(tower(nn.BatchNorm1d(6), nn.Tanh())),
    "batch, layer in evaluation": lambda: tower(warmed(nn.BatchNorm1d(6)), nn.Tanh()),
    "batch, no statistics": lambda: tower(nn.BatchNorm1d(6, track_running_stats=False), nn.Tanh()),
    "batch, no statistics, evaluation": lambda: tower(
        nn.BatchNorm1d(6, track_running_stats=False), nn.Tanh()).eval(),
    "batch, averaged": lambda: tower(nn.BatchNorm1d(6, momentum=None), nn.Tanh()),
    "batch, not affine": lambda: tower(nn.BatchNorm1d(6, affine=False), nn.Tanh()),
    "batch, of the logits": lambda: nn.Sequential(*tower(nn.Tanh()), nn.BatchNorm1d(3)),
    "batch, twice the same": lambda: Net(
        lambda s, x: s.last(s.norm(s.norm(s.first(x)).tanh() + 1)), first=nn.Linear(8, 6),
        norm=nn.BatchNorm1d(6), last=nn.Linear(6, 3)),
    "ghost": lambda: tower(Ghost(), nn.Tanh()),
    "renorm": lambda: tower(Renormed(), nn.Tanh()),
    "layer": lambda: tower(nn.LayerNorm(6), nn.Tanh()),
    "rms": lambda: tower(nn.RMSNorm(6), nn.Tanh()),
    "rms, batch": lambda: tower(nn.RMSNorm(6), nn.BatchNorm1d(6)),
})  # fmt: skip
add("norms", {
    "batch, images": lambda: images(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU()),
    "batch, images, evaluation": lambda: warmed(
        images(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU())),
    "instance": lambda: images(nn.Conv2d(2, 6, 3), nn.InstanceNorm2d(6, affine=True), nn.ReLU()),
    "instance, plain": lambda: images(nn.Conv2d(2, 6, 3), nn.InstanceNorm2d(6), nn.ReLU()),
    "instance, statistics": lambda: images(
        nn.Conv2d(2, 6, 3), nn.InstanceNorm2d(6, affine=True, track_running_stats=True), nn.ReLU()),
    "instance, statistics, evaluation": lambda: warmed(images(
        nn.Conv2d(2, 6, 3), nn.InstanceNorm2d(6, affine=True, track_running_stats=True),
        nn.ReLU())),
    "group": lambda: images(nn.Conv2d(2, 6, 3), nn.GroupNorm(3, 6), nn.ReLU()),
    "local response": lambda: images(nn.Conv2d(2, 6, 3), nn.LocalResponseNorm(3, alpha=1.0)),
    "standardised inputs": lambda: images(nn.InstanceNorm2d(2), nn.Conv2d(2, 6, 3), nn.ReLU()),
}, 2, 5, 5)  # fmt: skip


# ---- layers --------------------------------------------------------------------------------------


class Places(nn.Module):
    """The features as indices of words."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        words: Tensor = self.inner(x.mul(3).long().clamp(-4, 4) + 4)
        return words.mean(1) if words.dim() == 3 else words


class Excited(nn.Module):
    """Squeeze and excite."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(6, 2, 1), nn.Conv2d(2, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        out: Tensor = x * self.up(self.down(squeezed).relu()).sigmoid()
        return out


class Dense(nn.Module):
    """Outputs joined to inputs, in place where that is allowed."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, F.relu(self.first(x), inplace=True)], 1)
        return torch.cat([x, F.relu_(self.second(x))], 1)


class Experts(nn.Module):
    """Each example goes to the expert that likes it most."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(6, 2)
        self.experts = nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 6)])

    def forward(self, x: Tensor) -> Tensor:
        gate, choice = self.router(x).softmax(1).max(1)
        out = torch.zeros_like(x)
        for index, expert in enumerate(self.experts):
            rows = (choice == index).nonzero().squeeze(1)
            out = out.index_add(0, rows, expert(x[rows]) * gate[rows, None])
        return out


def padded(**options: Any) -> nn.Module:
    return images(nn.Conv2d(2, 6, 3, **options), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.Tanh())


add("layers", {
    "plain": lambda: tower(nn.Tanh()),
    "one linear layer": lambda: nn.Linear(8, 3),
    "parametric relu": lambda: tower(nn.PReLU(6)),
    "bilinear": lambda: Net(
        lambda s, x: s.last(s.pair(x, x.flip(1)).tanh()), pair=nn.Bilinear(8, 8, 6),
        last=nn.Linear(6, 3)),
    "embedding": lambda: nn.Sequential(Places(nn.Embedding(9, 6)), nn.Linear(6, 3)),
    "embedding, padding": lambda: nn.Sequential(
        Places(nn.Embedding(9, 6, padding_idx=4)), nn.Linear(6, 3)),
    "embedding, greatest norm": lambda: nn.Sequential(
        Places(nn.Embedding(9, 6, max_norm=1.0)), nn.Linear(6, 3)),
    "embedding, sparse": lambda: nn.Sequential(
        Places(nn.Embedding(9, 6, sparse=True)), nn.Linear(6, 3)),
    "embedding, sparse, batch norm": lambda: nn.Sequential(
        Places(nn.Embedding(9, 6, sparse=True)), nn.BatchNorm1d(6), nn.Linear(6, 3)),
    "embedding, by frequency": lambda: nn.Sequential(
        Places(nn.Embedding(9, 6, scale_grad_by_freq=True)), nn.Linear(6, 3)),
    "bag": lambda: nn.Sequential(Places(nn.EmbeddingBag(9, 6)), nn.Linear(6, 3)),
    "bag, batch norm": lambda: nn.Sequential(
        Places(nn.EmbeddingBag(9, 6)), nn.BatchNorm1d(6), nn.Linear(6, 3)),
    "in place": lambda: tower(nn.ReLU(inplace=True), nn.Linear(6, 6), nn.ReLU(inplace=True)),
    "residual in place": lambda: Net(
        lambda s, x: s.last(s.first(x).tanh().mul(2).add_(s.skip(x))), first=nn.Linear(8, 6),
        skip=nn.Linear(8, 6), last=nn.Linear(6, 3)),
    "experts": lambda: tower(Experts(), nn.Tanh()),
    "experts, batch norm": lambda: tower(nn.BatchNorm1d(6), Experts()),
    "branch by value": lambda: Net(
        lambda s, x: torch.where(x[:, :1] > 0, s.left(x), s.right(x)), left=nn.Linear(8, 3),
        right=nn.Linear(8, 3)),
    "sorted": lambda: tower(Op(lambda x: x.sort(1).values), nn.Tanh()),
    "eigenvalues": lambda: tower(
        Op(lambda x: torch.linalg.eigvalsh(torch.einsum("ni,nj->nij", x, x) + torch.diag(
            torch.arange(6.0).to(x))))),
    "complex numbers": lambda: tower(Op(lambda x: torch.fft.fft(x.tanh()).abs())),
})  # fmt: skip
add("layers", {
    "same padding": lambda: padded(padding="same"),
    "circular padding": lambda: padded(padding=1, padding_mode="circular"),
    "reflected padding": lambda: padded(padding=1, padding_mode="reflect"),
    "repeated padding": lambda: padded(padding=1, padding_mode="replicate"),
    "grouped": lambda: padded(groups=2),
    "transposed": lambda: images(nn.ConvTranspose2d(2, 6, 3), nn.ReLU()),
    "transposed, batch norm": lambda: images(nn.ConvTranspose2d(2, 6, 3), nn.BatchNorm2d(6)),
    "greatest": lambda: images(nn.Conv2d(2, 6, 2), nn.MaxPool2d(2), nn.ReLU()),
    "greatest, batch norm": lambda: images(nn.Conv2d(2, 6, 2), nn.BatchNorm2d(6), nn.MaxPool2d(2)),
    "squeeze and excite": lambda: images(nn.Conv2d(2, 6, 3), Excited()),
    "dense": lambda: images(Dense()),
    "upsampled": lambda: images(nn.Conv2d(2, 6, 3), nn.Upsample(scale_factor=2, mode="bilinear")),
    "patches": lambda: nn.Sequential(nn.Unfold(2), nn.Conv1d(8, 4, 1), nn.Tanh(), nn.Flatten(),
                                     nn.Linear(64, 3)),
}, 2, 5, 5)  # fmt: skip


# ---- examples that touch each other --------------------------------------------------------------


def two_swapped(x: Tensor, first: int = 2, second: int = 3) -> Tensor:
    """Two examples change places, all others stay."""
    order = list(range(len(x)))
    if second < len(x):
        order[first], order[second] = second, first
    return x[order]


def two_that_touch(first: int, second: int, swapped: bool) -> nn.Module:
    """A network in which two examples change places, or see each other."""
    return tower(
        Op(lambda x: (0 if swapped else 2 * x) + two_swapped(x, first, second)), nn.Tanh()
    )  # fmt: skip


COUPLED: dict[str, Function] = {
    "mean taken away": lambda x: x - x.mean(0),
    "next example": lambda x: x + 0.5 * x.roll(1, 0),
    "attention over the batch": lambda x: (x @ x.T).softmax(1) @ x,
    "greatest of the batch": lambda x: x / x.abs().amax(0),
    "norm of the batch": lambda x: x / x.norm(),
    "ranks over the batch": lambda x: x + x.sort(0).values,
    "places by row": lambda x: x * torch.linspace(1, 2, len(x))[:, None].to(x),
}
add("coupled", {
    name: functools.partial(lambda function: tower(Op(function), nn.Tanh()), function)
    for name, function in COUPLED.items()
})  # fmt: skip


def sorted_and_put_back() -> nn.Module:
    """Examples in order of their size while a layer works, as packed sequences have it."""

    def run(s: Any, x: Tensor) -> Tensor:
        order = x.detach().norm(dim=1).argsort()
        logits: Tensor = s.last(s.inner(x[order]).tanh()[order.argsort()])
        return logits

    return Net(run, inner=nn.Linear(8, 6), last=nn.Linear(6, 3))


add("coupled", {
    "features in the first dimension": lambda: Net(
        lambda s, x: s.last(s.each(s.first(x).T.unsqueeze(-1)).squeeze(-1).T.tanh()),
        first=nn.Linear(8, 6), each=nn.Linear(1, 1), last=nn.Linear(6, 3)),
    "swapped and put back": lambda: Net(
        lambda s, x: s.last(two_swapped(s.inner(two_swapped(s.first(x))).tanh())),
        first=nn.Linear(8, 6), inner=nn.Linear(6, 6), last=nn.Linear(6, 3)),
    "sorted and put back": sorted_and_put_back,
    "one by one": lambda: Net(
        lambda s, x: s.last(torch.stack([s.inner(row) for row in s.first(x)]).tanh()),
        first=nn.Linear(8, 6), inner=nn.Linear(6, 6), last=nn.Linear(6, 3)),
    "in halves": lambda: Net(
        lambda s, x: s.last(torch.cat([s.inner(part) for part in x.chunk(2)]).tanh()),
        inner=nn.Linear(8, 6), last=nn.Linear(6, 3)),
    "mapped over examples": lambda: Net(
        lambda s, x: torch.func.vmap(lambda row: s.last(s.inner(row).tanh()))(x),
        inner=nn.Linear(8, 6), last=nn.Linear(6, 3)),
    "ensemble of stacked weights": lambda: Net(
        lambda s, x: s.last(torch.func.vmap(F.linear, (None, 0))(x, s.stacked).tanh().mean(0)),
        stacked=parameter(2, 6, 8), last=nn.Linear(6, 3)),
    "repeated examples": lambda: Net(
        lambda s, x: s.last(s.inner(x.repeat(2, 1)).tanh()).view(2, len(x), 3).mean(0),
        inner=nn.Linear(8, 6), last=nn.Linear(6, 3)),
    "expanded before": lambda: Net(
        lambda s, x: s.last(s.inner(x.unsqueeze(0).expand(3, -1, -1)).tanh().mean(0)),
        inner=nn.Linear(8, 6), last=nn.Linear(6, 3)),
    "other example's weight": lambda: Net(
        lambda s, x: s.last(s.first(x).tanh()) + s.second(x.flip(0)), first=nn.Linear(8, 6),
        second=nn.Linear(8, 3), last=nn.Linear(6, 3)),
})  # fmt: skip


# ---- random numbers ------------------------------------------------------------------------------


def shaken(draw: Callable[[], float]) -> nn.Module:
    """A block that is scaled by a draw."""
    return Net(
        lambda s, x: s.last(s.first(x).tanh() + s.block(x) * draw()),
        first=nn.Linear(8, 6), block=nn.Linear(8, 6), last=nn.Linear(6, 3),
    )  # fmt: skip


add("random", {
    "dropout": lambda: tower(nn.Dropout(0.5), nn.Tanh()),
    "dropout, batch norm": lambda: tower(nn.BatchNorm1d(6), nn.Dropout(0.5)),
    "dropout, before batch norm": lambda: tower(nn.Dropout(0.3), nn.BatchNorm1d(6)),
    "alpha dropout": lambda: tower(nn.AlphaDropout(0.3), nn.Tanh()),
    "shaken by torch": lambda: shaken(lambda: float(torch.rand(()))),
    "shaken by python": lambda: shaken(random.random),
    "shaken by numpy": lambda: shaken(np.random.random),
    "depth of each example": lambda: Net(
        lambda s, x: s.last(s.first(x).tanh() + s.block(x) * (torch.rand(len(x), 1) < 0.5)),
        first=nn.Linear(8, 6), block=nn.Linear(8, 6), last=nn.Linear(6, 3)),
    "noise": lambda: tower(Op(lambda x: x + 0.3 * torch.randn_like(x)), nn.Tanh()),
    "noise on a weight": lambda: Net(
        lambda s, x: s.last(F.linear(x, s.first.weight * torch.rand_like(s.first.weight)).tanh()),
        first=nn.Linear(8, 6), last=nn.Linear(6, 3)),
    "hard gumbel": lambda: tower(Op(lambda x: F.gumbel_softmax(x, hard=True))),
    "random slopes": lambda: tower(nn.RReLU(0.1, 0.9)),
    "mixed with a random other": lambda: tower(
        Op(lambda x: 0.7 * x + 0.3 * x[torch.randperm(len(x))]), nn.Tanh()),
}, draws=True)  # fmt: skip


# ---- losses --------------------------------------------------------------------------------------


def smoothed(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1)


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    losses = cross_entropy(logits, labels)
    return (1 - (-losses.detach()).exp()) ** 2 * losses


def bootstrapped(logits: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        target = 0.8 * F.one_hot(labels, 3) + 0.2 * logits.softmax(1)
    return -(target * logits.log_softmax(1)).sum(1)


def relative(logits: Tensor, labels: Tensor) -> Tensor:
    losses = cross_entropy(logits, labels)
    return losses / losses.mean()


def contrastive(logits: Tensor, labels: Tensor) -> Tensor:
    rows = F.normalize(logits, dim=1)
    likeness = rows @ rows.T / 0.5
    return cross_entropy(logits, labels) + cross_entropy(likeness, torch.arange(len(labels)))


def ranked(logits: Tensor, labels: Tensor) -> Tensor:
    """The greatest half of the losses counts: a mask that carries no gradient."""
    losses = cross_entropy(logits, labels)
    return losses * (losses.detach() > losses.detach().median())


def hinge(logits: Tensor, labels: Tensor) -> Tensor:
    return F.multi_margin_loss(logits, labels, reduction="none")


LOSSES: dict[str, Loss] = {
    "smoothed": smoothed, "focal": focal, "bootstrapped": bootstrapped, "relative": relative,
    "contrastive": contrastive, "ranked": ranked, "hinge": hinge,
}  # fmt: skip
for _name, _loss in LOSSES.items():
    ZOO[f"loss: {_name}"] = Entry(lambda: tower(nn.Tanh()), loss=_loss)
    ZOO[f"loss: {_name}, batch norm"] = Entry(lambda: tower(nn.BatchNorm1d(6)), loss=_loss)
