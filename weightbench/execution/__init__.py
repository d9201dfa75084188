"""Running many independent jobs: in this process, in local processes with hard limits, on Ray.

What a job does is the caller's business: it is a picklable thing, given to an importable function.
"""

from weightbench.execution.executor import Executor, Limits
from weightbench.execution.local import Local
from weightbench.execution.processes import Lost, share_of_memory, warm_up

__all__ = ["Executor", "Limits", "Local", "Lost", "share_of_memory", "warm_up"]
