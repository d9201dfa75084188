"""What must be fetched is known without reading any data."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from weightbench.data.cache import PARTS
from weightbench.data.images import image_set
from weightbench.data.need import Need, need_of
from weightbench.errors import DataUnavailable
from weightbench.registry import TASKS
from weightbench.training.task import make_task


@pytest.mark.parametrize("name", TASKS.names())
def test_what_needs_files_cannot_be_read_without_and_all_else_can(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTBENCH_DATA", str(tmp_path))
    monkeypatch.delenv("WEIGHTBENCH_DOWNLOAD", raising=False)
    task = make_task(name)
    found = need_of(task.dataset, task.corruption)
    assert found.files != found.there
    if found.files:
        with pytest.raises(DataUnavailable):
            len(task.data.labels)
    else:
        assert len(task.data.labels)


def lettered() -> object:
    return image_set("EMNIST", 26)


def either(which: str) -> object:
    return image_set(which, 10)


@pytest.mark.parametrize(
    ("made", "name"),
    [(lettered, "emnist"), (functools.partial(either, "Sketches"), "sketches")],
)
def test_what_is_in_the_folder_is_at_hand(
    made: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTBENCH_DATA", str(tmp_path))
    assert need_of(made) == Need(files=True, there=False)
    (tmp_path / name).mkdir()
    for part in PARTS:
        np.save(tmp_path / name / f"{part}.npy", np.zeros(1, np.uint8))
    assert need_of(made) == Need(files=True, there=True)


@pytest.mark.parametrize("made", [None, 3, len, "text", object()])
def test_of_what_is_no_function_nothing_is_known(made: object) -> None:
    assert need_of(made) == Need(files=False, there=True)
