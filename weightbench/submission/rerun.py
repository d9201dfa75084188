"""Training some trials of a submission again. The only place where a contributor's code runs."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weightbench.data.cache import data_folder
from weightbench.errors import RecordError
from weightbench.evaluation.provenance import provenance
from weightbench.execution import Limits
from weightbench.execution.confinement import can_confine
from weightbench.records.predictions import Predictions
from weightbench.records.schema import Cost, Record, Training, read_cost, read_record
from weightbench.registry import is_file_spec
from weightbench.scoring import published_anchors
from weightbench.spec import parse_spec
from weightbench.submission.apart import PREDICTIONS, RESULT, Ended, Job, Order, readable
from weightbench.submission.comparing import (
    DEVIATION,
    LEAST,
    Pair,
    is_same_machine,
    refuse_a_trend,
    refuse_any_difference,
    refuse_other_facts,
)
from weightbench.submission.draw import Claims
from weightbench.submission.lowering import Lowering, lowering
from weightbench.submission.manifest import LIMITS, Lowered, Reproduction, Rerun
from weightbench.submission.reading import Submission
from weightbench.submission.safe import arrays_of, content_of, refuse

LIKELY_GAP, LIKELY_LUCK = 0.1, 0.2  # of a task that has no anchors
_ALTERED = (1, 6, 12, 24)  # how many altered trials the chance of being caught is told for
_START = 300.0  # seconds that libraries may take to load


def train_again(
    submission: Submission,
    folder: Path,
    k: int,
    limits: Limits,
    board: Iterable[Record] = (),
) -> Reproduction:
    """Train ``k`` trials, drawn where nobody can foresee them, and measure costs, and compare.

    Args:
        submission: what was read of it.
        folder: where it lies; no process that trains can see that.
        k: how many, or all where there are fewer.
        limits: of a training.
        board: records of others, from which the luck of each seed is known.

    Raises:
        SubmissionError: there is nothing to train or nowhere to do it safely, a trial cannot be
            trained, or something comes out that was not submitted.
    """
    trained = [record for record in submission.records if record.training]
    if not trained:
        refuse("every trial failed, so there is nothing to train again")
    if not can_confine():
        refuse(
            "this system cannot keep a contributor's code from the answers: --rerun needs Linux "
            "5.13 or later with Landlock"
        )
    here = provenance(trained[0].trial.device)
    same = all(is_same_machine(record, here) for record in trained)
    k = min(k, len(trained))
    if not same and k < min(LEAST, len(trained)):
        refuse(f"made on another machine or with other versions: that takes --rerun {LEAST}")
    claims = claims_of(trained, board)
    drawn = np.flatnonzero(claims.draw(k)[0])
    pairs, costs = _run(submission, folder, [trained[i] for i in drawn], limits)
    _compare(pairs, same)
    found = {} if same else _found(pairs, drawn, claims, k)
    return Reproduction(
        same_machine=same,
        reruns=[_rerun(pair) for pair in pairs],
        trials=len(submission.records),
        difference=0.0 if same else float(found["last"].mean[0]),
        error=0.0 if same else float(found["last"].error[0]),
        lowered={} if same else _lowered(found, tasks_of(trained)),
        caught={n: claims.caught(k, n) for n in _ALTERED if n <= len(trained)},
        costs=costs,
    )


def claims_of(records: Sequence[Record], board: Iterable[Record] = ()) -> Claims:
    """What records claim in skill, less the mean of the board's own records at the same seed."""
    others: dict[tuple[str, int], list[float]] = {}
    for other in board:
        if other.training:
            trial = (other.trial.task, other.trial.seed)
            others.setdefault(trial, []).append(other.training.accuracy)
    tasks = tasks_of(records)
    skill = [
        (_accuracy(r) - np.mean(others.get((r.trial.task, r.trial.seed), [0.0])))
        / gap_of(r.trial.task)
        for r in records
    ]
    return Claims(
        np.array([tasks.index(r.trial.task) for r in records]),
        np.array(skill),
        np.array([luck_of(r.trial.task) for r in records]),
    )


def tasks_of(records: Iterable[Record]) -> list[str]:
    """Every task once, in the order that claims number them."""
    return sorted({record.trial.task for record in records})


def luck_of(task: str) -> float:
    """How far skill deviates from seed to seed, as the anchors' own trials do."""
    anchor = published_anchors().get(task)
    return anchor.error * math.sqrt(anchor.seeds) / anchor.gap if anchor else LIKELY_LUCK


def gap_of(task: str) -> float:
    """How much accuracy is 1 of skill."""
    anchor = published_anchors().get(task)
    return anchor.gap if anchor else LIKELY_GAP


def _accuracy(record: Record) -> float:
    return record.training.accuracy if record.training else 0.0


def _compare(pairs: Sequence[Pair], same: bool) -> None:
    for pair in pairs:
        refuse_other_facts(pair)
        if same:
            refuse_any_difference(pair)
    if not same:
        refuse_a_trend(pairs)


def _found(
    pairs: Sequence[Pair], drawn: NDArray[np.int64], claims: Claims, k: int
) -> dict[str, Lowering]:
    """By how much claims lie above what came out, of the last network and the selected one."""
    by_pair = {
        "last": [pair.difference for pair in pairs],
        "selected": [pair.difference_of_selected for pair in pairs],
    }
    least, found = float(np.mean([pair.least for pair in pairs])), {}
    for name, differences in by_pair.items():
        whole = np.full((1, len(claims.task)), np.nan)
        whole[0, drawn] = differences
        found[name] = lowering(whole, claims.chance(k), claims.task, least, DEVIATION)
    return found


def _lowered(found: dict[str, Lowering], tasks: Sequence[str]) -> dict[str, Lowered]:
    return {
        task: Lowered(
            last=float(found["last"].by_task[0, i]) * gap_of(task),
            selected=float(found["selected"].by_task[0, i]) * gap_of(task),
        )
        for i, task in enumerate(tasks)
    }


def _rerun(pair: Pair) -> Rerun:
    return Rerun(
        task=pair.record.trial.task, seed=pair.record.trial.seed,
        submitted=pair.training.accuracy, again=pair.again.accuracy, identical=pair.identical,
    )  # fmt: skip


# ---- in processes apart ----------------------------------------------------------------------


def _run(
    submission: Submission, folder: Path, drawn: Sequence[Record], limits: Limits
) -> tuple[list[Pair], list[Cost]]:
    """Train the drawn trials and probe their tasks, each in a process and a folder of its own."""
    trials = {record.trial.task: record.trial for record in submission.records}
    probes = [trial.model_copy(update={"seed": 0}) for trial in trials.values()]
    wanted = [(record.trial, _threads(record), False) for record in drawn]
    wanted += [(trial, 1, True) for trial in probes]
    with tempfile.TemporaryDirectory(prefix="weightbench-") as place:
        jobs = [
            Job(trial=trial, threads=n, cost=cost, folder=str(Path(place).resolve() / str(i)))
            for i, (trial, n, cost) in enumerate(wanted)
        ]
        name = submission.manifest.weighter.partition(":")[0]
        for job in jobs:
            Path(job.folder).mkdir()
            Path(job.folder, name).write_bytes(submission.source)
        reasons = _carry_out(_order(jobs, folder.resolve(), limits))
        pairs = [
            _pair(submission, record, Path(job.folder), reasons)
            for record, job in zip(drawn, jobs, strict=False)
        ]
        costs = [_cost(job, reasons) for job in jobs if job.cost]
    return pairs, costs


def _threads(record: Record) -> int:
    """As many as it was trained with, where this machine has them; sums depend on that."""
    return max(1, min(record.provenance.threads, os.cpu_count() or 1))


def _order(jobs: list[Job], folder: Path, limits: Limits) -> Order:
    files = {parse_spec(job.trial.task).name for job in jobs}
    tasks = {str(Path(n.rpartition(":")[0]).resolve().parent) for n in files if is_file_spec(n)}
    needed = [*readable(sorted(tasks)), Path(jobs[0].folder)]
    if inside := [place for place in needed if folder.is_relative_to(place)]:
        refuse(f"the submission lies in {inside[0]}, which trainings read; move it elsewhere")
    # The board around it, or as much of that as holds nothing that is needed.
    around = [folder.parent.parent, folder.parent, folder]
    hidden = next(a for a in around if not any(place.is_relative_to(a) for place in needed))
    temporary = Path(tempfile.gettempdir()).resolve()
    beside = folder.parent
    exposed = beside.is_relative_to(temporary) and not beside.is_relative_to(hidden)
    return Order(
        jobs=jobs,
        workers=max(limits.workers, 1),
        seconds=limits.seconds,
        memory=limits.memory,
        submission=str(folder),
        hidden=str(hidden),
        tasks=sorted(tasks),
        leave=[] if exposed else [str(temporary)],
    )


def _carry_out(order: Order) -> dict[str, str]:
    """Why each job left no result, by its folder; empty where it did."""
    rounds = math.ceil(len(order.jobs) / order.workers) + len(order.jobs)
    kept = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"OMP_NUM_THREADS": "1", "WEIGHTBENCH_DATA": str(data_folder().resolve())}
    with tempfile.TemporaryDirectory(prefix="weightbench-") as empty:
        # Its folder is where Python looks for modules first, so nothing may lie there.
        try:
            done = subprocess.run(
                [sys.executable, "-m", "weightbench.submission.apart"],
                input=order.model_dump_json(), cwd=empty, env=environment, text=True,
                errors="replace", capture_output=True, check=False,
                timeout=_START + rounds * order.seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            refuse("trials could not be trained again: something they left running does not end")
    ended = [Ended.model_validate_json(line) for line in done.stdout.splitlines()]
    if len(ended) < len(order.jobs):
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        refuse(f"trials could not be trained again: {said[-1]}")
    return {one.folder: one.reason for one in ended}


def _pair(submission: Submission, record: Record, folder: Path, reasons: dict[str, str]) -> Pair:
    where = f"{record.trial.task}, seed {record.trial.seed}"
    if reasons[str(folder)]:
        refuse(f"{where} could not be trained again: {reasons[str(folder)]}")
    again = _record(folder)
    if again.training is None or record.training is None:
        refuse(f"{where} could not be trained again: {again.reason}")
    if again.trial != record.trial:
        refuse(f"{where} could not be trained again: its result is of another trial")
    return Pair(
        record, record.training, submission.predictions[record.trial.key],
        again.training, _predictions(folder, again.training), gap_of(record.trial.task),
    )  # fmt: skip


def _record(folder: Path) -> Record:
    try:
        return read_record(content_of(folder / RESULT, LIMITS["records.json"]))
    except RecordError as error:
        refuse(f"what came out of a trial that was trained again is no record: {error}")


def _predictions(folder: Path, training: Training) -> Predictions:
    content = content_of(folder / PREDICTIONS, LIMITS["predictions.npz"])
    examples = training.sizes["test"]
    return dict(arrays_of(content, {"last": examples, "selected": examples}))


def _cost(job: Job, reasons: dict[str, str]) -> Cost:
    task = job.trial.task
    if reasons[job.folder]:
        refuse(f"{task}: what a step costs could not be measured: {reasons[job.folder]}")
    try:
        cost = read_cost(content_of(Path(job.folder, RESULT), LIMITS["manifest.json"]))
    except RecordError as error:
        refuse(f"{task}: what a step costs could not be measured: {error}")
    if cost.trial != job.trial:
        refuse(f"{task}: what a step costs could not be measured: the cost of another trial")
    return cost
