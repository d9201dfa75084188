"""t intervals and tests, beside scipy's; and that they hold what they promise."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from tests import generated
from tests.generated import cost, digest, record
from weightbench.records.measures import tallies
from weightbench.records.schema import Record
from weightbench.scoring import Anchor, board
from weightbench.scoring.costs import cost_ratios
from weightbench.scoring.inference import Estimate, holm, of_sample
from weightbench.scoring.results import Sample, samples
from weightbench.scoring.standing import duels

Vector = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Vector]

numbers = st.lists(st.integers(-500, 500).map(lambda n: n / 1000), min_size=2, max_size=12)


@settings(max_examples=60, deadline=None)
@given(numbers)
def test_one_task_is_scipys_t_test(values: list[float]) -> None:
    found, array = Estimate.of(np.array(values)), np.array(values)
    if array.std() < 1e-9:
        return
    theirs = stats.ttest_1samp(array, 0)
    low, high = theirs.confidence_interval()
    assert found.interval().mean == pytest.approx(array.mean())
    assert (found.interval().low, found.interval().high) == pytest.approx((low, high))
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.interval().excludes_zero == (found.p < 0.05)


@settings(max_examples=60, deadline=None)
@given(numbers, numbers)
def test_two_tasks_have_welchs_degrees_of_freedom(one: list[float], other: list[float]) -> None:
    """The mean of a and -b is half of a difference of means, as Welch tests it."""
    a, b = np.array(one), np.array(other)
    if min(a.std(), b.std()) < 1e-9:  # which scipy warns of
        return
    found = Estimate.over([Estimate.of(a), Estimate.of(-b)])
    theirs = stats.ttest_ind(a, b, equal_var=False)
    assert found.p == pytest.approx(theirs.pvalue, abs=1e-9)
    assert found.freedom == pytest.approx(theirs.df)
    interval = theirs.confidence_interval()
    assert found.interval().low == pytest.approx(interval.low / 2)
    assert found.interval().high == pytest.approx(interval.high / 2)


def test_another_unit_changes_nothing_else() -> None:
    values = np.array([0.1, 0.2, 0.4])
    scaled, plain = Estimate.of(values).less(0.1).times(-5), Estimate.of((values - 0.1) * -5)
    assert scaled.interval().low == pytest.approx(plain.interval().low)
    assert scaled.interval().high == pytest.approx(plain.interval().high)
    assert scaled.p == pytest.approx(plain.p)
    assert scaled.freedom == pytest.approx(2)


def test_of_a_single_seed_nothing_is_known() -> None:
    alone = Estimate.of(np.array([0.7]))
    whole = Estimate.over([alone, Estimate.of(np.array([0.6, 0.7, 0.8]))])
    for estimate, mean in ((alone, 0.7), (whole, 0.7)):
        interval = estimate.interval()
        assert interval.mean == pytest.approx(mean)
        assert (interval.low, interval.high) == (-np.inf, np.inf)
        assert not interval.is_known
        assert not interval.excludes_zero
        assert estimate.p == 1
        assert estimate.seeds_for(0.1, 1) is None


def test_scores_that_happen_to_be_equal_are_known_to_a_test_row_and_no_better() -> None:
    """Three times one row of 300 more is not certain to be better."""
    assert Estimate.of(np.full(3, 1 / 300)).p == 0
    assert Estimate.of(np.full(3, 1 / 300), grain=np.sqrt(2) / 300).p > 0.04
    assert Estimate.of(np.full(6, 20 / 300), grain=np.sqrt(2) / 300).p < 1e-6
    assert Estimate.of(np.zeros(6), grain=0.0).p == 1
    uneven = np.array([0.1, 0.2, 0.4])
    assert Estimate.of(uneven, grain=0.002) == Estimate.of(uneven)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 20), st.integers(1, 5), st.floats(0.01, 0.3))
def test_the_seeds_asked_for_are_enough_and_hardly_more(
    seeds: int, tasks: int, width: float
) -> None:
    """Of so many, deviating as those did, the interval has the width; of fewer it has not."""
    rng = np.random.default_rng(seeds * 31 + tasks)
    parts = [Estimate.of(rng.normal(0, 0.1, seeds)) for _ in range(tasks)]
    found = Estimate.over(parts)
    needed = found.seeds_for(width, seeds)
    if needed is None:
        return

    def half(n: int) -> float:
        freedom = (n - 1) * max(found.freedom / (seeds - 1), 1.0)
        return float(stats.t.ppf(0.975, freedom) * np.sqrt(found.variance * seeds / n))

    assert half(needed) <= width * (1 + 1e-9)
    assert needed == 2 or half(int(needed / 1.06) if needed > 100 else needed - 1) > width


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_step_by_step(p_values: list[float]) -> None:
    """Sorted, each is multiplied by how many are not yet passed, and is never below the last."""
    adjusted = holm(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    least = 0.0
    for passed, i in enumerate(order):
        least = max(least, min(1.0, p_values[i] * (len(p_values) - passed)))
        assert adjusted[i] == least
    assert all(a >= p for a, p in itertools.zip_longest(adjusted, p_values))


# ---- what they promise, by simulation ------------------------------------------------------------


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Vector:
    return rng.normal(0, 1, shape)


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> Vector:
    """Gamma numbers of skewness 1, the long tail below, as accuracies have it; of mean 0."""
    return 4 - rng.gamma(4, 1, shape)


SETTINGS = list(itertools.product((3, 6, 10), (1, 3, 4)))
BOUNDS: dict[Draw, tuple[float, float]] = {normal: (0.93, 0.97), skewed: (0.91, 0.97)}


def coverage(draw: Draw, seeds: int, tasks: int, times: int = 4000) -> float:
    """How often the interval of a mean over tasks of unlike spread holds the truth, 0."""
    rng = np.random.default_rng([seeds, tasks])
    scales = np.linspace(0.5, 1.5, tasks)
    drawn = draw(rng, (times, tasks, seeds)) * scales[:, None]
    hits = 0
    for one in drawn:
        interval = Estimate.over([Estimate.of(values) for values in one]).interval()
        hits += interval.low <= 0 <= interval.high
    return hits / times


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "tasks"), SETTINGS)
@pytest.mark.parametrize("draw", [normal, skewed], ids=["normal", "skewed"])
def test_of_means_95_in_100_intervals_hold_the_truth(draw: Draw, seeds: int, tasks: int) -> None:
    """Of accuracies, skills, other metrics (a task), and of skill over tasks."""
    low, high = BOUNDS[draw]
    assert low <= coverage(draw, seeds, tasks) <= high


def paired(draw: Draw) -> Draw:
    """Differences of two weighters that share what a seed brings; each has its own part."""
    return lambda rng, shape: draw(rng, shape) - 0.5 * draw(rng, shape)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "tasks"), SETTINGS)
@pytest.mark.parametrize("draw", [normal, skewed], ids=["normal", "skewed"])
def test_of_differences_95_in_100_intervals_hold_the_truth(
    draw: Draw, seeds: int, tasks: int
) -> None:
    """Of comparisons on a task and over all, of gains over plain training, and of duels."""
    low, high = BOUNDS[draw]
    assert low <= coverage(paired(draw), seeds, tasks) <= high


def group_sample(rng: np.random.Generator, seeds: int) -> Sample:
    """A weighter on two groups, both tested on the same rows by every seed; the worst is at .7."""
    rows = np.array([100, 400])
    luck = rng.normal(0, 0.02, (seeds, 1))
    drawn = rng.binomial(rows, [0.7, 0.9]) / rows  # these rows are harder or easier for all
    made: list[Record] = []
    for seed in range(seeds):
        right = np.clip(np.round(rows * (drawn + luck[seed])), 0, rows).astype(int)
        groups, labels = np.repeat([0, 1], rows), np.zeros(rows.sum(), int)
        correct = np.concatenate([np.arange(n) < k for n, k in zip(rows, right, strict=True)])
        found = generated.scores(
            tallies((labels, groups), (labels, groups), correct),
            metric="worst_group_recall",
        )
        made.append(record("a-v0", "good", seed, 0.8, scores=found))
    return samples(made, {"a-v0": 0.5}, "worst_group_recall")["a-v0", "good"]


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 6, 10])
def test_of_worst_groups_95_in_100_intervals_hold_the_truth(seeds: int) -> None:
    """Over test rows too, which all seeds share."""
    rng = np.random.default_rng(seeds)
    intervals = [of_sample(group_sample(rng, seeds)).interval() for _ in range(700)]
    assert 0.93 <= np.mean([i.low <= 0.7 <= i.high for i in intervals]) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 3, 4])
def test_of_times_95_in_100_intervals_hold_the_truth(tasks: int) -> None:
    """A probe takes the median of 15 pairs and keeps their quartiles."""
    rng = np.random.default_rng(tasks)
    names = [f"t{i}-v0" for i in range(tasks)]
    trained = [record(task, w, 0, 0.7) for task in names for w in ("uniform", "good")]
    hits, times = 0, 1500
    for _ in range(times):
        pairs = 2 * np.exp(rng.normal(0, 0.05, (tasks, 15)))
        quartiles = np.percentile(pairs, [25, 50, 75], axis=1, method="weibull").T
        costs = [
            cost(task, "good", middle, time_low=low, time_high=high)
            for task, (low, middle, high) in zip(names, quartiles, strict=True)
        ]
        found = cost_ratios(costs, trained, names)["good"]
        hits += found.time_low <= 2 <= found.time_high
    assert 0.93 <= hits / times <= 0.97


def told_apart(scores: Vector, tasks: Sequence[str]) -> int:
    """How many pairs of weighters a board tells apart; ``scores`` are (weighters, tasks, seeds)."""
    anchors = {
        t: Anchor(fingerprint=digest(t), lower=0.5, upper=0.9, chance=0.1, seeds=8, error=0.0)
        for t in tasks
    }
    seeds = np.arange(scores.shape[2])
    by_name = {
        (task, f"w{i}"): Sample(
            (), seeds, scores[i, j], np.zeros(len(seeds), bool), scores[i, j], "nll"
        )
        for i in range(len(scores))
        for j, task in enumerate(tasks)
    }
    return sum(
        duel.is_told for duel in duels([f"w{i}" for i in range(len(scores))], by_name, anchors)
    )


@pytest.mark.slow
@pytest.mark.parametrize("draw", [normal, skewed], ids=["normal", "skewed"])
@pytest.mark.parametrize(("seeds", "tasks"), [(3, 1), (6, 3), (10, 4)])
def test_equals_share_their_places_in_95_of_100_boards(draw: Draw, seeds: int, tasks: int) -> None:
    """Five weighters, ten pairs: that any pair is told apart is an error."""
    rng = np.random.default_rng([seeds, tasks])
    names, times = [f"t{i}-v0" for i in range(tasks)], 400
    shared = draw(rng, (times, 1, tasks, seeds))
    drawn = 0.7 + 0.02 * (shared + 0.5 * draw(rng, (times, 5, tasks, seeds)))
    errors = np.mean([told_apart(one, names) > 0 for one in drawn])
    assert errors <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / times)


def sign_flips(differences: Vector) -> float:
    """Two-sided p of the test on signs: every pattern counted, or 8,000 of more than 4,096."""
    if len(differences) <= 12:
        signs = np.array(list(itertools.product((-1, 1), repeat=len(differences))))
    else:
        signs = np.random.default_rng(0).choice([-1, 1], (8000, len(differences)))
    return float(np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12))


@pytest.mark.parametrize(("seeds", "tasks"), [(6, 1), (10, 1), (6, 2), (6, 4)])
def test_no_less_is_found_than_by_exact_tests_on_signs(seeds: int, tasks: int) -> None:
    rng = np.random.default_rng([seeds, tasks])
    drawn = rng.normal(0.9, 1, (150, tasks, seeds))
    ours = np.mean([Estimate.over([Estimate.of(v) for v in one]).p < 0.05 for one in drawn])
    theirs = np.mean([sign_flips(one.ravel()) < 0.05 for one in drawn])
    assert ours >= theirs - 0.02


@pytest.mark.parametrize("seeds", [6, 12])
def test_bars_that_do_not_touch_are_told_apart_or_it_is_said_why(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    made = [
        record("a-v0", f"w{i:02}", seed, float(accuracy))
        for i in range(16)
        for seed, accuracy in enumerate(np.clip(rng.normal(0.6 + 0.02 * i, 0.03, seeds), 0, 1))
    ]
    anchor = Anchor(
        fingerprint=digest("a-v0"), lower=0.5, upper=0.9, chance=0.1, seeds=8, error=0.0
    )
    scored = board(made, frozen={"a-v0": anchor})
    bars = {row.weighter: row.skill for row in scored.rows}
    open_ = []
    for duel in scored.duels:
        one, other = bars[duel.one], bars[duel.other]
        assert one is not None
        assert other is not None
        apart = one.low > other.high or other.low > one.high or duel.difference.excludes_zero
        open_ += [duel] if apart and not duel.is_told else []
    said = [note for note in scored.notes if note.startswith("not told apart: ")]
    assert bool(said) == bool(open_)
    assert all(f"{len(open_)} pairs" in note or len(open_) == 1 for note in said)
