"""Which way is taken for a network: found once per network, mode and loss, and remembered."""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

from weightbench.alignment.double_reverse import double_reverse
from weightbench.alignment.fused import fused
from weightbench.alignment.joint import joint_form
from weightbench.alignment.layerwise import layerwise
from weightbench.alignment.obstacles import obstacle
from weightbench.alignment.passes import Batches, Form, Loss
from weightbench.alignment.preconditions import check_batches, check_network, check_trained
from weightbench.alignment.trial import Trial, in_a_line, on_trial
from weightbench.alignment.virtual_step import virtual_step
from weightbench.errors import AlignmentUnsupported, FusedUnsupported, LayerwiseUnsupported

Way = Literal["auto", "higher", "fused", "layerwise"]

_log = logging.getLogger(__name__)
_REMEMBERED = 16  # answers per network: modes, losses and ways
_ERRORS = {"layerwise": LayerwiseUnsupported, "fused": FusedUnsupported}

_Candidate = Callable[[Trial], Form | str]  # what is known of a way before it is tried
_Answer = Form | AlignmentUnsupported
_answers: weakref.WeakKeyDictionary[nn.Module, dict[Any, _Answer]] = weakref.WeakKeyDictionary()


def form_for(
    model: nn.Module, loss: Loss, batches: Batches, way: Way, loss_has_parameters: bool = False
) -> Form:
    """How to compute the alignment of ``model`` by ``way``.

    Found by trial (:class:`Trial`) once for each network, mode, loss and way; asked again when a
    module changes between training and evaluation mode, gains or loses a hook or a parameter, and
    when a parameter is frozen or thawed.

    Raises:
        LayerwiseUnsupported: ``layerwise`` was asked for and is not right here.
        FusedUnsupported: ``fused`` was asked for and is not right here.
        AlignmentUnsupported: no way is.
        Misuse: a network or batches that no way could take; see :mod:`.preconditions`.
    """
    answers = _answers.get(model)
    if answers is None:
        check_network(model)  # before its state is read, which a wrapper may not have
        answers = _answers[model] = {}
    narrow = torch.is_autocast_enabled(batches.labels.device.type)
    virtual = batches.virtual is not None
    state = way, virtual, _state(model), _identity(loss), loss_has_parameters, narrow
    answer = answers.get(state)
    if answer is None:
        try:
            answer, certain = _found(model, loss, batches, way, loss_has_parameters)
        except AlignmentUnsupported as error:
            answer, certain = type(error)(str(error)), True  # without the frames it came through
        if certain:
            if len(answers) >= _REMEMBERED:
                answers.pop(next(iter(answers)))
            answers[state] = answer
    if isinstance(answer, AlignmentUnsupported):
        raise type(answer)(str(answer))
    return answer


def _found(
    model: nn.Module, loss: Loss, batches: Batches, way: Way, loss_has_parameters: bool
) -> tuple[_Answer, bool]:
    """The answer, and whether it holds for the next step, too."""
    check_network(model)
    check_trained(model)
    check_batches(batches)
    reasons: dict[str, str] = {}
    candidates = _CANDIDATES[way]
    if batches.virtual is not None:
        candidates = {name: c for name, c in candidates.items() if name not in _WITHOUT_VIRTUAL}
    now = batches._replace(virtual=None)  # what is right now is right after a step
    # Whoever counts the work of steps counts no trial: it is made once, wherever a run begins.
    with _disable_current_modes(), on_trial(model, loss, now, loss_has_parameters) as trial:
        certain = trial.conclusive
        for name, candidate in candidates.items():
            form = _asked(candidate, trial)
            if not isinstance(form, str):
                reason = trial.fault(form, clean_first=name != "higher") if certain else None
                if reason is None:
                    _log.info("alignment of a %s: %s%s", type(model).__name__, name, _not(reasons))
                    return form, certain
                form = reason
            reasons[name] = form
    return _refusal(way, reasons), certain


def _asked(candidate: _Candidate, trial: Trial) -> Form | str:
    with trial.aside():
        try:
            return candidate(trial)
        except Exception as error:  # whatever a network raises in it
            return in_a_line(error)


def _not(reasons: dict[str, str]) -> str:
    return "".join(f"; not {name}: {reason}" for name, reason in reasons.items())


def _refusal(way: Way, reasons: dict[str, str]) -> AlignmentUnsupported:
    if error := _ERRORS.get(way):
        hint = "" if way == "layerwise" else "; use alignment=auto or alignment=higher"
        return error(f"{way} alignment is not right here: {reasons[way]}{hint}")
    reasons.pop("joint", None)  # layerwise in another form
    return AlignmentUnsupported(f"no way of alignment is right here{_not(reasons)}")


# ---- ways, and what is known of a network before they are tried ----------------------------------

_OWN_LOSS = "the loss has trained parameters of its own"


def _joint(trial: Trial) -> Form | str:
    if trial.loss_has_parameters:
        return _OWN_LOSS
    return "autocast" if trial.narrow else joint_form(trial.model, trial.batches)


def _layerwise(trial: Trial) -> Form | str:
    if trial.loss_has_parameters:
        return _OWN_LOSS
    return obstacle(trial.model, trial.loss, trial.batches) or layerwise


def _always(form: Form) -> _Candidate:
    return lambda trial: form


_CANDIDATES: dict[Way, dict[str, _Candidate]] = {
    "auto": {
        "joint": _joint,
        "layerwise": _layerwise,
        "fused": _always(fused),
        "double reverse": _always(double_reverse),
    },
    "higher": {"higher": _always(virtual_step), "double reverse": _always(double_reverse)},
    "fused": {"fused": _always(fused)},
    "layerwise": {"layerwise": _layerwise},
}
_WITHOUT_VIRTUAL = {"joint", "higher"}  # their clean pass comes with the other, or is at eps = 0


# ---- what an answer depends on -------------------------------------------------------------------


def _state(model: nn.Module) -> tuple[Any, ...]:
    """Modes, hooks, methods and parameters of all modules. Read in every step, at little cost."""
    modules: list[nn.Module | None] = [model]
    state: list[Any] = []
    last: nn.Parameter | None = None
    for module in modules:
        if module is not None:
            own = module.__dict__  # past ``nn.Module.__getattr__``, which is slow
            modules += own["_modules"].values()
            hooks = own["_forward_hooks"], own["_forward_pre_hooks"], own["_backward_hooks"]
            state += own["training"], "forward" in own, "_compiled_call_impl" in own
            state += map(len, hooks)
            for name, p in own["_parameters"].items():
                if p is not None:
                    state += name, id(p), p.requires_grad, not p._backward_hooks
                    last = p
    if last is not None:
        state += last.dtype, last.device  # of all, as networks move from one to another whole
    return tuple(state)


def _identity(loss: Loss) -> Any:
    """What tells one loss from another: its code, as many a loop writes it anew in every step."""
    function: Any = getattr(loss, "__func__", loss)
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(function, "__code__", None)
    return weakref.ref(function) if code is None else code
