"""The folder of data sets: what is damaged, missing or foreign is never trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import weightbench as wb
from weightbench.cli import main
from weightbench.data.cache import PARTS, cached_file, data_folder, read_arrays, write_arrays
from weightbench.errors import DataUnavailable

RNG = np.random.default_rng(0)
ARRAYS = {
    "train_images": RNG.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8),
    "train_labels": (np.arange(30) % 10).astype(np.uint8),
    "test_images": RNG.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8),
    "test_labels": (np.arange(20) % 10).astype(np.uint8),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a set called cifar10, inside an empty folder of data sets."""
    monkeypatch.setenv("WEIGHTBENCH_DATA", str(tmp_path))
    monkeypatch.delenv("WEIGHTBENCH_DOWNLOAD", raising=False)
    return tmp_path / "cifar10"


def plain_arrays(home: Path) -> None:
    """As somebody else would write them: no checksums."""
    home.mkdir()
    for part in PARTS:
        np.save(home / f"{part}.npy", ARRAYS[part])


def test_what_was_written_is_read(home: Path) -> None:
    write_arrays("cifar10", ARRAYS)
    images, labels, train = read_arrays("cifar10")
    assert train == 30
    assert np.array_equal(images[:30], ARRAYS["train_images"])
    assert np.array_equal(labels[30:], ARRAYS["test_labels"])
    assert {path.name for path in home.iterdir()} == {
        "manifest.json", *(f"{part}.npy" for part in PARTS)
    }  # fmt: skip


def test_arrays_already_there_are_used_and_recorded(home: Path) -> None:
    plain_arrays(home)
    data = wb.image_set("CIFAR10", 10, (-1.0, 1.0))
    assert data.test is not None
    assert data.test.tolist() == list(range(30, 50))
    assert len(json.loads((home / "manifest.json").read_text())) == 4


def test_a_folder_and_leave_to_download_may_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment says."""
    own = tmp_path / "own"
    with pytest.raises(DataUnavailable, match=f"not in the folder {own}"):
        wb.image_set("CIFAR10", 10, folder=own)
    monkeypatch.setenv("WEIGHTBENCH_DOWNLOAD", "1")
    with pytest.raises(DataUnavailable, match="allow the download"):
        wb.image_set("CIFAR10", 10, folder=own, download=False)
    write_arrays("cifar10", ARRAYS, own)
    assert len(wb.image_set("CIFAR10", 10, folder=own).labels) == 50
    assert cached_file("cifar10/train_labels.npy", folder=own)
    with pytest.raises(DataUnavailable):
        cached_file("cifar10/train_labels.npy")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("recorded", [True, False])
def test_a_half_written_file_is_refused(home: Path, part: str, recorded: bool) -> None:
    if recorded:
        write_arrays("cifar10", ARRAYS)
    else:
        plain_arrays(home)
    path = home / f"{part}.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataUnavailable, match=rf"{part}.npy is half-written"):
        wb.image_set("CIFAR10", 10)


@pytest.mark.parametrize("part", PARTS)
def test_an_altered_file_is_refused(home: Path, part: str) -> None:
    plain_arrays(home)
    wb.image_set("CIFAR10", 10)
    content = bytearray((home / f"{part}.npy").read_bytes())
    content[-1] ^= 1
    (home / f"{part}.npy").write_bytes(content)
    with pytest.raises(DataUnavailable, match=rf"{part}.npy .* was altered .*delete the folder"):
        wb.image_set("CIFAR10", 10)


def test_a_damaged_manifest_is_refused(home: Path) -> None:
    write_arrays("cifar10", ARRAYS)
    (home / "manifest.json").write_text("{")
    with pytest.raises(DataUnavailable, match=r"manifest.json is half-written"):
        read_arrays("cifar10")


@pytest.mark.parametrize(
    "wrong",
    [ARRAYS["train_images"][:-1], ARRAYS["train_images"][..., 0], np.zeros((30, 8, 8, 3))],
)
def test_arrays_of_another_form_are_refused(home: Path, wrong: np.ndarray) -> None:
    plain_arrays(home)
    np.save(home / "train_images.npy", wrong)
    with pytest.raises(DataUnavailable, match=r"expected uint8|does not hold"):
        wb.image_set("CIFAR10", 10)


def test_writing_over_a_damaged_set_mends_it(home: Path) -> None:
    write_arrays("cifar10", ARRAYS)
    (home / "train_images.npy").write_bytes(b"")
    write_arrays("cifar10", ARRAYS)
    assert read_arrays("cifar10")[2] == 30


def test_a_single_file_is_recorded_and_checked() -> None:
    path = data_folder() / "cifar10n" / "labels.npz"
    with pytest.raises(DataUnavailable, match=r"labels.npz cannot be read .* put the file there"):
        cached_file("cifar10n/labels.npz")
    path.parent.mkdir()
    path.write_bytes(b"labels")
    assert cached_file("cifar10n/labels.npz") == b"labels"
    path.write_bytes(b"labelz")
    with pytest.raises(DataUnavailable, match="was altered"):
        cached_file("cifar10n/labels.npz")


@pytest.mark.parametrize(
    ("part", "wrong", "says"),
    [
        ("train_images", ARRAYS["train_images"][..., 0], "grey images have one channel"),
        ("test_images", ARRAYS["test_images"][:, :4], r"not \(N, 8, 8, 3\)"),
        ("test_labels", ARRAYS["test_labels"][:-1], "a label for each of the 20 images"),
        ("train_labels", ARRAYS["train_labels"].astype(int), "holds int64; expected uint8"),
    ],
)
def test_the_file_that_is_laid_out_otherwise_is_named(
    home: Path, part: str, wrong: np.ndarray, says: str
) -> None:
    plain_arrays(home)
    np.save(home / f"{part}.npy", wrong)
    with pytest.raises(DataUnavailable, match=rf"^{home}/{part}.npy .*{says}"):
        wb.image_set("CIFAR10", 10)


def test_arrays_of_an_npz_file_are_named_where_they_are_not_there(home: Path) -> None:
    path = home.parent / "cifar10n" / "labels.npz"
    path.parent.mkdir()
    np.savez(path, clean=np.arange(3), worst=np.arange(3))
    clean, worst = wb.cached_arrays("cifar10n/labels.npz", "clean", "worst")
    assert clean.tolist() == worst.tolist() == [0, 1, 2]
    with pytest.raises(DataUnavailable, match=f"{path} .*worse.* it holds clean, worst"):
        wb.cached_arrays("cifar10n/labels.npz", "worse")
    other = path.with_name("other.npz")
    other.write_bytes(b"no archive")
    with pytest.raises(DataUnavailable, match=f"{other} is no npz file"):
        wb.cached_arrays("cifar10n/other.npz", "clean")


def test_show_says_what_is_wrong_with_the_data(home: Path) -> None:
    plain_arrays(home)
    (home / "test_labels.npy").unlink()
    result = CliRunner().invoke(main, ["show", "cifar10-uniform-flip-v0"])
    assert result.exit_code == 0
    said = "".join(result.stdout.split())  # a path as long as a line goes on in the next
    assert f"{home}lackstest_labels.npy" in said
    assert "docs/data.md" in said


def test_missing_data_is_one_line_that_names_folder_and_option(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main,
        ["evaluate", "--task", "mnist49-imbalance-v0", "--out", str(tmp_path / "runs")],
    )
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert str(tmp_path) in line
    assert "--download" in line
    assert "WEIGHTBENCH_DATA" in line
    assert not (tmp_path / "runs").exists(), "no trial was started"
