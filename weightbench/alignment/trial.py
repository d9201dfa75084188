"""Whether a way is right for a network: its numbers beside one reverse pass per example."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from weightbench.alignment.passes import (
    Aligned,
    Batches,
    Form,
    Loss,
    clean_gradient,
    distinct_weights,
    losses_of,
    outputs,
    trained,
)
from weightbench.alignment.untouched import (
    Streams,
    full_precision,
    kept_gradients,
    kept_state,
    movable,
    moved_parameters,
)
from weightbench.errors import AlignmentUnsupported, Misuse

Gradients = dict[nn.Parameter, Tensor]

_ROWS = 4  # of the batch that have a reverse pass each
_TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4}  # of the largest element
_NARROW = 0.05  # of it, in types of fewer digits
_LONGEST = 160  # characters of a reason
_ROUNDING = 0.01  # of the tolerance, relative to the gradients' norms: where they are orthogonal


@dataclasses.dataclass(frozen=True)
class _Yardstick:
    """What is right for some rows of a batch.

    Attributes:
        alignment: (rows,) <clean gradient, gradient of loss i>.
        size: the greatest product of the norms of the two.
        update: the gradient of ``sum_i weights_i * losses_i`` in every trained parameter.
        buffers: the network's, after the training pass and that reverse pass.
    """

    alignment: Tensor
    size: float
    update: Gradients
    buffers: list[Tensor]

    @property
    def finite(self) -> bool:
        """Whether anything can be measured by it."""
        return bool(self.alignment.isfinite().all()) and self.size < float("inf")


class Trial:
    """One question about one network, loss and mode: which ways are right.

    A way is right if, on the batches at hand, it gives the alignment of a handful of rows that a
    reverse pass for each of them gives, and the update of a plain reverse pass, and leaves the
    buffers that a plain step leaves.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        batches: Batches,
        loss_has_parameters: bool,
        narrow: bool,
    ) -> None:
        """See :func:`on_trial`; ``narrow`` says whether steps are taken under autocast."""
        self.model, self.loss, self.batches = model, loss, batches
        self.loss_has_parameters, self.narrow = loss_has_parameters, narrow
        self._streams = Streams(model, batches.labels.device)
        stream = torch.Generator().manual_seed(0)
        n = len(batches.labels)
        self._rows = sorted({0, n - 1, *torch.randint(n, (_ROWS - 2,), generator=stream).tolist()})
        self._weights = distinct_weights(n).to(batches.labels.device)
        self._yardsticks: dict[bool, _Yardstick] = {}

    @property
    def conclusive(self) -> bool:
        """Whether the right numbers are finite.

        Raises:
            AlignmentUnsupported: there is no reverse pass for a single example.
        """
        return self._yardstick(clean_first=True).finite

    def fault(self, form: Form, clean_first: bool = True) -> str | None:
        """What is wrong with ``form`` here, in words, or None.

        Args:
            form: the way, as it is written.
            clean_first: whether its clean pass draws its random numbers before the training pass.
        """
        with self.aside():
            try:
                aligned = form(self.model, self.loss, self.batches)
                update = self._update(aligned)
            except Exception as error:  # whatever a network raises in it
                return in_a_line(error)
            reason = self._difference(aligned, update, self._yardstick(True))
        if reason is None or clean_first:
            return reason
        return self._difference(aligned, update, self._yardstick(clean_first))

    def _update(self, aligned: Aligned) -> Gradients:
        """The gradient of the step; no hook that waits for ``.grad`` is set off."""
        if aligned.backward is not None:
            aligned.backward(self._weights.to(aligned.alignment.dtype))
            return {p: torch.zeros_like(p) if p.grad is None else p.grad for p in self._trained}
        return {} if aligned.losses is None else self._gradient(aligned.losses, self._weights)

    def _difference(self, aligned: Aligned, update: Gradients, wanted: _Yardstick) -> str | None:
        tolerance = _TOLERANCES.get(wanted.alignment.dtype, _NARROW)
        error = float((aligned.alignment[self._rows] - wanted.alignment).abs().max())
        largest = float(wanted.alignment.abs().max())
        if not error <= tolerance * (largest + _ROUNDING * wanted.size):
            return (
                "its numbers are not those of a reverse pass per example (a value held fixed in "
                f"the forward pass, perhaps): off by {error / (largest or 1):.1g} of the largest"
            )
        if aligned.losses is None:
            return None
        if not _same(update, wanted.update, tolerance):
            return "its update is not that of a plain reverse pass"
        pairs = zip(self.model.buffers(), wanted.buffers, strict=True)
        if not all(_alike(mine, other, tolerance) for mine, other in pairs):
            return "it moves a buffer otherwise than a plain step does"
        return None

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Where passes leave no trace, and all draw the same random numbers."""
        with kept_gradients(self.model), kept_state(self.model):
            try:
                yield
            finally:
                self._streams.rewind()

    def _yardstick(self, clean_first: bool) -> _Yardstick:
        if clean_first not in self._yardsticks:
            with self.aside():
                try:
                    self._yardsticks[clean_first] = self._measure(clean_first)
                except RuntimeError as error:
                    raise AlignmentUnsupported(
                        f"a reverse pass for each loss fails here: {in_a_line(error)}"
                    ) from error
        return self._yardsticks[clean_first]

    def _measure(self, clean_first: bool) -> _Yardstick:
        clean = self.batches.clean_inputs, self.batches.clean_labels
        fixed = [(p, p._version) for p in self.model.parameters() if not p.requires_grad]
        direction = clean_gradient(self.model, *clean) if clean_first else None
        with contextlib.nullcontext() if clean_first else kept_state(self.model):
            logits = outputs(self.model, self.batches.inputs)
            losses = losses_of(self.loss, logits, self.batches.labels)
            if losses.shape != self.batches.labels.shape:
                raise Misuse(
                    f"the loss has shape {tuple(losses.shape)}; expected "
                    f"{tuple(self.batches.labels.shape)}, one per example (reduction='none')"
                )
            update = self._gradient(losses, self._weights)
            buffers = [buffer.clone() for buffer in self.model.buffers()]
        if not movable(self.model) and any(p._version != version for p, version in fixed):
            raise AlignmentUnsupported("the forward pass moves a frozen parameter; use a buffer")
        along = _flat(direction or clean_gradient(self.model, *clean))
        rows = [_flat(self._gradient(losses, seeds)) for seeds in self._single(losses)]
        alignment = torch.stack([torch.dot(row, along) for row in rows]).detach()
        size = max(float(row.norm()) for row in rows) * float(along.norm())
        return _Yardstick(alignment, size, update, buffers)

    def _single(self, losses: Tensor) -> Iterator[Tensor]:
        """What picks one loss, for each of the rows."""
        for row in self._rows:
            seeds = torch.zeros_like(losses)
            seeds[row] = 1
            yield seeds

    def _gradient(self, losses: Tensor, seeds: Tensor) -> Gradients:
        found = torch.autograd.grad(
            losses, self._trained, seeds.to(losses.dtype), retain_graph=True, materialize_grads=True
        )
        return {p: _dense(gradient) for p, gradient in zip(self._trained, found, strict=True)}

    @property
    def _trained(self) -> list[nn.Parameter]:
        return list(trained(self.model).values())


@contextlib.contextmanager
def on_trial(
    model: nn.Module, loss: Loss, batches: Batches, loss_has_parameters: bool
) -> Iterator[Trial]:
    """A question about ``model``, which is as before when the block is left.

    Parameters, buffers, gradients, random streams and hooks are put back to the bit. In the block
    parameters are moved a little, since a layer that starts at zero would hide what is wrong; where
    that leads to no finite number, they are as they were. Autocast is off.
    """
    device = batches.labels.device
    narrow = torch.is_autocast_enabled(device.type)
    with full_precision(device):
        with moved_parameters(model):
            trial = Trial(model, loss, batches, loss_has_parameters, narrow)
            if trial.conclusive:
                yield trial
                return
        yield Trial(model, loss, batches, loss_has_parameters, narrow)


def _flat(gradient: Gradients) -> Tensor:
    return torch.cat([part.reshape(-1) for part in gradient.values()])


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.is_sparse else gradient


def _same(found: Gradients, wanted: Gradients, tolerance: float) -> bool:
    """Whether every parameter's gradient is, beside its own norm or a hundredth of the whole's."""
    norms = torch.stack([gradient.norm() for gradient in wanted.values()])
    errors = torch.stack([(found[p] - gradient).norm() for p, gradient in wanted.items()])
    return bool((errors <= tolerance * norms.clamp(min=_ROUNDING * float(norms.norm()))).all())


def _alike(mine: Tensor, other: Tensor, tolerance: float) -> bool:
    if not mine.is_floating_point():
        return torch.equal(mine, other)
    return torch.allclose(mine, other, rtol=tolerance, atol=tolerance, equal_nan=True)


def in_a_line(error: BaseException) -> str:
    """What was raised, short enough to stand beside others."""
    first = next(iter(str(error).strip().splitlines()), "").rstrip(".")
    if not isinstance(error, AlignmentUnsupported):
        first = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return first if len(first) <= _LONGEST else first[: _LONGEST - 3] + "..."
