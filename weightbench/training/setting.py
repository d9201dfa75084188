"""Where a training takes place: task, seed, data on a device, schedule, names of random streams."""

from __future__ import annotations

import contextlib
import dataclasses

import torch
from torch import Tensor, nn

from weightbench.data.dataset import Pool
from weightbench.errors import HiddenData
from weightbench.streams import stream_seed
from weightbench.training.device_splits import DeviceSplits
from weightbench.training.random_streams import seeded_globals, torch_stream
from weightbench.training.recipe import Recipe
from weightbench.training.splits import Splits
from weightbench.training.task import Task


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """What a training is given, whoever weighs it.

    Attributes:
        task: what is trained on.
        seed: of every random stream.
        splits: positions in the data set.
        on_device: the splits themselves.
        recipe: the schedule that is granted.
        role: what the names of random streams begin with: empty, or that of a side training and
            a slash.
        held_out: whether what is trained on is of the hold-out.
    """

    task: Task
    seed: int
    splits: Splits
    on_device: DeviceSplits
    recipe: Recipe
    role: str = ""
    held_out: bool = False

    @classmethod
    def of(cls, task: Task, seed: int, device: str | torch.device) -> Setting:
        """That of a training of its own."""
        splits = task.split(seed)
        on_device = DeviceSplits.of(task, splits, torch.device(device))
        return cls(task, seed, splits, on_device, task.recipe)

    def side(self, role: str, on: str, recipe: Recipe, rows: Tensor | None = None) -> Setting:
        """That of a side training on the ``train`` or ``holdout`` split, or on ``rows`` of it.

        Raises:
            BadData: there are no such rows.
        """
        pool = self.visible(on)
        true = self.on_device.true_labels if on == "train" else pool.labels
        if rows is not None:
            pool, true = pool.rows(rows), None if true is None else true[rows]
        on_device = dataclasses.replace(self.on_device, train=pool, true_labels=true)
        return dataclasses.replace(
            self, on_device=on_device, recipe=recipe, role=f"{self.role}{role}/",
            held_out=self.held_out or on == "holdout",
        )  # fmt: skip

    @property
    def device(self) -> torch.device:
        """Where the data lies."""
        return self.on_device.train.labels.device

    @property
    def true_labels(self) -> Tensor:
        """Of what is trained on.

        Raises:
            HiddenData: nobody knows them.
        """
        true = self.on_device.true_labels
        if true is None:
            raise HiddenData(
                f"nobody knows the true labels of {self.task.data.name}: leave out weighters that "
                "are declared privileged"
            )
        return true

    def visible(self, on: str) -> Pool:
        """The split a weighter asked for by name.

        Raises:
            HiddenData: it is one of the hidden ones.
        """
        if on not in ("train", "holdout"):
            raise HiddenData(f"{on!r} is not for weighters; they may see 'train' and 'holdout'")
        return self.on_device.train if on == "train" else self.on_device.holdout

    def stream(self, role: str, weighter: str = "") -> torch.Generator:
        """The random stream of that role."""
        return torch_stream(self.task.stream, self.role + role, self.seed, weighter)

    def dropout(self) -> contextlib.AbstractContextManager[None]:
        """Torch's global stream, seeded inside the block: dropout draws from no other.

        Nobody is to meet what ran before in a process.
        """
        return seeded_globals(stream_seed(self.task.stream, f"{self.role}dropout", self.seed))

    def build_model(self, role: str) -> nn.Module:
        """A fresh network of the task's kind."""
        return self.task.build_model(self.seed, self.role + role).to(self.device)
