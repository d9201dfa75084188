"""Built-in suites."""

from __future__ import annotations

import weightbench as wb

wb.register_suite(
    "quick",
    tasks=(
        "digits-uniform-flip-v0",
        "digits-background-flip-v0",
        "digits49-imbalance-v0",
        "breast-cancer-uniform-flip-v0",
    ),
    weighters=("uniform", "random", "proportion", "resample", "clean-only", "l2rw", "oracle"),
    seeds=6,
    about="embedded data, small networks: a leaderboard in a minute on two cores",
)
