"""People's own arrays become those of a data set where nothing is lost; else one line says why."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import weightbench as wb
from weightbench.errors import BadData

TABLE = np.array([[0.5, 1], [2, -3], [0.25, 7], [8, 0], [1, 1], [0, 2.5]])
LABELS = [0, 1, 2, 0, 1, 2]
FRAME = pd.DataFrame(TABLE, columns=["size", "age"])


def made(inputs: Any, labels: Any, num_classes: int = 0, **others: Any) -> wb.DataSet:
    return wb.DataSet("mine", inputs, labels, num_classes, **others)


MAKERS: dict[str, Callable[[Any], Any]] = {
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(map(tuple, a.tolist())),
    "float64": lambda a: a,
    "float32": lambda a: a.astype(np.float32),
    "float16": lambda a: a.astype(np.float16),
    "big-endian": lambda a: a.astype(">f4"),
    "tensor": torch.tensor,
    "tensor with a gradient": lambda a: torch.tensor(a).float().requires_grad_(),
    "bfloat16": lambda a: torch.tensor(a).bfloat16(),
    "list of tensors": lambda a: [*torch.tensor(a)],
    "DataFrame": pd.DataFrame,
    "nullable": lambda a: pd.DataFrame(a).convert_dtypes(),
    "categories of numbers": lambda a: pd.DataFrame(a).astype("category"),
    "sparse": lambda a: pd.DataFrame(a).astype(pd.SparseDtype(float, 0.0)),
    "columns of one name": lambda a: pd.DataFrame(a, columns=["a", "a"]),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_numbers_of_any_kind_become_float32(make: Callable[[Any], Any]) -> None:
    data = made(make(TABLE), np.array(LABELS))
    assert data.inputs.dtype == np.float32
    np.testing.assert_array_equal(data.inputs, TABLE.astype(np.float32))
    assert data.sha256 == made(TABLE.astype(np.float32), np.array(LABELS), 3).sha256


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool", "Int32", "boolean"])
def test_whole_numbers_and_bools_become_float32(dtype: str) -> None:
    frame = pd.DataFrame({"a": [0, 1, 1, 0, 1, 0], "b": TABLE[:, 0]}).astype({"a": dtype})
    data = made(frame, LABELS)
    assert data.inputs[:, 0].tolist() == [0, 1, 1, 0, 1, 0]


def test_columns_that_pyarrow_keeps_are_taken() -> None:
    pytest.importorskip("pyarrow")
    frame = FRAME.convert_dtypes(dtype_backend="pyarrow")
    names = pd.Series(list("abcabc"), dtype="string[pyarrow]")
    data = made(frame, names)
    np.testing.assert_array_equal(data.inputs, TABLE.astype(np.float32))
    assert data.class_names == ("a", "b", "c")


def test_arrays_that_are_right_pass_through_untouched() -> None:
    inputs, labels = TABLE.astype(np.float32), np.array(LABELS)
    data = made(inputs, labels, 3, given=labels, groups=labels)
    assert data.inputs is inputs
    assert data.labels is data.given is data.groups is labels
    images = np.zeros((6, 4, 4, 3), np.uint8)
    assert made(images, labels, 3).inputs is images


COLUMNS: dict[str, tuple[Any, str]] = {
    "missing": ([1.0, None, 3, 4, 5, 6], r"column 'odd': missing values .* 1 of them, .* row 1"),
    "nullable": (pd.array([1, 2, 3, 4, 5, None], dtype="Int64"), "column 'odd': missing .*row 5"),
    "text": ([*"abcabc"], "column 'odd' holds text; .*OneHotEncoder"),
    "categories": (pd.Categorical([*"abcabc"]), "column 'odd' holds categories; .*OneHotEncoder"),
    "objects": (pd.Series([1, "a", 2, 3, 4, 5], dtype=object), "column 'odd' holds objects"),
    "dates": (pd.date_range("2020", periods=6), "column 'odd' holds dates; .* days since"),
    "durations": (pd.to_timedelta(np.arange(6)), "column 'odd' holds durations"),
    "complex": (np.ones(6, complex), "column 'odd' holds complex numbers"),
    "beyond float32": ([1.0, 1e39, 0, 0, 0, 0], "column 'odd': 1e.39 in row 1 .* beyond float32"),
    "infinite": ([1.0, np.inf, 0, 0, 0, 0], "column 'odd': inf in row 1 is infinite"),
    "an id": ([2**24 + 1, 0, 1, 2, 3, 4], "column 'odd': 16777217 in row 0 .* an id"),
    "a large id": (np.arange(6, dtype="u8") + 2**63 + 1, "column 'odd': .* a whole number beyond"),
    "close": (1.7e9 + np.arange(6), "column 'odd': its numbers differ by so little"),
    "tiny": (1e-60 * np.arange(6), "column 'odd': its numbers differ by so little"),
}  # fmt: skip


@pytest.mark.parametrize(("column", "says"), COLUMNS.values(), ids=COLUMNS)
def test_what_would_be_lost_is_refused_by_the_column(column: Any, says: str) -> None:
    frame = FRAME.assign(odd=column)
    with pytest.raises(BadData, match=f"^mine: {says}") as caught:
        made(frame, LABELS)
    assert "\n" not in str(caught.value)


ARRAYS: dict[str, tuple[Any, str]] = {
    "ragged": ([[1, 2], [3]], "rows differ in length"),
    "text": ([["a", "b"]] * 6, "inputs: text"),
    "objects": (TABLE.astype(object), "inputs: objects"),
    "no array": ({"a": 1}, "inputs are a dict"),
    "a generator": ((row for row in TABLE), "inputs are a generator"),
    "NaN": (np.full((6, 2), np.nan), "missing values"),
    "beyond float32": (TABLE * 1e300, "in row 0, column 0 is infinite or beyond float32"),
    "masked": (np.ma.masked_equal(TABLE, 7), "missing values .* row 2"),
    "no columns": (FRAME[[]], "no columns"),
    "channels first": (np.zeros((6, 3, 32, 32), np.uint8), r"inputs.transpose\(0, 2, 3, 1\)"),
    "grey, channels first": (torch.zeros(6, 1, 28, 28, dtype=torch.uint8), "channels first"),
    "images as integers": (np.full((6, 9, 9, 3), 200), r"inputs.astype\(np.uint8\)"),
    "bytes in rows": (np.zeros((6, 9), np.uint8), "N, H, W, C"),
}


@pytest.mark.parametrize(("inputs", "says"), ARRAYS.values(), ids=ARRAYS)
def test_arrays_that_would_lose_something_are_refused(inputs: Any, says: str) -> None:
    with pytest.raises(BadData, match=says):
        made(inputs, LABELS)


def test_a_sparse_matrix_is_refused_with_the_remedy() -> None:
    from scipy.sparse import csr_matrix

    with pytest.raises(BadData, match=r"use \.toarray\(\)"):
        made(csr_matrix(TABLE), LABELS)


def test_a_column_that_is_constant_but_for_rounding_is_no_loss() -> None:
    column = np.where(np.arange(6) % 2, 0.3, 0.1 + 0.2)
    data = made(FRAME.assign(c=column), LABELS)
    assert data.inputs[:, 2].tolist() == [np.float32(0.3)] * 6


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_grey_images_get_their_channel(kind: Callable[[Any], Any]) -> None:
    images = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5)
    data = made(kind(images), LABELS)
    assert data.is_images
    assert data.shape == (1, 4, 5)
    assert np.array_equal(data.inputs[..., 0], images)


TEXTS = ["cat", "dog", "bee", "cat", "dog", "bee"]
NAMED: dict[str, tuple[Any, list[int], tuple[str, ...]]] = {
    "list": (TEXTS, [1, 2, 0, 1, 2, 0], ("bee", "cat", "dog")),
    "array": (np.array(TEXTS), [1, 2, 0, 1, 2, 0], ("bee", "cat", "dog")),
    "objects": (np.array(TEXTS, dtype=object), [1, 2, 0, 1, 2, 0], ("bee", "cat", "dog")),
    "Series": (pd.Series(TEXTS), [1, 2, 0, 1, 2, 0], ("bee", "cat", "dog")),
    "Index": (pd.Index(TEXTS), [1, 2, 0, 1, 2, 0], ("bee", "cat", "dog")),
    "DataFrame": (pd.DataFrame({"y": TEXTS}), [1, 2, 0, 1, 2, 0], ("bee", "cat", "dog")),
    "categories": (
        pd.Series(pd.Categorical(TEXTS, ["owl", "dog", "cat", "bee"])),
        [1, 0, 2, 1, 0, 2], ("dog", "cat", "bee"),
    ),
    "digits": (["10", "9", "2", "10", "9", "2"], [2, 1, 0, 2, 1, 0], ("2", "9", "10")),
    "Categorical": (pd.Categorical(TEXTS), [1, 2, 0, 1, 2, 0], ("bee", "cat", "dog")),
    "bools": ([True, False] * 3, [1, 0] * 3, ("False", "True")),
    "nullable": (pd.array([True, False] * 3, dtype="boolean"), [1, 0] * 3, ("False", "True")),
}  # fmt: skip


@pytest.mark.parametrize(("labels", "ids", "names"), NAMED.values(), ids=NAMED)
def test_labels_with_names_become_class_ids(labels: Any, ids: Any, names: Any) -> None:
    data = made(FRAME, labels)
    assert data.labels.tolist() == ids
    assert data.labels.dtype == np.int64
    assert (data.class_names, data.num_classes) == (names, len(names))
    again = dataclasses.replace(data, name="again")
    assert (again.class_names, again.sha256) == (data.class_names, data.sha256)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS, np.array(LABELS, np.int8), np.array(LABELS, np.uint64), np.array(LABELS, float),
        torch.tensor(LABELS), torch.tensor(LABELS).float(), pd.Series(LABELS, dtype="Int8"),
        pd.DataFrame({"y": LABELS}), [torch.tensor(label) for label in LABELS],
    ],
)  # fmt: skip
def test_whole_numbers_are_class_ids_and_classes_are_counted(labels: Any) -> None:
    data = made(FRAME, labels)
    assert (data.labels.tolist(), data.num_classes, data.class_names) == (LABELS, 3, ())
    assert made(FRAME, labels, 5).num_classes == 5


BAD_LABELS: dict[str, tuple[Any, str]] = {
    "from 1 on": ([1, 2, 3] * 2, r"no label is 0, .* give num_classes=4 .* labels.astype\(str\)"),
    "a gap": ([0, 2, 5] * 2, "no label is 1, and labels go from 0 to 5"),
    "negative": ([-1, 0, 1] * 2, "count from 0 on; one is -1"),
    "fractions": ([0.5, 1, 2] * 2, "labels hold fractions, 0.5 is one"),
    "missing": ([0, None, 1] * 2, "labels: missing values .* 2 of them, the first in row 1"),
    "missing text": (["a", None, "b"] * 2, "labels: missing values"),
    "NaN": ([0, np.nan, 1] * 2, "labels: missing values"),
    "missing, nullable": (pd.array([0, None, 1] * 2, dtype="Int64"), "labels: missing values"),
    "mixed": (["a", 1, 2] * 2, "labels hold int and text"),
    "dates": (pd.date_range("2020", periods=6), "labels"),
    "one-hot": (np.eye(3)[LABELS].astype(int), r"do not match .* \.argmax\(1\)"),
    "two columns": (FRAME, "labels are a table of 2 columns"),
    "huge": (np.array(LABELS, np.uint64) + np.uint64(2**63), "beyond int64"),
}


@pytest.mark.parametrize(("labels", "says"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_labels_that_are_no_classes_are_refused(labels: Any, says: str) -> None:
    with pytest.raises(BadData, match=says) as caught:
        made(FRAME, labels)
    assert "\n" not in str(caught.value)


def test_given_labels_and_true_ones_have_their_names_in_common() -> None:
    data = made(FRAME, ["a", "b", "c"] * 2, given=["a", "b", "d"] * 2)
    assert data.given is not None
    assert [data.class_names[i] for i in data.given] == ["a", "b", "d"] * 2
    assert [data.class_names[i] for i in data.labels] == ["a", "b", "c"] * 2
    with pytest.raises(BadData, match="of two kinds"):
        made(FRAME, ["a", "b", "c"] * 2, given=LABELS)


def test_the_order_of_names_may_be_said() -> None:
    texts: Any = ["low", "high"] * 3
    data = made(FRAME, texts, class_names=("low", "high"))
    assert data.labels.tolist() == [0, 1] * 3
    with pytest.raises(BadData, match="'low' is none of class_names"):
        made(FRAME, texts, class_names=("high", "higher"))
    with pytest.raises(BadData, match="leave num_classes out"):
        made(FRAME, texts, 3)


@pytest.mark.parametrize(
    "groups", [[0, 1] * 3, pd.Series([0.0, 1] * 3), np.array([0, 1] * 3, "i1")]
)
def test_groups_of_any_whole_numbers_are_taken(groups: Any) -> None:
    data = made(FRAME, LABELS, groups=groups)
    assert data.groups is not None
    assert data.groups.dtype == np.int64
    assert data.groups.tolist() == [0, 1] * 3


def test_groups_that_are_text_are_refused_with_the_remedy() -> None:
    with pytest.raises(BadData, match="factorize"):
        made(FRAME, LABELS, groups=[*"abcabc"])


def test_rows_in_another_order_are_noticed_by_their_index() -> None:
    labels: Any = pd.Series(LABELS)
    with pytest.raises(BadData, match=r"use labels.loc\[inputs.index\]"):
        made(FRAME[::-1], labels)
    data = made(FRAME[::-1], labels.loc[FRAME.index[::-1]])
    assert data.labels.tolist() == LABELS[::-1]
    other: Any = pd.Series(LABELS, index=range(10, 16))
    assert made(FRAME, other).labels.tolist() == LABELS


@given(st.lists(st.sampled_from(["a", "b", "c", "10", "9", "é", " "]), min_size=1, max_size=20))
def test_text_comes_back_from_ids_and_names(texts: list[str]) -> None:
    data = made(np.zeros((len(texts), 1)), texts)
    assert [data.class_names[i] for i in data.labels] == texts
    assert data.num_classes == len(set(texts))


@given(st.lists(st.floats(-3e38, 3e38, allow_subnormal=False), min_size=2, max_size=8))
def test_a_column_is_kept_to_a_thousandth_of_its_range_or_refused(column: list[float]) -> None:
    try:
        data = made(np.array(column)[:, None], [0] * len(column), 2)
    except BadData:
        return
    spread = max(column) - min(column)
    if not spread:
        return  # a constant says nothing, whatever it is
    moved = np.abs(data.inputs[:, 0].astype(float) - column).max()
    assert moved <= max(1e-3 * spread, 1e-7 * max(map(abs, column)))
