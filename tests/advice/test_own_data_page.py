"""docs/your-own-data.md: from a CSV to a cleaned CSV, as it stands."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests import shell
from tests.test_readme import ROOT, block

pytestmark = pytest.mark.xdist_group("own-data")  # the page is followed once
PAGE = (ROOT / "docs" / "your-own-data.md").read_text("utf-8")


def python(name: str, folder: Path) -> str:
    done = shell.python("-c", block(name, PAGE), cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page")
    python("make", place)
    line = block("ask", PAGE).strip().removeprefix("$ weightbench ")
    # The page tries the whole shortlist; here two of it are enough.
    few = ["--weighter", "gce", "--workers", "0"]
    done = shell.weightbench(*shlex.split(line), *few, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_the_cleaned_table_is_cleaner(folder: Path) -> None:
    assert "labels look wrong" in python("clean", folder)
    table = pd.read_csv(folder / "trees.csv")
    cleaned = pd.read_csv(folder / "cleaned.csv")
    rng = np.random.default_rng(0)
    kinds = np.array(["ash", "beech", "elm"])[rng.integers(3, size=1500)]
    right = dict(zip(table["tree"], kinds, strict=True))
    wrong = [(frame["species"] != frame["tree"].map(right)).mean() for frame in (table, cleaned)]
    assert wrong[0] > 0.25
    assert wrong[1] < 0.1
    assert len(cleaned) > 900


def test_the_network_is_used_as_shown(folder: Path) -> None:
    assert python("use", folder).count("'") == 6


def test_from_python_as_shown(folder: Path) -> None:
    shown = python("python", folder)
    assert "uniform+ft" in shown
    assert "likelier" in shown
