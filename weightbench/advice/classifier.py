"""A scikit-learn classifier whose training examples are weighted by any weighter."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn
from typing_extensions import override

from weightbench.advice.networks import default_network
from weightbench.data.corruption import NoCorruption
from weightbench.data.dataset import DataSet, Pool
from weightbench.errors import BadData, BadSpec
from weightbench.training.device_splits import predict
from weightbench.training.recipe import Recipe
from weightbench.training.run import Batch
from weightbench.training.splits import Index
from weightbench.training.start import start
from weightbench.training.state import TrainingState
from weightbench.training.task import Task
from weightbench.training.watcher import Watcher
from weightbench.training.weight_log import WeightLog
from weightbench.training.weighter import make_weighter

_NO_CLEAN = (
    "the weighter {name!r} needs clean rows: give fit(X, y, X_clean=..., y_clean=...) rows whose "
    "labels somebody checked, or a weighter of track A, such as 'gce'"
)


@dataclasses.dataclass(frozen=True)
class _LastRows:
    """A hold-out of the rows that stand behind the first ``start``."""

    start: int

    def draw(self, labels: Index, pool: Index, rng: np.random.Generator) -> Index:
        """Their positions."""
        return np.arange(self.start, len(labels))


class _NoCleanRows(Watcher):
    """Stops a training that reads clean rows where there are none."""

    def __init__(self, name: str) -> None:
        self._name = name

    @override
    def begin(self, training: TrainingState) -> None:
        if training.used_holdout:
            raise BadData(_NO_CLEAN.format(name=self._name))

    @override
    def after_step(self, training: TrainingState, batch: Batch, weights: Tensor) -> None:
        """Look after each step."""
        self.begin(training)


class WeightedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A network trained under a weighter, as a scikit-learn estimator.

    Tables are standardised by the training rows; images are (N, H, W, C) uint8.

    Attributes:
        classes_: (K,) the labels, sorted.
        example_weights_: (n,) float64, what each training row counted for in the epochs that were
            noted, mean 1.
        network_: the trained network, standardised inputs to (n, K) logits.
        n_features_in_: columns of a table.
    """

    def __init__(
        self,
        weighter: str = "l2rw-auto",
        network: Callable[[DataSet], nn.Module] | None = None,
        *,
        steps: int = 500,
        batch_size: int = 100,
        lr: float = 0.05,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        """Note what is asked for.

        Args:
            weighter: its name or ``file.py:Class``.
            network: builds one for a data set from torch's global stream; an MLP for tables and a
                small CNN for images where not given.
            steps: optimiser steps, SGD with momentum, rate falling along a cosine.
            batch_size: training rows a step.
            lr: learning rate at the start.
            random_state: seed of every draw.
        """
        self.weighter = weighter
        self.network = network
        self.steps = steps
        self.batch_size = batch_size
        self.lr = lr
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, X_clean: Any = None, y_clean: Any = None, groups: Any = None
    ) -> WeightedClassifier:
        """Train on rows with labels that may be wrong.

        Args:
            X: (n, features) numbers, or (n, H, W, C) uint8 images.
            y: (n,) labels of any type.
            X_clean: (m, ...) rows whose labels are right, for weighters that use such.
            y_clean: (m,) their labels.
            groups: (n + m,) int64 from 0 on, of the training rows and then of the clean ones.

        Raises:
            BadData: the weighter needs clean rows and there are none.
            BadSpec: there is no such weighter, or it needs true labels.
            ValueError: arrays are not what scikit-learn takes.
        """
        inputs, given = self._validated(X, y)
        check_classification_targets(given)
        n = len(inputs)
        has_clean = X_clean is not None and y_clean is not None
        if (X_clean is None) != (y_clean is None):
            raise BadData("X_clean and y_clean go together; one of them is missing")
        # A task has a hold-out; without clean rows it is one row that nobody may read.
        clean = self._checked(X_clean) if has_clean else inputs[:1]
        labels = np.concatenate([given, np.asarray(y_clean) if has_clean else given[:1]])
        self.classes_, ids = np.unique(labels, return_inverse=True)
        inputs = np.concatenate([inputs, clean])
        if not self._images:
            self._mean = inputs[:n].mean(0, dtype=np.float64)
            deviation = inputs[:n].std(0, dtype=np.float64)
            self._scale = np.where(deviation > 0, deviation, 1.0)
        if groups is not None and not has_clean:
            groups = np.append(np.asarray(groups), np.asarray(groups)[:1])
        data = DataSet(
            "mine", self._scaled(inputs), ids.astype(np.int64), len(self.classes_), groups=groups
        )
        self._train(data, n, has_clean)
        return self

    def _train(self, data: DataSet, n: int, has_clean: bool) -> None:
        """The ordinary loop, on the first ``n`` rows, the others being the hold-out."""
        rule = make_weighter(self.weighter)
        if rule.privileged:
            raise BadSpec(f"the weighter {self.weighter!r} needs true labels, which nobody knows")
        recipe = Recipe(
            self.steps, batch_size=min(self.batch_size, n), lr=self.lr, schedule="cosine"
        )
        task = Task(
            "weighted-classifier", dataset=data, corruption=NoCorruption(),
            holdout=_LastRows(n), select=0, recipe=recipe,  # type: ignore[arg-type]
            model=self.network or default_network,
        )  # fmt: skip
        log = WeightLog()
        looking: list[Watcher] = [log] if has_clean else [log, _NoCleanRows(self.weighter)]
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        run = start(task, seed, rule, watchers=looking)
        self.network_ = run.train()
        if run.used_holdout and not has_clean:
            raise BadData(_NO_CLEAN.format(name=self.weighter))
        self.n_iter_ = run.steps_taken
        self.example_weights_ = np.ones(n)
        self.example_weights_[run.splits.train] = _weights(log, n)

    def _validated(self, X: Any, y: Any) -> tuple[Any, NDArray[Any]]:
        self._images = _are_images(X)
        if self._images:
            inputs = np.asarray(X)
            self.n_features_in_ = int(np.prod(inputs.shape[1:]))
            self._shape = inputs.shape[1:]
            return inputs, np.asarray(y)
        return validate_data(self, X, y, dtype=np.float32)  # type: ignore[no-any-return]

    def _checked(self, X: Any) -> Any:
        """Rows like those of the training."""
        if not self._images:
            return validate_data(self, X, dtype=np.float32, reset=False)
        inputs = np.asarray(X)
        if inputs.dtype != np.uint8 or inputs.shape[1:] != self._shape:
            raise ValueError(f"images are {inputs.dtype} {inputs.shape}; fitted on {self._shape}")
        return inputs

    def _scaled(self, inputs: Any) -> Any:
        if self._images:
            return inputs
        return ((inputs - self._mean) / self._scale).astype(np.float32)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(n, K) float64, the probability of each of ``classes_``."""
        check_is_fitted(self, "network_")
        inputs = torch.from_numpy(np.ascontiguousarray(self._scaled(self._checked(X))))
        labels = torch.zeros(len(inputs), dtype=torch.int64)
        chances: NDArray[np.float64] = (
            predict(self.network_, Pool(inputs, labels)).double().softmax(1).numpy()
        )
        return chances

    def predict(self, X: Any) -> NDArray[Any]:
        """(n,) the likeliest of ``classes_``."""
        likeliest: NDArray[Any] = self.predict_proba(X).argmax(1)
        return np.asarray(self.classes_[likeliest])


def _are_images(X: Any) -> bool:
    return getattr(X, "dtype", None) == np.uint8 and getattr(X, "ndim", 0) == 4


def _weights(log: WeightLog, n: int) -> NDArray[np.float64]:
    """(n,) mean 1: the mean over noted epochs, 1 for rows that no epoch had."""
    epochs = log.epochs()
    if not epochs and (unfinished := log.unfinished()):
        epochs = [unfinished]
    if not epochs:
        return np.ones(n)
    noted = np.stack([epoch.weight.cpu().numpy() for epoch in epochs])
    seen = ~np.isnan(noted)
    total = np.where(seen, noted, 0).sum(0) / np.maximum(seen.sum(0), 1)
    there = seen.any(0)
    mean = total[there].mean()
    return np.where(there, total / mean, 1.0) if mean > 0 else np.ones(n)
