"""From somebody's data to an answer: ``weightbench.advise``."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weightbench.advice import crossfit, suspects, trainings, verdict
from weightbench.advice.answer import Advice
from weightbench.advice.at_hand import data_at_hand
from weightbench.advice.crossfit import CrossFit, Silent, Watch
from weightbench.advice.folds import deal
from weightbench.advice.networks import default_network
from weightbench.advice.reading import Data
from weightbench.advice.saving import save
from weightbench.advice.shortlist import PLAIN, Candidate, candidates
from weightbench.advice.suspects import Suspects
from weightbench.advice.trainings import Network, Training, recipe_for
from weightbench.advice.verdict import Verdict
from weightbench.streams import numpy_stream
from weightbench.training.weighter import make_weighter, spec_of

FOLDS = 5
_NOT_ASKED = (
    "Whether weighting is worth it stays open: nothing tells right labels from wrong ones without "
    "rows that somebody checked. Check some 200 rows drawn at random, and name them with --trusted."
)


def advise(
    data: Any,
    y: Any = None,
    *,
    label: str = "label",
    trusted: Any = None,
    id: Any = None,
    group: Any = None,
    test: Any = None,
    weighters: Sequence[str] = (),
    network: Network | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    watch: Watch | None = None,
) -> Advice:
    """Is weighting worth it on these data, which method, and which labels look wrong.

    Args:
        data: a file (CSV, Parquet, npz), a folder of images by class, a DataFrame, or an array of
            (N, d) numbers or (N, H, W, C) uint8 images.
        y: (N,) labels, for an array, and for a DataFrame that has no column of them.
        label: the column of labels.
        trusted: whose labels are right: a file, a column, positions or an (N,) bool mask; or a
            mapping of positions to right labels.
        id: the column of ids, or (N,) of them.
        group: the column of groups, or (N,) of them.
        test: a file of rows whose labels are right, or (inputs, labels), to be judged on.
        weighters: which methods to compare with plain training; a shortlist where none is named.
        network: builds a network for a :class:`weightbench.DataSet`; one that suits the data where
            not given.
        out: a folder for all that is found, trainings that were finished among it; none is kept
            where not given.
        seed: of every random stream.
        workers: processes; 0 for this one. One a core where not given, and this one alone where
            ``network`` is.
        watch: looks on.

    Raises:
        BadData: something about the data cannot be used; the message says what to do.
        BadSpec: a weighter cannot be read or does not exist.
    """
    names = tuple(str(spec_of(make_weighter(name))) for name in weighters)
    known = data_at_hand(data, y, label, trusted, id, group, test)
    if names and PLAIN not in names:
        names = (PLAIN, *names)
    tried = candidates(names, bool(known.rows.trusted.any()))
    watch = watch or Silent()
    if workers is None:
        workers = 0 if network else os.cpu_count() or 1
    for note in known.notes:
        watch.say(note)
    with _folder(out) as folder:
        advice = _advise(known, tried, network or default_network, folder, seed, workers, watch)
        if out is None:
            return dataclasses.replace(advice, model=None)

        save(advice, Path(out))
        return advice


@contextlib.contextmanager
def _folder(out: str | Path | None) -> Iterator[Path]:
    if out is not None:
        place = Path(out) / "work"
        place.mkdir(parents=True, exist_ok=True)
        yield place
        return
    # Left to the system where answers are still to be read from it.
    place = Path(tempfile.mkdtemp(prefix="weightbench-"))
    yield place


def _advise(
    data: Data,
    tried: Sequence[Candidate],
    network: Network,
    folder: Path,
    seed: int,
    workers: int,
    watch: Watch,
) -> Advice:
    rows = data.rows
    dealt = deal(rows, FOLDS, numpy_stream("advise", "folds", seed))
    checksum = trainings.keep_rows(folder, rows, dealt)
    recipe = recipe_for(len(rows), rows.inputs.ndim == 4)
    name = f"{getattr(network, '__module__', '')}.{getattr(network, '__qualname__', network)}"
    plain = Training(str(folder), PLAIN, 0, seed, recipe, checksum, name)
    plan = [
        dataclasses.replace(plain, weighter=candidate.spec, fold=fold)
        for candidate in tried
        for fold in range(FOLDS)
    ]

    def fitted_of(files: Mapping[str, Sequence[Path]], failed: Mapping[str, str]) -> CrossFit:
        return CrossFit(rows, dealt, FOLDS, files, failed)

    def say_plain(files: Mapping[str, Sequence[Path]]) -> None:
        first = fitted_of(files, {})
        if len(first.judged):
            line = verdict.accuracy_line(first.right(PLAIN))
            watch.say(f"plain training gets {line} of {len(first.judged):,} {_judges(first)} right")

    fitted = fitted_of(*crossfit.run(plan, network, workers, watch, say_plain, FOLDS))
    table, said = _compare(fitted, tried)
    watch.say(str(said))
    finders = fitted.finders([c.spec for c in tried if c.finds])
    chances = np.zeros((len(rows), rows.num_classes))
    for method in finders:
        chances += fitted.chances(method) / len(finders)
    labels = data.labels
    found = suspects.find(chances, labels.given, labels.right, labels.corrected)
    last = dataclasses.replace(plain, weighter=said.method, fold=None)
    kept = trainings.train(last, network)
    return Advice(
        said,
        table,
        _suspects(data, found),
        data.notes,
        data,
        found,
        fitted,
        kept if isinstance(kept, Path) else None,
        last,
    )


def _judges(fitted: CrossFit) -> str:
    return "trusted rows" if fitted.rows.test_labels is None else "test rows"


def _compare(fitted: CrossFit, tried: Sequence[Candidate]) -> tuple[pd.DataFrame, Verdict]:
    """One row a method, and the verdict."""
    words = {candidate.spec: candidate.words for candidate in tried}
    seconds = {name: fitted.seconds(name) for name in fitted.files}
    found: dict[str, verdict.Difference] = {}
    right: dict[str, NDArray[np.bool_]] = {}
    said = Verdict("not asked", PLAIN, _NOT_ASKED)
    if len(fitted.judged):
        right = {name: fitted.right(name) for name in fitted.files}
        found, factor = verdict.differences(right, PLAIN, fitted.judged_by)
        said = verdict.judge(found, PLAIN, len(fitted.judged), _judges(fitted), factor)
    lines = []
    for candidate in tried:
        name = candidate.spec
        line: dict[str, Any] = {"method": name, "words": words[name]}
        if name in found:
            line |= dataclasses.asdict(found[name])
        elif name in right:
            line |= {"accuracy": float(right[name].mean()), "gain": 0.0, "low": 0.0, "high": 0.0}
        if name in seconds:
            line |= {"seconds": seconds[name], "cost": seconds[name] / seconds[PLAIN]}
        line["failed"] = fitted.failed.get(name, "")
        lines.append(line)
    columns = [
        "method", "accuracy", "gain", "low", "high", "better", "worse", "seconds", "cost", "words",
        "failed",
    ]  # fmt: skip
    table = pd.DataFrame(lines).reindex(columns=columns).set_index("method")
    if "gain" in table:
        table = table.sort_values("gain", ascending=False, kind="stable", na_position="last")
    return table, said


def _suspects(data: Data, found: Suspects) -> pd.DataFrame:
    """Rows that nobody vouches for, the worst first."""
    order = found.order
    order = order[~data.rows.trusted[order]]
    classes = np.array(data.labels.classes, dtype=object)
    table: pd.DataFrame = pd.DataFrame(
        {
            "id": data.ids[order],
            "given": classes[data.labels.given[order]],
            "likelier": classes[found.likelier[order]],
            "score": found.score[order],
            "rank": np.arange(1, len(order) + 1),
            "row": order,
        }
    )
    return table
