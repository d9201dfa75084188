"""Unfinished runs on disk, so that a training goes on where it was stopped."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from weightbench.files import replacing
from weightbench.streams import global_states, restore_globals

if TYPE_CHECKING:
    from weightbench.training.run import Run

_PLAIN = ("steps_taken", "side_steps", "used_holdout")
_DIGEST = 32  # bytes
_STREAMS = ("generator", "_order", "_clean_order")


class Checkpoint:
    """A file that a run leaves its state in now and then.

    What is stopped between two savings is trained again, to the same bits. The weighter goes on
    from its ``begin``, which runs again, and its ``state_dict``; what it keeps elsewhere is lost.

    Args:
        path: the file; its folder is made when first needed.
        seconds: at least this long between two savings.
    """

    def __init__(self, path: Path, seconds: float = 30.0) -> None:
        self._path = path
        self._seconds = seconds
        self._saved = time.monotonic()

    def save_if_due(self, run: Run) -> None:
        """Write the state of ``run``, whole or not at all, if the last saving is long ago."""
        if time.monotonic() - self._saved < self._seconds:
            return
        content = io.BytesIO()
        torch.save(_state(run), content)
        with replacing(self._path) as file:
            file.write(_digest(content.getvalue()))
            file.write(content.getvalue())
        self._saved = time.monotonic()

    def restore(self, run: Run) -> None:
        """Bring ``run``, after its ``begin``, to where the file says.

        There may be none, or a damaged one: the run then starts from its beginning.
        """
        try:
            whole = self._path.read_bytes()
        except OSError:
            return
        digest, content = whole[:_DIGEST], whole[_DIGEST:]
        if digest == _digest(content):  # torch.load believes flipped bits
            _load(run, torch.load(io.BytesIO(content), run.device, weights_only=True))


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _state(run: Run) -> dict[str, Any]:
    assert run.optimizer is not None
    assert run.weight_log is not None
    return {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "weighter": run.weighter.state_dict(),
        "seconds": run._clock.so_far(),
        "weight_log": run.weight_log.state(),
        "passes": {key: passes.state() for key, passes in run._passes.items()},
        "streams": {name: getattr(run, name).get_state() for name in _STREAMS},
        "globals": global_states(run.device),
        "select_accuracy": run._selection.curve,
        "_selected": run._selection.best,
        **{name: getattr(run, name) for name in _PLAIN},
    }


def _load(run: Run, state: dict[str, Any]) -> None:
    assert run.optimizer is not None
    assert run.weight_log is not None
    run.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    run.weighter.load_state_dict(state["weighter"])
    run._clock.seconds.update(state["seconds"])
    run.weight_log.restore(state["weight_log"])
    for (on, size), place in state["passes"].items():
        run._passes_over(on, size).go_to(place)
    for name in _STREAMS:
        getattr(run, name).set_state(state["streams"][name].cpu())
    restore_globals(state["globals"], run.device)
    run._selection.curve, run._selection.best = state["select_accuracy"], state["_selected"]
    for name in _PLAIN:
        setattr(run, name, state[name])
