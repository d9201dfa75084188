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

wb.register_suite(
    "paper-digits",
    tasks=("digits-uniform-flip-v0", "digits-background-flip-v0", "digits49-imbalance-v0"),
    weighters=(
        "uniform", "uniform+es", "random", "proportion", "resample", "hard-mining",
        "reed-soft", "reed-soft+es", "reed-hard", "reed-hard+es",
        "s-model", "s-model+conf", "s-model+conf+es",
        "mentornet", "mentornet-dd", "self-paced", "adaboost", "weighted",
        "clean-only", "uniform+ft", "uniform+es+ft", "uniform+select", "random+ft",
        "s-model+conf+ft", "s-model+conf+es+ft", "mentornet+ft", "weighted+ft", "l2rw",
        "oracle",
    ),
    seeds=6,
    about="every method and composition of Ren et al. 2018, Tables 1 and 2, on embedded digits",
)  # fmt: skip

_RIVALS = (
    "uniform", "gce", "focal", "superloss", "class-balanced", "logit-adjust", "ldam-drw", "elr",
    "co-teaching", "gmm", "aum", "confident-learning", "jtt", "resample",
    "mw-net", "glc", "rho", "uniform+llr", "uniform+ft", "clean-only", "l2rw-auto", "oracle",
)  # fmt: skip

wb.register_suite(
    "rivals",
    tasks=(
        "digits-uniform-flip-v0",
        "digits-background-flip-v0",
        "digits49-imbalance-v0",
        "breast-cancer-uniform-flip-v0",
    ),
    weighters=_RIVALS,
    seeds=8,
    about="what was published since 2018 beside learning to reweight, on embedded data",
)

wb.register_suite(
    "rivals-mnist",
    tasks=("mnist-uniform-flip-v0", "mnist-background-flip-v0"),
    weighters=_RIVALS,
    seeds=8,
    about="what was published since 2018 beside learning to reweight, on MNIST with flipped labels",
)
