"""Unfinished trainings on disk, so that one that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import override

from weightbench.files import replacing
from weightbench.training.run import Batch
from weightbench.training.state import TrainingState
from weightbench.training.watcher import Watcher

_FORMAT = b"2"  # a state of another form is not gone on from
_DIGEST = 32  # bytes


class Checkpoint(Watcher):
    """A file that a training leaves its state in now and then.

    What is stopped between two savings is trained again, to the same bits. The weighter goes on
    from its ``begin``, which runs again, and its ``state_dict``; what it keeps elsewhere is lost.
    It is the last of a training's watchers: those after it have not seen the step that is saved.

    Args:
        path: the file; its folder is made when first needed.
        seconds: at least this long between two savings.
    """

    def __init__(self, path: Path, seconds: float = 30.0) -> None:
        self._path = path
        self._seconds = seconds
        self._saved = time.monotonic()

    @override
    def begin(self, training: TrainingState) -> None:
        """Bring the training to where the file says.

        There may be none, or a damaged one: the training then starts from its beginning.
        """
        try:
            whole = self._path.read_bytes()
        except OSError:
            return
        digest, content = whole[:_DIGEST], whole[_DIGEST:]
        if digest == _digest(content):  # torch.load believes flipped bits
            device = training.setting.device
            training.load_state_dict(torch.load(io.BytesIO(content), device, weights_only=True))

    @override
    def after_step(self, training: TrainingState, batch: Batch, weights: Tensor) -> None:
        """Write the state, whole or not at all, if the last saving is long ago."""
        if time.monotonic() - self._saved < self._seconds:
            return
        content = io.BytesIO()
        torch.save(training.state_dict(), content)
        with replacing(self._path) as file:
            file.write(_digest(content.getvalue()))
            file.write(content.getvalue())
        self._saved = time.monotonic()


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(_FORMAT + content).digest()
