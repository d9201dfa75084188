"""A task as a Gymnasium environment: the same training, seen and paid as the class says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import nn

import weightbench as wb
from tests.shell import TINY
from weightbench.errors import BadSpec, BadWeights, Diverged, Misuse
from weightbench.gymnasium import WeightingEnv
from weightbench.registry import TASKS

EMBEDDED = (
    "digits-background-flip-v0", "digits-uniform-flip-v0", "digits-pair-flip-v0",
    "digits-noisy-tail-v0",
)  # fmt: skip
Policy = Any  # of an observation, the action


def ones(seen: dict[str, Any]) -> NDArray[np.float32]:
    return np.ones(len(seen["loss"]), np.float32)


def doubting(seen: dict[str, Any]) -> NDArray[np.float32]:
    return np.where(seen["margin"] > 0, 1, 0.3).astype(np.float32)


def steps_of(env: gymnasium.Env[Any, Any], policy: Policy, seed: int = 0) -> Iterator[Any]:
    """(observation, reward, info) of an episode, from what ``reset`` gave on."""
    seen, info = env.reset(seed=seed)
    yield seen, 0.0, info
    over = False
    while not over:
        seen, reward, over, truncated, info = env.step(policy(seen))
        assert not truncated
        yield seen, reward, info


def assert_same(one: gymnasium.Env[Any, Any], other: gymnasium.Env[Any, Any]) -> None:
    """What is seen and paid in an episode."""
    pairs = zip(steps_of(one, doubting), steps_of(other, doubting), strict=True)
    for (seen, paid, _), (also_seen, also_paid, _) in pairs:
        assert paid == also_paid
        for name, values in seen.items():
            np.testing.assert_array_equal(values, also_seen[name])


def model_of(env: WeightingEnv) -> nn.Module:
    assert env._episode is not None
    return env._episode._run.model


# ---- Gymnasium's side ----------------------------------------------------------------------------


def test_every_task_that_is_known_by_name_is_registered() -> None:
    registered = {name for name in gymnasium.registry if name.startswith("weightbench/")}
    assert registered >= {f"weightbench/{name}" for name in TASKS.names() if TASKS.built_in(name)}


@pytest.mark.parametrize("name", EMBEDDED)
def test_gymnasium_finds_no_fault(name: str) -> None:
    """Its warnings are errors here."""
    check_env(gymnasium.make(f"weightbench/{name}", steps=4).unwrapped)


def test_an_environment_comes_back_from_its_spec_as_text() -> None:
    env = gymnasium.make("weightbench/digits-background-flip-v0", noise=0.2, steps=3)
    assert env.spec is not None
    assert_same(env, gymnasium.make(EnvSpec.from_json(env.spec.to_json())))


def test_several_at_once() -> None:
    envs = gymnasium.make_vec("weightbench/digits49-imbalance-v0", 2, steps=3)
    seen, info = envs.reset(seed=3)
    assert seen["loss"].shape == (2, 100)
    for _ in range(3):
        seen, _, over, _, info = envs.step(np.ones((2, 100), np.float32))
    assert over.all()
    assert list(info["seed"]) == [3, 4]
    assert info["score"].shape == (2,)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_prefix_of_an_id_imports_the_module() -> None:
    done = python(
        "import gymnasium as g; e = g.make('weightbench.gymnasium:weightbench/"
        "digits-background-flip-v0', noise=0.2); print(e.reset(seed=3)[1]['seed'])"
    )
    assert done.stdout == "3\n", done.stderr


def test_without_the_extra_it_says_what_to_install() -> None:
    done = python("import sys; sys.modules['gymnasium'] = None; import weightbench.gymnasium")
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: weightbench.gymnasium needs the extra gymnasium: "
        "pip install 'weightbench[gymnasium]'"
    )


def test_nothing_else_loads_gymnasium() -> None:
    done = python(
        "import sys, weightbench, weightbench.cli; dir(weightbench); "
        "print({'gymnasium', 'torch'} & {*sys.modules} or 'neither')"
    )
    assert done.stdout == "neither\n"


@pytest.mark.parametrize("wrong", [{"nose": 0.2}, {"noise": "much"}])
def test_parameters_that_a_task_has_not_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadSpec):
        gymnasium.make("weightbench/digits-background-flip-v0", **wrong)


# ---- the training --------------------------------------------------------------------------------


def task_file(folder: Path, code: str) -> str:
    """A variant of the tiny task in a file: what names its random streams is no folder."""
    folder.mkdir(exist_ok=True)
    (folder / "task.py").write_text(
        "import dataclasses\nimport numpy as np\nfrom torch import nn\nimport weightbench as wb\n"
        f"tiny = wb.make_task({TINY!r})\n{code}"
    )
    return f"{folder / 'task.py'}:TASK"


@pytest.fixture
def dropout(tmp_path: Path) -> str:
    """A task whose network draws in every step, and has running statistics."""
    return task_file(
        tmp_path,
        "network = lambda data: nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), "
        "nn.Dropout(0.5), nn.Linear(16, 3))\nTASK = dataclasses.replace(tiny, model=network)",
    )


@pytest.mark.parametrize("task", [TINY, *(f"{name}[steps=12]" for name in EMBEDDED)])
@pytest.mark.parametrize("seed", [0, 3])
def test_ones_are_plain_training_bit_for_bit(task: str, seed: int) -> None:
    assert_plain(task, seed)


def test_ones_are_plain_training_where_the_network_draws(dropout: str) -> None:
    assert_plain(dropout, 0)


def assert_plain(task: str, seed: int) -> None:
    env = WeightingEnv(task)
    *_, (_, _, info) = steps_of(env, ones, seed)
    run = wb.start(wb.make_task(task), seed, weighter=wb.make_weighter("uniform"))
    plain = run.train().state_dict()
    assert info["score"] == run.score()
    for name, value in model_of(env).state_dict().items():
        assert torch.equal(value, plain[name]), name


def test_batches_are_those_of_the_loop_by_hand() -> None:
    run = wb.start(wb.make_task(TINY), seed=5)
    for batch, (seen, _, info) in zip(run, steps_of(WeightingEnv(TINY), doubting, 5), strict=False):
        logits = batch.logits.detach()
        agrees = logits.argmax(1) == batch.labels
        np.testing.assert_array_equal(seen["label"], batch.labels)
        np.testing.assert_array_equal(seen["loss"], batch.losses.detach())
        np.testing.assert_array_equal(seen["margin"] > 0, agrees)
        assert seen["progress"] == [batch.progress]
        assert seen["present"].all()
        assert info["step"] == batch.step
        run.step(wb.normalize(torch.where(agrees, 1.0, 0.3)))


def test_a_margin_is_the_given_labels_lead() -> None:
    seen, _ = WeightingEnv(TINY).reset(seed=1)
    batch = next(iter(wb.start(wb.make_task(TINY), seed=1)))
    logits, labels = batch.logits.tolist(), batch.labels.tolist()
    leads = [row.pop(label) - max(row) for row, label in zip(logits, labels, strict=True)]
    np.testing.assert_allclose(seen["margin"], leads, atol=1e-6)


def test_rewards_add_up_to_the_fall_of_the_clean_loss(dropout: str) -> None:
    env = WeightingEnv(dropout)
    (_, _, first), *rest = steps_of(env, doubting)
    inputs, labels = wb.start(wb.make_task(dropout), 0).holdout
    with torch.no_grad():
        last = float(F.cross_entropy(model_of(env).eval()(inputs), labels))
    assert rest[-1][2]["clean_loss"] == pytest.approx(last, abs=1e-6)
    assert sum(paid for _, paid, _ in rest) == pytest.approx(first["clean_loss"] - last, abs=1e-5)


def test_zeros_are_a_step_of_zero() -> None:
    env = WeightingEnv(TINY)
    env.reset(seed=0)
    before = {name: value.clone() for name, value in model_of(env).state_dict().items()}
    _, paid, _, _, info = env.step(np.zeros(32, np.float32))
    assert paid == 0
    assert not info["weights"].any()
    for name, value in model_of(env).state_dict().items():
        assert torch.equal(value, before[name])


@settings(max_examples=20, deadline=None)
@given(action=arrays(np.float32, 32, elements=st.floats(0, 1, width=32)))
def test_any_action_in_the_box_is_taken(action: NDArray[np.float32]) -> None:
    env = WeightingEnv(TINY)
    env.reset(seed=0)
    seen, paid, _, _, info = env.step(action)
    assert seen in env.observation_space
    assert np.isfinite(paid)
    np.testing.assert_array_equal(info["weights"], wb.normalize(torch.from_numpy(action)))


def test_a_training_set_smaller_than_the_batch_is_padded() -> None:
    env = WeightingEnv("digits49-imbalance-v0[steps=3]")
    seen, _ = env.reset(seed=0)
    n = int(seen["present"].sum())
    assert n == len(wb.start(wb.make_task("digits49-imbalance-v0"), 0).labels) < 100
    assert seen["present"][:n].all()
    for name in ("loss", "margin", "label"):
        assert not seen[name][n:].any()
    odd = np.ones(100, np.float32)
    odd[n:] = np.nan
    *_, info = env.step(odd)
    np.testing.assert_array_equal(info["weights"], [np.float32(1 / n)] * n + [0] * (100 - n))


def test_after_the_last_step_there_is_no_batch() -> None:
    env = WeightingEnv(TINY)
    *_, (before, _, unscored), (seen, _, info) = steps_of(env, ones)
    assert "score" not in unscored
    assert (info["step"], seen["progress"]) == (20, [1.0])
    assert not any(seen[name].any() for name in ("loss", "margin", "label", "present"))
    assert seen in env.observation_space
    with pytest.raises(Misuse, match="reset\\(\\) starts another"):
        env.step(ones(before))


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (np.ones(31), r"shape \(31,\); expected \(32,\)"),
        (np.ones((32, 1)), r"shape \(32, 1\); expected \(32,\)"),
        (np.float32(1), r"shape \(\); expected \(32,\)"),
        (np.r_[np.nan, np.ones(31)], r"1 of 32 weights are not in \[0, 1\] \(nan\)"),
        (np.full(32, np.inf), r"32 of 32 weights are not in \[0, 1\] \(inf\)"),
        (np.r_[-0.5, 2, np.ones(30)], r"2 of 32 weights are not in \[0, 1\] \(-0.5\)"),
    ],
)
def test_a_bad_action_is_refused_and_the_training_stays(action: Any, said: str) -> None:
    env, same = WeightingEnv(TINY), WeightingEnv(TINY)
    env.reset(seed=0)
    with pytest.raises(BadWeights, match=said) as raised:
        env.step(action)
    assert "\n" not in str(raised.value)
    same.reset(seed=0)
    good = np.linspace(0, 1, 32, dtype=np.float32)
    np.testing.assert_array_equal(env.step(good)[0]["loss"], same.step(good)[0]["loss"])


def test_a_training_that_diverges_says_so() -> None:
    env = WeightingEnv(f"{TINY}[lr=1e30]")
    with pytest.raises(Diverged, match=r"the loss is not finite after [12] steps"):
        [*steps_of(env, ones)]
    with pytest.raises(Misuse):
        env.step(np.ones(32))
    env.reset(seed=0)


# ---- randomness, and what stays hidden -----------------------------------------------------------


def test_seeds_that_are_not_given_follow_from_the_last_one() -> None:
    def seeds(first: int) -> list[int]:
        env = WeightingEnv(TINY)
        return [env.reset(seed=first)[1]["seed"], *(env.reset()[1]["seed"] for _ in range(3))]

    assert seeds(1) == seeds(1)
    assert seeds(1)[0] == 1
    assert len({*seeds(1), *seeds(2)}) == 8


def test_options_are_refused() -> None:
    env = WeightingEnv(TINY)
    with pytest.raises(Misuse, match="parameters go to make\\(\\): noise"):
        env.reset(options={"noise": 0.2})


def test_trainings_side_by_side_do_not_meet(dropout: str) -> None:
    alone = [paid for _, paid, _ in steps_of(WeightingEnv(dropout), doubting)]
    before = torch.get_rng_state()
    pair = zip(
        steps_of(WeightingEnv(dropout), doubting),
        steps_of(WeightingEnv(dropout), ones, 1),
        strict=True,
    )
    assert [paid for (_, paid, _), _ in pair] == alone
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("switch", [torch.no_grad, torch.inference_mode])
def test_a_policy_may_switch_graphs_off(switch: Any) -> None:
    expected = [paid for _, paid, _ in steps_of(WeightingEnv(TINY), doubting)]
    with switch():
        assert [paid for _, paid, _ in steps_of(WeightingEnv(TINY), doubting)] == expected


def test_hidden_splits_are_neither_seen_nor_paid(tmp_path: Path) -> None:
    """Garbage in their place changes the score alone."""
    garbled = task_file(
        tmp_path / "garbled",
        "TASK = dataclasses.replace(tiny, name='TASK')\n"
        "hidden, inputs = TASK.split(0), tiny.data.inputs.copy()\n"
        "inputs[np.r_[hidden.test, hidden.select]] *= -1\n"
        "TASK = dataclasses.replace(TASK, dataset=dataclasses.replace(tiny.data, inputs=inputs))",
    )
    honest = task_file(tmp_path / "honest", "TASK = tiny")
    differing = np.not_equal(
        wb.make_task(honest).data.inputs, wb.make_task(garbled).data.inputs
    ).any(1)
    hidden = wb.make_task(honest).split(0)
    assert set(np.flatnonzero(differing)) == {*hidden.test, *hidden.select}
    assert_same(WeightingEnv(honest), WeightingEnv(garbled))
    scores = [
        [*steps_of(WeightingEnv(task), doubting)][-1][2]["score"] for task in (honest, garbled)
    ]
    assert scores[0] != scores[1]
