"""Image sets through torchvision's loaders, on small files in the original formats."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightbench as wb
from weightbench.data.idx import parse
from weightbench.data.vision import datasets
from weightbench.errors import DataUnavailable

RNG = np.random.default_rng(0)
TRAIN, TEST = 120, 40


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEIGHTBENCH_DATA", str(tmp_path))
    monkeypatch.delenv("WEIGHTBENCH_DOWNLOAD", raising=False)
    return tmp_path


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def idx(path: Path, array: np.ndarray) -> None:
    """The format of MNIST: a type, the number of dimensions, sizes, big-endian; packed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.fixture
def fashion(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Fashion-MNIST's four files, small, with torchvision told their checksums."""
    arrays = {}
    for split, n in (("train", TRAIN), ("t10k", TEST)):
        arrays[f"{split}-images-idx3"] = RNG.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{split}-labels-idx1"] = (np.arange(n) % 10).astype(np.uint8)
    raw = root / "FashionMNIST" / "raw"
    for name, array in arrays.items():
        idx(raw / f"{name}-ubyte.gz", array)
    resources = [(f"{name}-ubyte.gz", md5(raw / f"{name}-ubyte.gz")) for name in arrays]
    monkeypatch.setattr(datasets().FashionMNIST, "resources", resources)
    return arrays


@pytest.fixture
def cifar100(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """CIFAR-100's three pickles, small, with torchvision told their checksums."""
    home, arrays = root / "cifar-100-python", {}
    home.mkdir()
    cls: Any = datasets().CIFAR100
    for split, n in (("train", 800), ("test", 200)):
        data = RNG.integers(0, 256, (n, 3072), dtype=np.uint8)
        fine = [i % 100 for i in range(n)]
        content = {"data": data, "fine_labels": fine, "coarse_labels": [0] * n}
        (home / split).write_bytes(pickle.dumps(content))
        monkeypatch.setattr(cls, f"{split}_list", [[split, md5(home / split)]])
        arrays[split] = data
    (home / "meta").write_bytes(pickle.dumps({"fine_label_names": [str(i) for i in range(100)]}))
    monkeypatch.setattr(cls, "meta", {**cls.meta, "md5": md5(home / "meta")})
    return arrays


def test_fashion_mnist_from_its_original_files(fashion: dict[str, np.ndarray]) -> None:
    data = wb.image_set("FashionMNIST", 10)
    assert data.shape == (1, 28, 28)
    assert data.test is not None
    assert data.test.tolist() == list(range(TRAIN, TRAIN + TEST))
    assert np.array_equal(data.inputs[:TRAIN, :, :, 0], fashion["train-images-idx3"])
    assert np.array_equal(data.inputs[TRAIN:, :, :, 0], fashion["t10k-images-idx3"])
    assert np.array_equal(data.labels[:TRAIN], fashion["train-labels-idx1"])


def test_cifar_100_from_its_original_files(cifar100: dict[str, np.ndarray], root: Path) -> None:
    data = wb.image_set("CIFAR100", 100, (-1.0, 1.0))
    assert data.shape == (3, 32, 32)
    assert data.labels[:100].tolist() == list(range(100)), "the fine labels"
    stored = cifar100["train"][5].reshape(3, 32, 32)  # a plane a colour
    assert np.array_equal(data.inputs[5], stored.transpose(1, 2, 0))
    for file in (root / "cifar-100-python").iterdir():
        file.unlink()
    assert wb.image_set("CIFAR100", 100).sha256, "the cache needs the originals no more"


@pytest.mark.usefixtures("cifar100")
def test_a_cifar_100_task_trains_on_them() -> None:
    task = wb.make_task(
        "cifar100-background-flip-short-v0", clean=1, steps=2, batch_size=4, evaluations=1
    )
    task = dataclasses.replace(task, select=100, train=200)
    run = wb.start(task, 0, weighter=wb.make_weighter("uniform"))
    run.train()
    assert len(run.test_predictions()) == 200


@pytest.mark.usefixtures("fashion")
def test_a_damaged_packed_file_is_refused(root: Path) -> None:
    path = root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataUnavailable, match="not with the checksums torchvision knows"):
        wb.image_set("FashionMNIST", 10)
    assert not (root / "fashionmnist").exists()


@pytest.mark.usefixtures("fashion")
def test_unpacked_files_are_never_trusted(root: Path) -> None:
    """torchvision would read them unchecked."""
    (root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"rubbish")
    assert wb.image_set("FashionMNIST", 10).inputs.shape == (TRAIN + TEST, 28, 28, 1)


LAYOUTS = {
    "in torchvision's folder": ("FashionMNIST/raw", False),
    "unpacked there": ("FashionMNIST/raw", True),
    "in a folder of its name": ("fashionmnist", False),
    "unpacked there too": ("fashionmnist", True),
    "flat": (".", False),
}


def move(root: Path, folder: str, unpacked: bool) -> list[Path]:
    """Fashion-MNIST's files to another folder, unpacked if they are to be."""
    moved = []
    for path in sorted((root / "FashionMNIST" / "raw").iterdir()):
        content = path.read_bytes()
        path.unlink()
        moved.append(root / folder / (path.stem if unpacked else path.name))
        moved[-1].parent.mkdir(parents=True, exist_ok=True)
        moved[-1].write_bytes(gzip.decompress(content) if unpacked else content)
    return moved


@pytest.mark.parametrize(("folder", "unpacked"), LAYOUTS.values(), ids=LAYOUTS)
def test_original_files_are_found_however_they_are_laid_out(
    fashion: dict[str, np.ndarray], root: Path, folder: str, unpacked: bool
) -> None:
    move(root, folder, unpacked)
    data = wb.image_set("FashionMNIST", 10)
    assert np.array_equal(data.inputs[:TRAIN, :, :, 0], fashion["train-images-idx3"])
    assert np.array_equal(data.labels[TRAIN:], fashion["t10k-labels-idx1"])
    manifest = root / "fashionmnist" / "manifest.json"
    assert len(json.loads(manifest.read_text())) == 4, "what was read is known from now on"


def refusal(loader: str = "FashionMNIST") -> str:
    with pytest.raises(DataUnavailable) as caught:
        wb.image_set(loader, 10)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.usefixtures("fashion")
def test_unpacked_files_that_nothing_names_are_not_taken_for_a_set(root: Path) -> None:
    (*_, path) = move(root, ".", unpacked=True)
    assert "put it into a folder FashionMNIST" in refusal()
    assert path.name in refusal() or "1 more" in refusal()


@pytest.mark.usefixtures("fashion")
@pytest.mark.parametrize("unpacked", [True, False])
def test_a_file_that_is_cut_off_or_gone_is_named_with_what_is_wrong(
    root: Path, unpacked: bool
) -> None:
    first, second, *_ = move(root, "FashionMNIST/raw", unpacked)
    second.write_bytes(second.read_bytes()[:-1])
    assert str(second) in refusal()
    assert ("is cut off" if unpacked else "by md5") in refusal()
    first.unlink()
    assert f"{first.stem if not unpacked else first.name}.gz is missing" in refusal()


@pytest.mark.usefixtures("fashion")
def test_the_files_of_another_set_are_noticed(root: Path) -> None:
    """Four names, and more than one set has them."""
    move(root, ".", unpacked=False)
    says = refusal("MNIST")
    assert f"{root}/train-images-idx3-ubyte.gz is not the published file of MNIST" in says


@pytest.mark.usefixtures("fashion")
def test_files_in_an_odd_place_are_pointed_at(root: Path) -> None:
    move(root, "downloads/new", unpacked=False)
    assert f"({root}/downloads/new/train-images-idx3-ubyte.gz is not where" in refusal()


def test_an_empty_folder_and_none_are_told_apart(root: Path) -> None:
    says = refusal("MNIST")
    assert f"not in the folder {root}: no train-images-idx3-ubyte.gz" in says
    assert "MNIST/raw" in says
    with pytest.raises(
        DataUnavailable, match=f"not in the folder {root}/none, which does not exist"
    ):
        wb.image_set("MNIST", 10, folder=root / "none")


def test_missing_pickles_are_named(cifar100: dict[str, np.ndarray], root: Path) -> None:
    (root / "cifar-100-python" / "test").unlink()
    (root / "cifar-100-python.tar.gz").write_bytes(b"packed")
    says = refusal("CIFAR100")
    assert f"{root}/cifar-100-python/test is missing" in says
    assert "cifar-100-python.tar.gz is there, and has to be unpacked" in says


def test_an_incomplete_set_of_arrays_says_what_it_lacks(root: Path) -> None:
    home = root / "mnist"
    home.mkdir()
    np.save(home / "train_images.npy", np.zeros((2, 28, 28, 1), np.uint8))
    assert f"{home} lacks train_labels.npy, test_images.npy, test_labels.npy" in refusal("MNIST")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rubbish",
        b"\0\0\x08\3\0",
        bytes([0, 0, 8, 1, 0, 0, 0, 9]),
        bytes([0, 0, 13, 1, 0, 0, 0, 0]),
    ],
)
def test_what_is_no_idx_file_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"is no idx file|cut off"):
        parse(content)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_an_idx_file_gives_back_what_was_written(shape: list[int]) -> None:
    array = RNG.integers(0, 256, shape, dtype=np.uint8)
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    assert np.array_equal(parse(header + array.tobytes()), array)


def test_an_altered_pickle_is_refused(cifar100: dict[str, np.ndarray], root: Path) -> None:
    path = root / "cifar-100-python" / "train"
    content = pickle.loads(path.read_bytes())
    content["data"][0, 0] ^= 1
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataUnavailable, match="not with the checksums"):
        wb.image_set("CIFAR100", 100)
