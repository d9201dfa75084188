"""Everything that has a name: built-in, from an entry point, from a file."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

import weightbench as wb
from weightbench.errors import BadSpec, UnknownName, UnknownParameter
from weightbench.registry import SUITES, TASKS, WEIGHTERS, WRAPPERS, Registry
from weightbench.spec import Spec
from weightbench.training.weighter import spec_of


@pytest.mark.parametrize("name", TASKS.names())
def test_every_task_has_a_version_and_round_trips(name: str) -> None:
    task = wb.make_task(name)
    assert task.name == name
    assert task.about
    again = wb.make_task(str(Spec.from_json(wb.parse_spec(task.name).to_json())))
    assert again == task


@pytest.mark.parametrize("name", WEIGHTERS.names())
def test_every_weighter_round_trips_and_is_documented(name: str) -> None:
    weighter = wb.make_weighter(name)
    assert str(spec_of(weighter)) == name
    again = wb.make_weighter(str(Spec.from_json(spec_of(weighter).to_json())))
    assert type(again) is type(weighter)
    assert type(weighter).__doc__


@pytest.mark.parametrize("name", SUITES.names())
def test_every_suite_names_things_that_exist(name: str) -> None:
    suite = SUITES.get(name)
    for task in suite.tasks:
        wb.make_task(task)
    for weighter in suite.weighters:
        wb.make_weighter(weighter)
    assert suite.seeds >= 1


def test_parameters_stand_in_brackets_only_where_they_differ() -> None:
    assert wb.make_task("digits-background-flip-v0[noise=0.4]").name == "digits-background-flip-v0"
    task = wb.make_task("digits-background-flip-v0[noise=0.2]", clean=5)
    assert task.name == "digits-background-flip-v0[clean=5,noise=0.2]"
    assert task.parameters()["noise"] == 0.2
    assert task.parameters()["clean"] == 5
    weighter = wb.make_weighter("uniform+ft[steps=7]+es")
    assert str(spec_of(weighter)) == "uniform+ft[steps=7]+es"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("digits-background-flop-v0", "digits-background-flip-v0"),
        ("digits-background-flip", "digits-background-flip-v0"),
        ("digits-background-flip-v99", "Its versions are: digits-background-flip-v0"),
        ("digits-background-flip-v0[nois=1]", "Did you mean noise"),
        ("digits-background-flip-v0[noise=2]", "between 0 and 1"),
        ("digits-background-flip-v0[background=10]+ft", "wrappers go around weighters"),
    ],
)
def test_mistakes_in_a_task_are_named(text: str, hint: str) -> None:
    with pytest.raises(BadSpec, match=hint.replace("[", r"\[")):
        wb.make_task(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("unifrom", "uniform"),
        ("uniform[x=1]", "has no parameters"),
        ("uniform+fft", "ft"),
        ("uniform+ft[stepps=1]", "steps"),
        ("no_such_file.py:Mine", "there is no file"),
    ],
)
def test_mistakes_in_a_weighter_are_named(text: str, hint: str) -> None:
    with pytest.raises(BadSpec, match=hint):
        wb.make_weighter(text)


def test_a_file_is_a_door(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import weightbench as wb\n"
        "class Mine(wb.Weighter):\n"
        "    def __init__(self, k: int = 1): self.k = k\n"
        "    def weigh(self, batch): return wb.normalize(batch.losses)\n"
        "NUMBER = 3\n"
    )
    weighter = wb.make_weighter(f"{file}:Mine[k=2]")
    assert vars(weighter)["k"] == 2
    assert str(spec_of(weighter)) == f"{file}:Mine[k=2]"
    with pytest.raises(BadSpec, match="Did you mean Mine"):
        wb.make_weighter(f"{file}:Mien")
    with pytest.raises(BadSpec, match="not a class derived from"):
        wb.make_weighter(f"{file}:NUMBER")
    with pytest.raises(BadSpec, match="expected a weightbench Task"):
        wb.make_task(f"{file}:NUMBER")


def test_a_file_that_cannot_run_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("import no_such_package_at_all\n")
    with pytest.raises(BadSpec, match="no_such_package_at_all"):
        wb.make_weighter(f"{file}:Mine")


def test_names_are_lower_case_words_and_unique() -> None:
    registry: Registry[int] = Registry("number")
    registry.add("one", 1)
    with pytest.raises(BadSpec, match="already"):
        registry.add("one", 2)
    for bad in ("One", "two words", "a/b", "../up", "", "a--b", "<b>"):
        with pytest.raises(BadSpec, match="lower-case"):
            registry.add(bad, 3)
    with pytest.raises(UnknownName, match="Known: one"):
        registry.get("zzz")


def test_a_task_id_needs_a_version(tiny: wb.Task) -> None:
    with pytest.raises(BadSpec, match="-v0"):
        wb.register_task(dataclasses.replace(tiny, name="versionless"))


def test_a_task_is_registered_as_it_is(tiny: wb.Task) -> None:
    wb.register_task(dataclasses.replace(tiny, name="tiny-as-it-is-v0"))
    assert wb.make_task("tiny-as-it-is-v0[noise=0.1]").name == "tiny-as-it-is-v0[noise=0.1]"
    with pytest.raises(TypeError, match="select"):
        wb.register_task(tiny, select=3)  # type: ignore[call-overload]


def test_the_former_way_to_register_works_for_a_release(tiny: wb.Task) -> None:
    fields = {f.name: getattr(tiny, f.name) for f in dataclasses.fields(tiny) if f.name != "name"}
    with pytest.warns(DeprecationWarning, match=r"use register_task\(Task\(name") as caught:
        wb.register_task("tiny-in-parts-v0", **fields)
    assert caught[0].filename == __file__
    assert wb.make_task("tiny-in-parts-v0") == dataclasses.replace(tiny, name="tiny-in-parts-v0")


DISTRIBUTION = {
    "METADATA": "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n",
    "entry_points.txt": (
        "[weightbench.weighters]\n"
        "foreign = weightbench.methods.uniform\n"
        "uniform = weightbench.methods.random\n"
    ),
}


def test_built_in_is_what_the_distribution_weightbench_brings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever module an entry point of another names; nor can one take a built-in's name."""
    for name, text in DISTRIBUTION.items():
        (tmp_path / "other-1.0.dist-info").mkdir(exist_ok=True)
        (tmp_path / "other-1.0.dist-info" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    weighters: Registry[object] = Registry("weighter")
    assert {"foreign", "uniform"} <= set(weighters.names())
    assert not weighters.built_in("foreign")
    assert weighters.built_in("uniform")
    assert weighters._doors["uniform"].value == "weightbench.methods.uniform"
    assert not weighters.built_in("no-such-weighter")
    for registry in (TASKS, WEIGHTERS, WRAPPERS, SUITES):
        assert "oracle" not in registry.names() or registry.built_in("oracle")
    assert TASKS.built_in("digits-uniform-flip-v0")
    assert SUITES.built_in("quick")


def install(site: Path, package: str, entry_points: str) -> None:
    folder = site / f"{package}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[weightbench.weighters]\n{entry_points}\n")


def test_a_name_that_two_packages_bring_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes first; of neither is any code run."""
    ran = tmp_path / "ran"
    for package in ("one", "other"):
        install(tmp_path, package, f"mine = {package}_rules")
        (tmp_path / f"{package}_rules.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    weighters: Registry[object] = Registry("weighter")
    assert "mine" in weighters.names()
    assert not weighters.built_in("mine")
    with pytest.raises(BadSpec, match=r"one \(one_rules\) and other \(other_rules\) both bring"):
        weighters.get("mine")
    assert list(weighters.clashes()) == ["mine"]
    assert not ran.exists()


def test_a_built_in_name_that_a_package_claims_is_the_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "evil", "uniform = evil_rules\nnice = weightbench.evil_rules")
    monkeypatch.syspath_prepend(tmp_path)
    weighters: Registry[object] = Registry("weighter")
    assert weighters.clashes() == {
        "uniform": "evil (evil_rules) may not bring a weighter 'uniform', which comes with "
        "weightbench"
    }
    assert weighters._doors["uniform"].value == "weightbench.methods.uniform"
    assert not weighters.built_in("nice")


def test_a_package_called_weightbench_brings_no_built_in_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "weightbench", "fine = weightbench_evil\nuniform = evil_rules")
    monkeypatch.syspath_prepend(tmp_path)
    weighters: Registry[object] = Registry("weighter")
    assert not weighters.built_in("fine")
    assert not weighters.built_in("uniform")


PASSES_AS_BUILT_IN = """
import weightbench as wb
from weightbench.errors import BadSpec
from weightbench.registry import SUITES, TASKS, WEIGHTERS, WRAPPERS, Registered

class Evil(wb.Weighter):
    def weigh(self, batch):
        return batch.losses

for registry, name in ((WEIGHTERS, "oracle"), (WRAPPERS, "es"), (TASKS, "digits-uniform-flip-v0"),
                       (SUITES, "quick")):
    try:
        registry.add(name, Registered(Evil, {}))
    except BadSpec as error:
        print(error)
assert type(wb.make_weighter("oracle")).__module__ == "weightbench.methods.oracle"
"""


def test_nobody_else_registers_a_built_in_before_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(PASSES_AS_BUILT_IN)
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import evil"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("comes with weightbench; choose another name") == 4


def test_a_door_that_does_not_open_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    registry: Registry[int] = Registry("number")
    doors = {
        "gone": EntryPoint("gone", "no_such_module", "weightbench.numbers"),
        "empty": EntryPoint("empty", "json", "weightbench.numbers"),
    }
    monkeypatch.setattr(registry, "_doors", doors, raising=False)
    assert registry.names() == ["empty", "gone"]
    with pytest.raises(BadSpec, match="cannot be imported"):
        registry.get("gone")
    with pytest.raises(BadSpec, match="did not"):
        registry.get("empty")


def test_the_wrong_type_of_a_parameter_is_named() -> None:
    with pytest.raises(UnknownParameter, match=r"expected a float such as 0\.4"):
        wb.make_task("digits-uniform-flip-v0[noise=much]")


def test_names_load_no_torch() -> None:
    code = (
        "import sys, weightbench.registry as r\n"
        "names = [*r.TASKS.names(), *r.WEIGHTERS.names(), *r.WRAPPERS.names()]\n"
        "assert 'l2rw' in names and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wrappers_are_listed() -> None:
    assert {"ft", "es"} <= set(WRAPPERS.names())
