"""An advice on 20,000 rows: how long it takes, and its suspects beside cleanlab's.

Both are given the same cross-fitted probabilities of the same networks.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import weightbench as wb
from tests.advice.letters import flipped, letters
from tests.benchmarks.conftest import report
from weightbench.advice import suspects


class Stopwatch:
    """When each line came."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.lines: list[tuple[float, str]] = []

    def begin(self, trainings: int) -> None:
        """So many are to come."""

    def done(self) -> None:
        """One is over."""

    def say(self, line: str) -> None:
        """Note it."""
        self.lines.append((time.monotonic() - self.began, line))


def peers(chances: Any, given: Any) -> dict[str, tuple[Any, float]]:
    """cleanlab's scores, larger for worse, with their seconds."""
    filters = pytest.importorskip("cleanlab.filter")
    datalab = pytest.importorskip("cleanlab.datalab.datalab")
    began = time.monotonic()
    order = filters.find_label_issues(given, chances, return_indices_ranked_by="self_confidence")
    ranked = np.zeros(len(given))
    ranked[order] = np.arange(len(order), 0, -1)
    halfway = time.monotonic()
    lab = datalab.Datalab({"label": given}, label_name="label", verbosity=0)
    lab.find_issues(pred_probs=chances, issue_types={"label": {}})
    quality = lab.get_issues("label")["label_score"].to_numpy()
    return {
        "find_label_issues": (ranked, halfway - began),
        "Datalab": (-quality, time.monotonic() - halfway),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["uniform", "similar"])
def bench_advice_on_letters(kind: str, tmp_path: Path) -> None:
    inputs, true = letters()
    given = flipped(kind, true, 0.3)
    trusted = np.random.default_rng(1).choice(len(true), 200, replace=False)
    watch = Stopwatch()
    found = wb.advise(
        inputs, given, trusted={int(i): int(true[i]) for i in trusted}, out=tmp_path, workers=2,
        watch=watch,
    )  # fmt: skip
    whole = time.monotonic() - watch.began
    first = next(seconds for seconds, line in watch.lines if line.startswith("plain training"))
    wrong, asked = given != true, ~found.data.rows.trusted
    codes = found.data.labels.given
    report(f"letters, {kind}", f"first line {first:.0f} s, answer {whole:.0f} s; {found.verdict}")

    def line(name: str, score: Any, seconds: float) -> None:
        auroc = roc_auc_score(wrong[asked], score[asked])
        precision = average_precision_score(wrong[asked], score[asked])
        said = f"AUROC {auroc:.4f}, average precision {precision:.4f}, {seconds:.1f} s"
        report(f"letters, {kind}: {name}", said)

    finders = found.fitted.finders([])
    for name, methods in {"plain network": ["uniform"], "those that judge best": finders}.items():
        chances = np.mean([found.fitted.chances(m).astype(float) for m in methods], axis=0)
        chances /= chances.sum(1, keepdims=True)
        began = time.monotonic()
        labels = found.data.labels
        mine = suspects.find(chances, codes, labels.right, labels.corrected)
        line(f"{name}: weightbench", mine.score, time.monotonic() - began)
        for peer, (score, seconds) in peers(chances, codes).items():
            line(f"{name}: {peer}", score, seconds)


def bench_memory_of_a_large_table(tmp_path: Path) -> None:
    """100,000 rows of 200 columns; see the process's own peak."""
    import resource

    rng = np.random.default_rng(0)
    labels = rng.integers(5, size=100_000)
    inputs = rng.normal(size=(100_000, 200)).astype(np.float32)
    inputs[:, :5] += 2 * np.eye(5, dtype=np.float32)[labels]
    began = time.monotonic()
    trusted = {i: int(labels[i]) for i in range(500)}
    wb.advise(inputs, labels, trusted=trusted, weighters=["gce"], out=tmp_path, workers=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    report("100,000 x 200", f"{peak:.2f} GiB, {time.monotonic() - began:.0f} s")
