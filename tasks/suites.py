"""Built-in suites."""

from __future__ import annotations

import weightbench as wb

wb.register_suite(
    "quick",
    tasks=(
        "digits-uniform-flip-v0",
        "digits-background-flip-v0",
        "digits-pair-flip-v0",
        "digits-noisy-tail-v0",
    ),
    weighters=("uniform", "random", "proportion", "resample", "clean-only", "l2rw", "oracle"),
    seeds=6,
    about="embedded data, small networks: a leaderboard in a minute on two cores",
    title="Four small tasks, in a minute",
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
    title="All methods of the paper, on digits",
)  # fmt: skip

wb.register_suite(
    "bias",
    tasks=(
        "digits-pair-flip-v0", "digits-class-flip-v0", "digits-input-flip-v0",
        "digits-long-tail-v0", "digits-noisy-tail-v0",
        "adult-groups-v0", "adult-biased-labels-v0",
    ),
    weighters=(
        "uniform", "random", "proportion", "gce", "elr", "co-teaching", "clean-only", "l2rw-auto",
        "oracle",
    ),
    seeds=6,
    about="one task of each kind of bias that is no uniform flip, on embedded data",
    title="Other kinds of bias",
)  # fmt: skip

wb.register_suite(
    "clean-set",
    tasks=(
        *(f"digits-uniform-flip-v0[clean={clean}]" for clean in (1, 10)), "digits-uniform-flip-v0",
        *(f"digits-uniform-flip-v0[clean=10,holdout_noise={noise}]" for noise in (0.1, 0.2, 0.4)),
    ),
    weighters=("uniform", "uniform+ft", "clean-only", "l2rw-auto", "oracle"),
    seeds=6,
    about="the hold-out: 1, 3 and 10 images a class; 10, 20 and 40 % of its labels wrong",
    title="How clean the hold-out must be",
)  # fmt: skip

wb.register_suite(
    "harm",
    tasks=("digits-clean-v0", "breast-cancer-uniform-flip-v0[noise=0.0]"),
    weighters=(
        "uniform", "random", "proportion", "gce", "elr", "co-teaching", "clean-only", "l2rw-auto",
    ),
    seeds=6,
    about="nothing is wrong with the data: what a method costs where there is nothing to mend",
    title="Where nothing is wrong",
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
        "digits-pair-flip-v0",
        "digits-noisy-tail-v0",
    ),
    weighters=_RIVALS,
    seeds=8,
    about="what was published since 2018 beside learning to reweight, on embedded data",
    title="Start here: four small tasks, methods of 2018 and since",
)

wb.register_suite(
    "rivals-mnist",
    tasks=("mnist-uniform-flip-v0", "mnist-background-flip-v0"),
    weighters=_RIVALS,
    seeds=8,
    about="what was published since 2018 beside learning to reweight, on MNIST with flipped labels",
    title="Methods since 2018, on MNIST",
)

wb.register_suite(
    "cifar-small",
    tasks=("cifar10-human-noise-small-v0", "cifar10-background-flip-small-v0"),
    weighters=(
        "uniform", "random", "resample", "gce", "elr", "co-teaching", "aum",
        "uniform+ft", "clean-only", "mw-net", "l2rw-auto", "oracle",
    ),
    seeds=5,
    about="labels by people and background flips, on a small network; six hours on two cores",
    title="Wrong labels on CIFAR-10, without a GPU",
)  # fmt: skip

wb.register_suite(
    "cifar-small-more",
    tasks=("cifar10-uniform-flip-small-v0", "cifar10-asymmetric-flip-small-v0"),
    weighters=("uniform", "gce", "elr", "clean-only", "l2rw-auto", "oracle"),
    seeds=5,
    about="uniform flips and flips between look-alikes, on a small network; three hours",
    title="Other flips on CIFAR-10, without a GPU",
)
