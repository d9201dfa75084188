"""Every error weightbench raises on purpose. Each message says what is wrong and how to mend it."""

from __future__ import annotations

import traceback

from weightbench.texts import plain


class WeightbenchError(Exception):
    """Base of all errors below; the command line prints its message in one line."""


class BadSpec(WeightbenchError):
    """A task or weighter was asked for in a form that cannot be read."""


class UnknownName(BadSpec):
    """No task, weighter, wrapper or suite has this name."""


class UnknownParameter(BadSpec):
    """The thing exists, but has no such parameter, or not with such a value."""


class BadWeights(WeightbenchError):
    """A weighter returned something that cannot weigh a batch."""


class AlignmentUnsupported(WeightbenchError):
    """No way of alignment is right for this network; the message says why of each."""


class LayerwiseUnsupported(AlignmentUnsupported):
    """Layerwise alignment would be wrong for this network; the message says why."""


class FusedUnsupported(AlignmentUnsupported):
    """Fused alignment would be wrong or has no derivative of an operation; the message says."""


class NoHead(WeightbenchError):
    """A network was asked for its last linear layer and ends in something else."""


class BadData(WeightbenchError):
    """A data set or a split that cannot be made as asked."""


class SharedExamples(BadData):
    """Two splits that must be disjoint share examples."""


class DataUnavailable(BadData):
    """A published data set is not in the folder of data sets, or is damaged there."""


class HiddenData(WeightbenchError):
    """A weighter asked for what only the engine or the scorer may see."""


class OverBudget(WeightbenchError):
    """A weighter asked for more training than the task grants."""


class Misuse(WeightbenchError):
    """The training loop was driven in an order that makes no sense."""


class Diverged(WeightbenchError):
    """The training loss is no longer a finite number."""


class StoreError(WeightbenchError):
    """Records cannot be read or written."""


class RecordError(StoreError):
    """One record is damaged or was not written by weightbench."""


class NewerRecord(RecordError):
    """One record was written by a newer version of weightbench; it is left as it is."""


class MergeError(StoreError):
    """Stores contradict each other or are damaged; nothing was written."""


class ExecutorError(WeightbenchError):
    """Trials cannot be run where they were to be run."""


class SubmissionError(WeightbenchError):
    """A submission breaks a rule; nothing was written."""


def describe_error(error: BaseException) -> str:
    """The error in one line, with the innermost line of code that is not a library's."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "site-packages" not in frame.filename and not frame.filename.startswith("<")
    ]
    place = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    return plain(f"{type(error).__name__}: {' '.join(str(error).split())}{place}")
