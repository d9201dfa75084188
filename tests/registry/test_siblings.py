"""Files beside a plug-in file: found for it alone, and under no name that anybody else has."""

from __future__ import annotations

import importlib
import pickle
import random
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

import weightbench as wb
from tests.shell import evaluate, weightbench
from weightbench.errors import BadSpec
from weightbench.evaluation.remote_files import RemoteFiles
from weightbench.evaluation.trial import plan
from weightbench.execution import Limits, Local
from weightbench.records.schema import Status
from weightbench.records.store import Store
from weightbench.registry import load_from_file
from weightbench.registry.siblings import imported_by

PLUGIN = """
import weightbench as wb
import helper
from helper import share
class Mine(wb.Weighter):
    '''The half of the batch with the smallest loss.'''
    def weigh(self, batch):
        from late import same
        losses = batch.losses.detach()
        return wb.normalize((losses <= losses.quantile(same(share()))).float())
"""
BESIDE = {
    "helper.py": "import deeper\ndef share(): return deeper.SHARE\n",
    "deeper.py": "SHARE = 0.5\n",
    "late.py": "def same(x): return x\n",
}


def lay(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def load(folder: Path, text: str, name: str = "mine.py") -> ModuleType:
    lay(folder, {name: f"{text}\nHERE = __name__\n"})
    return sys.modules[load_from_file(f"{folder / name}:HERE")]


FORMS = {
    "import helper": "helper.NAME",
    "import helper as other": "other.NAME",
    "from helper import NAME": "NAME",
    "from helper import *": "NAME",
    "from helper import NAME as other": "other",
    "from .helper import NAME": "NAME",
    "from . import helper": "helper.NAME",
    "import json, helper": "helper.NAME",
    "import box.inner": "box.inner.NAME",
    "import box.inner as other": "other.NAME",
    "from box.inner import NAME": "NAME",
    "from box import inner": "inner.NAME",
    "import bare.inner": "bare.inner.NAME",
    "import box\nimport box.upwards": "box.upwards.NAME",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_import_finds_it(form: str, tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "helper.py": "NAME = 'found'",
            "box/__init__.py": "",
            "box/inner.py": "from helper import NAME",
            "box/upwards.py": "from ..helper import NAME",
            "bare/inner.py": "NAME = 'found'",
        },
    )
    before = list(sys.path)
    module = load(tmp_path, f"{form}\nresult = {FORMS[form]}")
    assert vars(module)["result"] == "found"
    assert sys.path == before
    assert not {"helper", "box", "bare"} & set(sys.modules)


def test_two_folders_do_not_meet(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        lay(tmp_path / name, {"helper.py": f"NAME = {name!r}"})
        found.append(load(tmp_path / name, "import helper\nfrom .helper import NAME"))
    one, two = (vars(module) for module in found)
    assert (one["NAME"], two["NAME"]) == ("one", "two")
    assert one["helper"] is not two["helper"]
    assert sys.modules[one["helper"].__name__] is one["helper"]
    assert one["helper"].__package__ == one["__package__"] != two["__package__"]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("helper")


def test_it_hides_nothing_that_everybody_has(tmp_path: Path) -> None:
    """Neither from the engine nor from the file itself, which asks for it relatively."""
    names = ("random", "torch", "weightbench", "numpy", "pebble")
    lay(tmp_path, {f"{name}.py": "raise AssertionError" for name in names[1:]})
    lay(tmp_path, {"random.py": "OWN = True"})
    text = "\n".join(f"import {name}" for name in names) + "\nfrom .random import OWN"
    module = load(tmp_path, text)
    assert vars(module)["random"] is random
    assert vars(module)["weightbench"] is wb
    assert vars(module)["OWN"] is True


def test_what_is_in_the_working_folder_is_no_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path / "here", {"helper.py": "NAME = 'here'"})
    lay(tmp_path / "there", {"helper.py": "NAME = 'there'"})
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend("")
    assert vars(load(tmp_path / "there", "from helper import NAME"))["NAME"] == "there"
    assert vars(load(tmp_path / "here", "from helper import NAME"))["NAME"] == "here"


def test_a_file_is_run_once_whoever_asks(tmp_path: Path) -> None:
    """Two plug-ins of one folder, of which one imports the other, before or after it is asked."""
    lay(tmp_path, {"third.py": "class Mine: pass\nHERE = __name__\n"})
    first = load(tmp_path, "class Mine: pass", name="first.py")
    second = load(tmp_path, "from first import Mine\nfrom third import Mine as Third", "second.py")
    assert vars(second)["Mine"] is vars(first)["Mine"]
    assert vars(second)["Third"] is load_from_file(f"{tmp_path / 'third.py'}:Mine")


def test_a_name_that_is_no_word_and_one_that_is_missing(tmp_path: Path) -> None:
    lay(tmp_path, {"helper.py": "NAME = 'found'"})
    assert vars(load(tmp_path, "from helper import NAME", "my-own.v2.py"))["NAME"] == "found"
    lay(tmp_path, {"asks.py": "import hlper"})
    with pytest.raises(BadSpec, match="No module named 'hlper'"):
        load_from_file(f"{tmp_path / 'asks.py'}:Mine")


def test_nothing_is_written_beside_it(tmp_path: Path) -> None:
    lay(tmp_path, {"helper.py": "NAME = 'found'"})
    load(tmp_path, "import helper")
    assert {path.name for path in tmp_path.iterdir()} == {"mine.py", "helper.py"}


def test_it_is_checked_and_evaluated_in_workers(tmp_path: Path) -> None:
    lay(tmp_path, {"mine.py": PLUGIN, **BESIDE})
    spec = f"{tmp_path / 'mine.py'}:Mine"
    checked = weightbench("check", spec)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = weightbench(*evaluate(tmp_path / "runs", weighters=(spec,)))
    assert done.returncode == 0, done.stderr
    records, _ = Store(tmp_path / "runs").records()
    assert {(r.trial.weighter, r.status) for r in records} == {
        (spec, "ok"), ("uniform", "ok"), ("oracle", "ok"),
    }  # fmt: skip


def lost(job: int, status: Status, reason: str) -> tuple[int, str]:
    return job, f"{status}: {reason}"


def test_functions_of_it_go_to_other_processes(tmp_path: Path) -> None:
    """To one that has never heard of the file, as work and back as a result."""
    lay(tmp_path, {"helper.py": "def work(job): return job, work"})
    work = vars(load(tmp_path, "from helper import work"))["work"]
    assert pickle.loads(pickle.dumps(work)) is work
    one = Local(Limits(workers=1, seconds=60, memory=2**33))
    done = dict(one.run([1, 2], work, lost))
    assert done == {1: (1, work), 2: (2, work)}


def test_what_is_imported_is_known_without_running_it(tmp_path: Path) -> None:
    lay(tmp_path, {"mine.py": f"{PLUGIN}raise AssertionError", **BESIDE, "other.py": "import mine"})
    lay(tmp_path, {"late.py": "from .box import thing\nimport json, torch"})
    lay(tmp_path, {"box/__init__.py": "from ..upper import x", "box/thing.py": "", "upper.py": "("})
    names = {file.relative_to(tmp_path).as_posix() for file in imported_by(tmp_path / "mine.py")}
    assert names == {
        "helper.py", "deeper.py", "late.py", "box/__init__.py", "box/thing.py", "upper.py",
    }  # fmt: skip


@pytest.mark.parametrize("changed", ["mine.py", "deeper.py"])
def test_it_travels_with_its_trials(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a machine where one of the files is another, or none is there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home = lay(tmp_path / "home", {"mine.py": PLUGIN, **BESIDE})
    spec = f"{home / 'mine.py'}:Mine"
    trials = plan(["digits-uniform-flip-v0"], [spec], range(1), "cpu")
    files = pickle.loads(pickle.dumps(RemoteFiles.of(trials)))
    lay(home, {changed: "raise AssertionError"})
    if changed == "mine.py":
        shutil.rmtree(home)
    from weightbench import registry

    monkeypatch.setattr(registry, "_REPLACED", {})
    files.put_in_place()
    away = load_from_file(spec)
    assert (tmp_path / "cache") in Path(sys.modules[away.__module__].__file__ or "").parents
    assert vars(sys.modules[away.__module__])["share"]() == 0.5
