"""The grid: what is asked for, what is there already, and running the rest into the store."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from weightbench.errors import DataUnavailable, ExecutorError, StoreError, WeightbenchError
from weightbench.execution import Executor, Local, Lost
from weightbench.records.loading import Damage
from weightbench.records.schema import Cost, Record, Status, Trial
from weightbench.records.store import Store
from weightbench.registry import LOWER_ANCHOR, UPPER_ANCHOR

R = TypeVar("R")


@dataclasses.dataclass(frozen=True)
class Grid:
    """Every trial of an evaluation, and those still to be run.

    Attributes:
        trials: all of them.
        missing: those without a final record.
        damaged: files of the store that were set aside.
        newer: files that a newer version of weightbench wrote, which are left where they are.
    """

    trials: tuple[Trial, ...]
    missing: tuple[Trial, ...]
    damaged: tuple[Damage, ...]
    newer: tuple[Damage, ...] = ()

    @property
    def tasks(self) -> list[str]:
        """The tasks in the order they were asked for."""
        return list(dict.fromkeys(trial.task for trial in self.trials))


def plan_grid(
    tasks: Sequence[str], weighters: Sequence[str], seeds: int, device: str, store: Store
) -> Grid:
    """Every weighter, and the two anchors, on every task over ``seeds`` seeds.

    Raises:
        BadSpec: a task or weighter cannot be read or does not exist.
        StoreError: the store cannot be written, is none, or a newer version of weightbench has
            written a record of one of these trials.
    """
    from weightbench.evaluation.trial import plan

    anchored = [
        LOWER_ANCHOR,
        *(w for w in weighters if w not in (LOWER_ANCHOR, UPPER_ANCHOR)),
        UPPER_ANCHOR,
    ]
    every = plan(dict.fromkeys(tasks), anchored, range(seeds), device)
    planned = {trial.key: trial for trial in every}
    store.create()
    found = store.audit(planned)  # of a large folder, reading all that lies there takes a while
    newer = tuple(damage for damage in found if damage.newer)
    _refuse_newer(planned, newer)
    damaged = tuple(damage for damage in found if not damage.newer)
    for damage in damaged:
        store.set_aside(damage)
    records, _ = store.records()
    stands = {record.trial.key for record in records if record.is_final}
    missing = tuple(trial for key, trial in planned.items() if key not in stands)
    return Grid(tuple(planned.values()), missing, damaged, newer)


def _refuse_newer(planned: Container[str], newer: Sequence[Damage]) -> None:
    """Refuse to run what a newer version has run: its records would be written over."""
    taken = [d for d in newer if d.path.parent.name == "records" and d.path.stem in planned]
    if taken:
        raise StoreError(
            f"{len(taken)} of these trials have a record by a newer version of weightbench, which "
            f"is left where it is ({taken[0].path}): upgrade, or give another --out"
        )


def load_data(grid: Grid) -> None:
    """Read the data set of every task that has a trial to run, before any of them does.

    What is missing is then downloaded once and said once, not by every trial. Any other mistake is
    left to the trials, which make rows of it.

    Raises:
        DataUnavailable: a data set cannot be had.
    """
    from weightbench.training.task import make_task

    sources = dict.fromkeys(make_task(trial.task).dataset for trial in grid.missing)
    for source in sources:
        try:
            if callable(source):
                source()
        except DataUnavailable:
            raise
        except Exception:
            continue


def run_grid(grid: Grid, store: Store, executor: Executor) -> Iterator[Record]:
    """Run the missing trials; each record is in the store before it is yielded.

    Plug-ins that do not come with weightbench are checked first, on this machine; the trials of one
    that breaks a rule are skipped, and say which.

    Args:
        grid: what is asked for.
        store: where records go.
        executor: where trials run.

    Raises:
        StoreError: the disk refuses.
        ExecutorError: the executor cannot run trials.
    """
    from weightbench.check.isolated import not_built_in
    from weightbench.evaluation.trial import failed, run_trial

    refused = _refused(grid, executor)
    trials = []
    for trial in grid.missing:
        reason = refused.get(trial.task) or refused.get(trial.weighter)
        if reason is None:
            trials.append(trial)
            continue
        outcome = failed(trial, "skipped", reason)
        store.put(outcome.record)
        yield outcome.record
    folder = store.root.resolve() if executor.shares_disk else None
    work = functools.partial(run_trial, unfinished=Store(folder).unfinished if folder else None)
    fresh = bool(not_built_in(trials))  # plug-ins of others share no process
    for _, outcome in _finished(executor, trials, work, failed, fresh, folder):
        store.put(outcome.record, outcome.predictions, outcome.weights, outcome.rows)
        yield outcome.record


def _finished(
    executor: Executor,
    trials: Sequence[Trial],
    work: Callable[[Trial], R],
    lost: Lost[Trial, R],
    fresh: bool = False,
    shared: Path | None = None,
) -> Iterator[tuple[Trial, R]]:
    """Trials as they finish; where they run elsewhere, with the files that they need."""
    if executor.is_remote:
        from weightbench.evaluation.remote_files import RemoteFiles, with_files

        files = RemoteFiles.of(trials, shared)
        work = functools.partial(with_files, work=work, lost=lost, files=files)
    return executor.run(trials, work, lost, fresh=fresh)


def _refused(grid: Grid, executor: Executor) -> dict[str, str]:
    """Why each plug-in that breaks a rule is not run, by its spec."""
    from weightbench.check.isolated import SECONDS, check_isolated, not_built_in

    limits = executor.limits
    limits = dataclasses.replace(limits, seconds=max(SECONDS, limits.seconds))
    checked = check_isolated(not_built_in(grid.missing), Local(limits, preload=executor.preload))
    return {
        spec: f"{findings[0]} (weightbench check {spec} says more)"
        for spec, findings in checked
        if findings
    }


def missing_costs(grid: Grid, store: Store) -> list[Trial]:
    """One trial for each (task, weighter) that was run without failure and not yet probed."""
    records, _ = store.records()
    costs, damaged = store.costs()
    known = {cost.trial.key for cost in costs} | {d.path.stem for d in damaged if d.newer}
    fine = {(r.trial.task, r.trial.weighter) for r in records if r.status == "ok"}
    firsts: dict[tuple[str, str], Trial] = {}
    for trial in grid.trials:
        name = (trial.task, trial.weighter)
        if name in fine and name not in firsts:
            firsts[name] = trial.model_copy(update={"seed": 0})
    return [trial for trial in firsts.values() if trial.key not in known]


def run_probes(trials: Sequence[Trial], store: Store, executor: Executor) -> Iterator[Trial | str]:
    """Probe one after another, nothing else running; yields the trial, or why it has no cost.

    Raises:
        StoreError: the disk refuses.
    """
    if not trials:
        return
    try:
        with executor.alone() as machine:
            yield from _kept(_finished(machine, trials, probe_trial, _no_cost), store)
    except ExecutorError as error:
        yield f"costs were not measured: {error}"


def _kept(finished: Iterator[tuple[Trial, Cost | str]], store: Store) -> Iterator[Trial | str]:
    for trial, cost in finished:
        if isinstance(cost, Cost):
            store.put_cost(cost)
            yield trial
        else:
            yield f"no cost of {trial.weighter} on {trial.task}: {cost}"


def probe_trial(trial: Trial) -> Cost | str:
    """The cost of a trial's weighter beside the lower anchor, or why there is none."""
    from weightbench.evaluation.cost import probe

    try:
        return probe(trial, LOWER_ANCHOR)
    except (WeightbenchError, RuntimeError, StopIteration) as error:
        return f"{type(error).__name__}: {error}"


def _no_cost(trial: Trial, status: Status, reason: str) -> Cost | str:
    return f"{status}: {reason}"
