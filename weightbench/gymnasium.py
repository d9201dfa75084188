"""A task as an environment of reinforcement learning: ``pip install 'weightbench[gymnasium]'``.

Importing this module registers every task that is known by name, so that
``gymnasium.make("weightbench/digits-background-flip-v0")`` finds it; docs/gymnasium.md shows it at
work. An episode is one training, a step one optimiser step: it is the loop of ``wb.start``, with
the weights as actions.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

try:
    import gymnasium
    from gymnasium import spaces
except ModuleNotFoundError as error:
    if error.name != "gymnasium":
        raise
    raise ModuleNotFoundError(
        "weightbench.gymnasium needs the extra gymnasium: pip install 'weightbench[gymnasium]'",
        name=error.name,
    ) from None

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

import weightbench as wb
from weightbench.errors import BadWeights, Diverged, Misuse
from weightbench.registry import TASKS
from weightbench.spec import Value
from weightbench.training.random_streams import global_states, restore_globals

Observation = dict[str, Any]
Action = NDArray[np.floating[Any]]

_LARGEST = float(np.finfo(np.float32).max)


class _Episode:
    """One training, step by step.

    Attributes:
        batch: the one at hand; None after the last step.
        clean_loss: mean cross-entropy on the hold-out.
    """

    def __init__(self, task: wb.Task, seed: int, device: str) -> None:
        with torch.inference_mode(False):
            self._run = wb.start(task, seed, device=device, watchers=())
            self._clean_labels = self._run.holdout[1]
            with self._run.setting.dropout():
                self._streams = global_states(self._run.device)
        with self._as_evaluated():
            self._batches = iter(self._run)
        self._go_on()

    def step(self, weights: NDArray[np.float32]) -> Tensor:
        """Take the step on the batch at hand; the (n,) weights, normalised."""
        with self._as_evaluated():
            normalized = wb.normalize(torch.from_numpy(weights).to(self._run.device))
            self._run.step(normalized)
        self._go_on()
        return normalized

    def _go_on(self) -> None:
        """To the next batch, if there is one."""
        with self._as_evaluated():
            self.batch: wb.Batch | None = next(self._batches, None)
            finite = self.batch is None or bool(self.batch.losses.isfinite().all())
            logits = self._run.predict(on="holdout")
        self.clean_loss = float(F.cross_entropy(logits, self._clean_labels))
        if not (finite and math.isfinite(self.clean_loss)):
            raise Diverged(f"the loss is not finite after {self._run.steps_taken} steps")

    @contextlib.contextmanager
    def _as_evaluated(self) -> Iterator[None]:
        """Torch's global streams are the training's own, and graphs are made, whoever calls."""
        device = self._run.device
        before = global_states(device)
        restore_globals(self._streams, device)
        try:
            with torch.inference_mode(False):
                yield
        finally:
            self._streams = global_states(device)
            restore_globals(before, device)

    @property
    def progress(self) -> float:
        """The share of the schedule that is behind, in [0, 1]."""
        return self._run.progress

    def examples(self) -> dict[str, Tensor]:
        """(n,) ``loss``, ``margin`` and ``label`` of the batch at hand; n is 0 after the last."""
        if self.batch is None:
            nothing = torch.zeros(0)
            return {"loss": nothing, "margin": nothing, "label": nothing.long()}
        logits, labels = self.batch.logits.detach(), self.batch.labels
        given = logits.gather(1, labels[:, None])[:, 0]
        others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
        return {"loss": self.batch.losses.detach(), "margin": given - others, "label": labels}

    def info(self) -> dict[str, Any]:
        """What is told beside observation and reward."""
        info: dict[str, Any] = {
            "seed": self._run.setting.seed,
            "step": self._run.steps_taken,
            "clean_loss": self.clean_loss,
        }
        if self.batch is None:
            with self._as_evaluated():
                info["score"] = self._run.score()
        return info


class WeightingEnv(gymnasium.Env[Observation, Action]):
    """Weigh the examples of every mini-batch of a training.

    With B the task's batch size and K its classes:

    - **Observation**, what a weighter may see of the batch at hand, a dict: ``loss`` (B,) float32,
      cross-entropy; ``margin`` (B,) float32, the logit of the given label minus the largest other
      one, negative where the network disagrees; ``label`` (B,) int64, the label as given;
      ``present`` (B,) int8, 1 for an example and 0 for padding, where all else is 0; ``progress``
      (1,) float64, the share of the schedule that is behind. A training set smaller than B is one
      batch and padded. After the last step there is no batch: all is padding, ``progress`` is 1.
    - **Action** (B,) floating point in [0, 1]: a weight for each example, put through
      ``wb.normalize``, so that ones are plain training bit for bit and zeros a step of zero. What
      stands at padding is ignored.
    - **Reward** the fall of the clean loss in this step: mean cross-entropy on the whole hold-out,
      the network in evaluation mode, nothing augmented. To look moves nothing: no running
      statistics, no random stream. Rewards of an episode sum to its whole fall.
    - **info** ``seed`` of the training, ``step``, the steps taken, ``clean_loss``; after a step
      ``weights`` (B,) float32, normalised, 0 at padding; after the last one ``score``, the test
      accuracy, which neither observations nor rewards depend on.

    ``reset(seed=s)`` starts the training that every weighter has at seed s: the same split, wrong
    labels, initial parameters and batches in the same order. Without a seed the next one is drawn
    from the environment's own stream. The episode terminates with the schedule; there is no
    truncation.
    """

    def __init__(self, task: str, *, device: str = "cpu", **params: Value) -> None:
        """Make the environment of one task.

        Args:
            task: its id, with or without parameters, or ``path.py:NAME``.
            device: ``cpu`` or ``cuda``.
            **params: parameters of the task, ``noise=0.2``.

        Raises:
            BadSpec: there is no such task or parameter.
            DataUnavailable: its data set is not at hand.
        """
        self._task, self._device = wb.make_task(task, **params), device
        size, classes = self._task.recipe.batch_size, self._task.data.num_classes
        self.observation_space = spaces.Dict(
            {
                "loss": spaces.Box(0, _LARGEST, (size,)),
                "margin": spaces.Box(-_LARGEST, _LARGEST, (size,)),
                "label": spaces.MultiDiscrete(np.full(size, classes)),
                "present": spaces.MultiBinary(size),
                "progress": spaces.Box(0, 1, (1,), np.float64),
            }
        )
        self.action_space = spaces.Box(0, 1, (size,))
        self._size = size
        self._episode: _Episode | None = None

    @override
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a training; see the class.

        Raises:
            Misuse: ``options`` are given; there are none.
            Diverged: the first losses are not finite.
        """
        super().reset(seed=seed)
        if options:
            raise Misuse(f"reset() knows no options; parameters go to make(): {', '.join(options)}")
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        self._episode = None  # one training at a time in the memory
        self._episode = episode = _Episode(self._task, seed, self._device)
        return self._observed(episode), episode.info()

    @override
    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take the optimiser step with these weights; see the class.

        Raises:
            BadWeights: the action is not (B,), or not in [0, 1]; the training stays where it is.
            Misuse: there is no training, or it is over.
            Diverged: a loss is no longer finite; ``reset`` starts another training.
        """
        episode = self._episode
        if episode is None or episode.batch is None:
            raise Misuse("this training is over; reset() starts another")
        given = self._weights(action, len(episode.batch))
        before = episode.clean_loss
        self._episode = None  # it is gone where the step fails
        weights = episode.step(given)
        self._episode = episode
        info = {**episode.info(), "weights": self._padded(weights)}
        fall, over = before - episode.clean_loss, episode.batch is None
        return self._observed(episode), fall, over, False, info

    @override
    def close(self) -> None:
        """Let go of the training."""
        self._episode = None

    def _weights(self, action: Action, count: int) -> NDArray[np.float32]:
        """(count,) weights of the batch at hand, checked."""
        given = np.asarray(action, np.float32)
        if given.shape != (self._size,):
            raise BadWeights(
                f"the action has shape {given.shape}; expected {(self._size,)}, a weight for each "
                "example"
            )
        bad = given[:count][~((given[:count] >= 0) & (given[:count] <= 1))]
        if len(bad):
            raise BadWeights(
                f"{len(bad)} of {count} weights are not in [0, 1] ({bad[0]}); clip the action"
            )
        return np.array(given[:count])

    def _observed(self, episode: _Episode) -> Observation:
        """What is seen of the batch at hand."""
        examples = episode.examples()
        present = torch.ones(len(examples["label"]), dtype=torch.int8)
        return {
            **{name: self._padded(values) for name, values in examples.items()},
            "present": self._padded(present),
            "progress": np.array([episode.progress]),
        }

    def _padded(self, values: Tensor) -> NDArray[Any]:
        """(n,) values as a fresh array of the batch size."""
        padded = torch.zeros(self._size, dtype=values.dtype)
        padded[: len(values)] = values
        return padded.numpy()


for _name in TASKS.names():
    gymnasium.register(
        f"weightbench/{_name}",
        entry_point=f"{__name__}:{WeightingEnv.__name__}",
        kwargs={"task": _name},
    )
