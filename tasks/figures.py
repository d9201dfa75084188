"""The figures and tables of Ren et al. 2018 as suites; in a figure one bracket parameter moves."""

from __future__ import annotations

from collections.abc import Iterable

import weightbench as wb


def _sweep(task: str, name: str, values: Iterable[float], **fixed: object) -> tuple[str, ...]:
    """``task`` at each value of the parameter ``name``, the others fixed."""
    others = [f"{other}={value}" for other, value in fixed.items()]
    return tuple(f"{task}[{','.join([f'{name}={value}', *others])}]" for value in values)


_IMBALANCE = ("uniform", "proportion", "resample", "hard-mining", "random", "l2rw-auto", "oracle")
_NOISY = ("uniform", "uniform+es", "random", "reed-soft+es", "reed-hard", "reed-hard+es", "s-model")
_CONFUSED = ("s-model+conf", "s-model+conf+es")
_FLIPS = (
    *_NOISY, *_CONFUSED, "mentornet", "weighted",
    "clean-only", "uniform+ft", "uniform+es+ft", "random+ft", "mentornet+ft", "weighted+ft",
    "s-model+conf+ft", "s-model+conf+es+ft", "l2rw-auto", "oracle",
)  # fmt: skip

wb.register_suite(
    "fig2",
    tasks=_sweep("mnist49-imbalance-v0", "ratio", (0.9, 0.98, 0.995), steps=2000),
    weighters=_IMBALANCE, seeds=6,
    about="MNIST 4 against 9 by class ratio, Figure 2, in 2,000 steps: 90 minutes on two cores",
    title="Imbalance on MNIST (Figure 2)",
)  # fmt: skip
wb.register_suite(
    "fig2-full",
    tasks=_sweep("mnist49-imbalance-v0", "ratio", (0.9, 0.95, 0.98, 0.99, 0.995)),
    weighters=_IMBALANCE, seeds=10,
    about="MNIST 4 against 9 by class ratio, Figure 2, as published: 8,000 steps, 10 runs",
    title="Imbalance on MNIST, as published (Figure 2)",
)  # fmt: skip
wb.register_suite(
    "fig4",
    tasks=_sweep("cifar10-background-flip-v0", "clean", (1, 2, 5, 10, 50, 100), background=3),
    weighters=("uniform+es", "uniform+es+ft", "s-model+conf+es+ft", "l2rw-auto", "oracle"), seeds=5,
    about="CIFAR-10 by the number of clean images a class, Figure 4; for a GPU",
    title="How many clean images, on CIFAR-10 (Figure 4)",
)  # fmt: skip
wb.register_suite(
    "fig5",
    tasks=_sweep("cifar10-background-flip-v0", "noise", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
    weighters=("uniform", "random", "uniform+ft", "l2rw-auto", "oracle"), seeds=5,
    about="CIFAR-10 by the share of flipped labels, Figure 5; for a GPU",
    title="How much noise, on CIFAR-10 (Figure 5)",
)  # fmt: skip
for _table, _kind, _title in (
    ("table1", "uniform", "Random wrong labels"),
    ("table2", "background", "Background flips"),
):
    wb.register_suite(
        _table,
        tasks=(f"cifar10-{_kind}-flip-v0", f"cifar100-{_kind}-flip-v0"), weighters=_FLIPS, seeds=5,
        about=f"CIFAR-10 and CIFAR-100 with {_kind} flips, as published; for a GPU",
        title=f"{_title} on CIFAR (Table {_table[-1]})",
    )  # fmt: skip
wb.register_suite(
    "mnist-flips",
    tasks=("mnist-uniform-flip-v0", "mnist-background-flip-v0"), weighters=_FLIPS,
    seeds=7,  # with six, 18 ranked weighters could not be told apart however far apart they are
    about="the methods of Tables 1 and 2 on MNIST with 40 % flips: an hour on two cores",
    title="Wrong labels on MNIST",
)  # fmt: skip
_CIFAR = ("uniform", "random", "uniform+ft", "clean-only", "l2rw-auto", "oracle")
wb.register_suite(
    "cifar-short", tasks=("cifar10-uniform-flip-short-v0",), weighters=_CIFAR, seeds=5,
    about="CIFAR-10 with 40 % uniform flips, ResNet-32 in 20,000 steps; for a GPU",
    title="Random wrong labels on CIFAR-10, short",
)  # fmt: skip
wb.register_suite(
    "cifar", tasks=("cifar10-background-flip-v0",), weighters=_CIFAR, seeds=5,
    about="CIFAR-10 with 40 % background flips, ResNet-32 in 80,000 steps, Table 2; for a GPU",
    title="Background flips on CIFAR-10 (Table 2)",
)  # fmt: skip
