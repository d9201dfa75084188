"""From what is asked for to records: trials, what a step costs, where a number was made."""

PRELOAD = ("weightbench.evaluation.preload",)
"""What processes that train are born with; executors and ``warm_up`` take it."""
