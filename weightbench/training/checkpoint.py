"""Unfinished trainings on disk, so that one that was stopped goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from weightbench._version import ENGINE
from weightbench.errors import Misuse, RecordError
from weightbench.files import move_aside, read_regular, replacing
from weightbench.training.run import Batch
from weightbench.training.state import TrainingState
from weightbench.training.watcher import Watcher
from weightbench.training.weighter import stream_of

_FORMAT = b"3"  # a state of another form is not gone on from
_DIGEST = 32  # bytes
_LARGEST = 2**36  # bytes of a state


class Checkpoint(Watcher):
    """A file that a training leaves its state in now and then.

    What is stopped between two savings is trained again, to the same bits. The weighter goes on
    from its ``begin``, which runs again, and its ``state_dict``; what it keeps elsewhere is lost.
    It is the last of a training's watchers: those after it have not seen the step that is saved.

    Attributes:
        went_on: whether the training was begun from what the file held.

    Args:
        path: the file; its folder is made when first needed.
        seconds: at least this long between two savings.
    """

    def __init__(self, path: Path, seconds: float = 30.0) -> None:
        self._path = path
        self._seconds = seconds
        self._saved = time.monotonic()
        self.went_on = False

    @override
    def begin(self, training: TrainingState) -> None:
        """Bring the training to where the file says.

        There may be none. One that is damaged, of another training or of another version is set
        aside, and the training starts from its beginning.

        Raises:
            Misuse: a state that seemed to fit did not; it is set aside, and as nobody knows how
                much of it was taken up, the training must be started anew.
        """
        self.went_on = False
        if not os.path.lexists(self._path):
            return
        try:
            state = self._state_of(training)
        except Exception:  # whatever torch makes of a file that anybody may have written
            self.set_aside()
            return
        self.went_on = True
        try:
            training.load_state_dict(state)
        except Exception as error:
            self.set_aside()
            raise Misuse(
                f"{self._path} does not fit this training and was set aside; start it again "
                f"({type(error).__name__}: {error})"
            ) from error

    def _state_of(self, training: TrainingState) -> Mapping[str, Any]:
        """What the file holds.

        Raises:
            RecordError: it is damaged, or no state of this training.
            Exception: torch cannot read it.
        """
        whole = read_regular(self._path, _LARGEST)
        digest, content = whole[:_DIGEST], whole[_DIGEST:]
        if digest != _digest(content):  # torch.load believes flipped bits
            raise RecordError("not the checksum of what the file holds")
        device = training.setting.device
        made = torch.load(io.BytesIO(content), device, weights_only=True)
        state: Mapping[str, Any] = made["state"]
        own = training.state_dict()
        steps, last = state["steps_taken"], training.recipe.steps
        same = made["of"] == _name_of(training) and state.keys() == own.keys()
        if not (same and 0 < steps <= last and _shapes(state["model"]) == _shapes(own["model"])):
            raise RecordError("a state of another training")
        return state

    def set_aside(self) -> None:
        """Give the file another name, so that the next training starts from its beginning."""
        with contextlib.suppress(OSError):
            move_aside(self._path, self._path.with_name(f"{self._path.name}.unfit"))

    @override
    def after_step(self, training: TrainingState, batch: Batch, weights: Tensor) -> None:
        """Write the state, whole or not at all, if the last saving is long ago."""
        if time.monotonic() - self._saved < self._seconds:
            return
        content = io.BytesIO()
        torch.save({"of": _name_of(training), "state": training.state_dict()}, content)
        with replacing(self._path) as file:
            file.write(_digest(content.getvalue()))
            file.write(content.getvalue())
        self._saved = time.monotonic()


def _name_of(training: TrainingState) -> list[str | int]:
    """What tells a training from others whose states would fit it."""
    setting = training.setting
    weighter = stream_of(training.weighter)
    return [setting.task.name, setting.seed, weighter, setting.device.type, ENGINE]


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in state.items()}


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(_FORMAT + content).digest()
