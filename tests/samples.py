"""Records as an evaluation leaves them."""

from __future__ import annotations

import numpy as np

from weightbench.records.schema import Cost, Provenance, Record, Training, Trial
from weightbench.records.store import Predictions, checksum

PROVENANCE = Provenance(
    packages={"python": "3.11.2", "torch": "2.13.0"},
    commit="0" * 40,
    dirty=False,
    machine="a machine",
    threads=1,
)


def trial(seed: int = 0, weighter: str = "uniform") -> Trial:
    return Trial(
        task="digits-uniform-flip-v0",
        fingerprint="ab" * 32,
        weighter=weighter,
        source="cd" * 32,
        privileged=False,
        seed=seed,
        device="cpu",
    )


def predictions(seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    return {"last": rng.integers(0, 10, 50), "selected": rng.integers(0, 10, 50)}


def record(seed: int = 0, weighter: str = "uniform") -> Record:
    """A finished trial whose predictions are ``predictions(seed)``."""
    training = Training(
        accuracy=0.75,
        selected_accuracy=0.8125,
        chance=0.1,
        realised_noise=0.39871,
        sizes={"train": 1067, "holdout": 30, "select": 200, "test": 500},
        checksums={"data": "ef" * 32, "corruption": "01" * 32, "splits": "23" * 32},
        used_holdout=False,
        steps=400,
        side_steps=0,
        phases={"setup": 0.01, "train": 1.5e-05},
        select_curve=[(200, 0.7), (400, 0.8)],
        predictions=checksum(predictions(seed)),
    )
    return Record(
        trial=trial(seed, weighter),
        status="ok",
        training=training,
        provenance=PROVENANCE,
        finished="2026-01-01T00:00:00+00:00",
    )


def failure(seed: int = 0) -> Record:
    return Record(
        trial=trial(seed),
        status="diverged",
        reason="the loss is not finite at step 3",
        provenance=PROVENANCE,
        finished="2026-01-01T00:00:00+00:00",
    )


def cost(weighter: str = "uniform") -> Cost:
    return Cost(
        trial=trial(0, weighter),
        time_ratio=1.5,
        time_low=1.4,
        time_high=1.6,
        step_seconds=0.001,
        flop_ratio=None,
        memory_ratio=1.25,
        provenance=PROVENANCE,
    )
