from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.submission.made import Folder, make


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("contributor"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Folder:
    """A copy to work on, at ``board/submissions/mine``."""
    path = tmp_path / "board" / "submissions" / "mine"
    shutil.copytree(original, path)
    return Folder(path)
