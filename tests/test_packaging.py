"""What is shipped: one wheel that runs anywhere, and a command line that answers at once."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the tree's own files."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    names = ["pyproject.toml", "README.md", "LICENSE", "weightbench", "tasks", "methods"]
    names += ["leaderboard"]
    source.mkdir()
    for name in names:
        subprocess.run(["cp", "-r", ROOT / name, source], check=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"weightbench"}
    for expected in ("py.typed", "tasks/digits.py", "methods/l2rw.py", "alignment/__init__.py"):
        assert f"weightbench/{expected}" in names
    for file in ROOT.glob("weightbench/**/*.py"):
        assert str(file.relative_to(ROOT)) in names, "a package is missing in pyproject.toml"


@pytest.mark.slow
def test_the_wheel_evaluates_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """An environment with the dependencies alone, a folder of its own, no checkout in sight."""
    place = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    site = next((place / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # The dependencies come from this environment, whose own weightbench is found only later.
    here = [sysconfig.get_path("purelib"), *(p for p in sys.path if p.endswith("site-packages"))]
    (site / "dependencies.pth").write_text("\n".join(dict.fromkeys(here)))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    code = "import weightbench; print(weightbench.__file__); from weightbench.cli import main; "
    code += (
        "main(['evaluate', '--task', 'digits-background-flip-v0[steps=5]', '--weighter', 'l2rw',"
        " '--seeds', '1', '--workers', '1'])"
    )
    done = subprocess.run(
        [place / "bin" / "python", "-c", code],
        cwd=tmp_path, env=clean, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout
    assert "l2rw" in done.stdout
    assert len(list((tmp_path / "runs" / "records").glob("*.json"))) == 3


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["evaluate", "--help"]])
def test_help_loads_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from weightbench.cli import main; main({!r}, standalone_mode=False); "
        "print(sorted({{'torch', 'pandas', 'numpy', 'sklearn'}} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code.format(arguments)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, weightbench; dir(weightbench); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there() -> None:
    import weightbench

    for name in weightbench.__all__:
        assert getattr(weightbench, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Wieghter'"):
        weightbench.Wieghter  # noqa: B018
