"""The grid: what is missing runs, what is there stays, what is damaged runs again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shell import TINY, broken
from weightbench.errors import BadSpec, StoreError
from weightbench.evaluation.grid import (
    Grid,
    missing_costs,
    plan_grid,
    run_grid,
    run_probes,
)
from weightbench.execution import Limits, Local
from weightbench.records.schema import Record
from weightbench.records.store import Store

HERE = Local(Limits(workers=0, seconds=60, memory=2**33))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def plan(store: Store, *weighters: str, seeds: int = 2) -> Grid:
    return plan_grid([TINY], weighters, seeds, "cpu", store)


def run(grid: Grid, store: Store) -> list[Record]:
    return list(run_grid(grid, store, HERE))


def test_anchors_always_run_and_nothing_runs_twice(store: Store) -> None:
    grid = plan(store, "random", "random", "uniform")
    assert [(t.weighter, t.seed) for t in grid.trials] == [
        (weighter, seed) for weighter in ("uniform", "random", "oracle") for seed in (0, 1)
    ]
    assert grid.missing == grid.trials
    assert len(run(grid, store)) == 6
    assert plan(store, "random").missing == ()


def test_a_record_is_in_the_store_before_it_is_told(store: Store) -> None:
    grid = plan(store, seeds=1)
    told = 0
    for told, record in enumerate(run_grid(grid, store, HERE), start=1):
        kept, _ = store.records()
        assert record in kept
        assert len(kept) == told
    assert told == len(grid.trials) > 0


def test_only_what_is_missing_runs(store: Store) -> None:
    run(plan(store, "random"), store)
    more = plan(store, "random", "proportion", seeds=3)
    assert [(t.weighter, t.seed) for t in more.missing] == [
        ("uniform", 2), ("random", 2),
        ("proportion", 0), ("proportion", 1), ("proportion", 2),
        ("oracle", 2),
    ]  # fmt: skip


def test_failures_that_another_try_may_mend_are_tried_again(store: Store) -> None:
    run(plan(store, broken("Raises"), broken("Diverges"), seeds=1), store)
    missing = plan(store, broken("Raises"), broken("Diverges"), seeds=1).missing
    assert [trial.weighter for trial in missing] == [broken("Raises")]


def test_a_changed_source_is_another_trial(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    text = "import weightbench as wb\nfrom weightbench.methods.uniform import Uniform as Mine\n"
    source.write_text(text + "class Own(Mine): pass\n")
    spec = f"{source}:Own"
    run(plan(store, spec, seeds=1), store)
    source.write_text(text + "class Own(Mine): negative = True\n")
    from weightbench.registry import _run_file

    _run_file.cache_clear()
    assert [trial.weighter for trial in plan(store, spec, seeds=1).missing] == [spec]


@pytest.mark.parametrize("folder", ["records", "predictions"])
def test_what_is_damaged_is_set_aside_and_runs_again(store: Store, folder: str) -> None:
    before = {r.trial.key: r.training for r in run(plan(store), store)}
    victim = sorted((store.root / folder).iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:100])
    grid = plan(store)
    assert [trial.key for trial in grid.missing] == [victim.stem]
    assert len(grid.damaged) == 1
    run(grid, store)
    after, damaged = store.records()
    assert damaged == []
    assert {r.trial.key for r in after} == set(before)
    accuracy = {r.trial.key: r.training.accuracy for r in after if r.training}
    assert accuracy == {key: training.accuracy for key, training in before.items() if training}
    assert any((store.root / "damaged").iterdir())


def test_costs_are_probed_once_for_what_ran(store: Store) -> None:
    grid = plan(store, broken("Raises"), seeds=1)
    run(grid, store)
    probes = missing_costs(grid, store)
    assert [trial.weighter for trial in probes] == ["uniform", "oracle"]
    assert list(run_probes(probes, store, HERE)) == probes
    assert missing_costs(grid, store) == []
    (store.root / "costs" / f"{probes[0].key}.json").write_text("{}")
    assert len(plan(store, broken("Raises"), seeds=1).damaged) == 1
    assert missing_costs(grid, store) == probes[:1]


@pytest.mark.parametrize(
    ("task", "weighter", "says"),
    [
        (TINY, "unifrom", "Did you mean uniform"),
        (TINY, "uniform[x=1]", "no parameter 'x'"),
        (TINY, "nowhere.py:Mine", "there is no file"),
        (TINY, broken("Missing"), "defines no 'Missing'"),
        (TINY, broken("CannotBeMade"), "cannot be built: ValueError: no such luck"),
        (TINY, "uniform+fft", "Did you mean ft?"),
        ("digits-uniform-flip-v7", "uniform", "Its versions are: digits-uniform-flip-v0"),
        (f"{TINY}[noise=2]", "uniform", "noise"),
        (f"{TINY}[nois=0.2]", "uniform", "Did you mean noise"),
    ],
)
def test_what_cannot_be_found_is_said_before_anything_runs(
    store: Store, task: str, weighter: str, says: str
) -> None:
    with pytest.raises(BadSpec) as caught:
        plan_grid([task], [weighter], 1, "cpu", store)
    assert says in str(caught.value)
    assert not store.root.exists()


def test_a_store_that_cannot_be_written_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write"):
        plan(Store(tmp_path / "file" / "runs"))
