"""Tables, lists and tensors as the arrays of a data set, where nothing is lost by it.

Arrays that are right already pass through as they are. Whatever would lose something (a number that
float32 cannot hold, a missing value, text without an order) is refused in one line with the remedy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from weightbench.data.rounding import KINDS, REMEDIES, as_float32, by_row, refuse_missing
from weightbench.errors import BadData

Inputs = NDArray[np.uint8] | NDArray[np.float32]

_IMAGES = "(N, height, width, channels)"


def is_pandas(values: Any) -> bool:
    """Whether it is a DataFrame, a Series or an Index; pandas is not loaded for the question."""
    return type(values).__module__.partition(".")[0] == "pandas"


def as_inputs(name: str, values: object) -> Inputs:
    """Inputs as a network is given them.

    Args:
        name: of the data set, for errors.
        values: an array, DataFrame, Series, list or tensor of numbers or bools. uint8 arrays and
            tensors of three or four dimensions are images; all else becomes float32.

    Returns:
        (N, H, W, C) uint8 or (N, ...) float32; ``values`` itself where it is that.

    Raises:
        BadData: something would be lost, a value is missing, or images have their channels first.
    """
    values = _known(values)
    if is_pandas(values):
        return _table(name, values)
    array = _as_array(f"{name}: inputs", values)
    if array.dtype == np.uint8:
        return _images(name, array)
    if array.dtype == np.float32:
        return array
    if array.ndim == 4 and array.shape[-1] in (1, 3) and _are_bytes(array):
        raise BadData(
            f"{name}: inputs are {array.dtype} from 0 to 255 and look like images; use "
            "inputs.astype(np.uint8), or float32 for numbers taken as they are"
        )
    return as_float32(f"{name}: inputs", array)


def as_ids(what: str, values: object) -> NDArray[np.int64]:
    """Whole numbers, one per example, such as groups.

    Args:
        what: named in errors.
        values: integers, bools or whole floats of any kind, (N,).

    Returns:
        (N,) int64; ``values`` itself where it is that.

    Raises:
        BadData: they are something else, or one is missing.
    """
    array = one_dimension(what, values)
    if array.dtype.kind == "U":
        raise BadData(f"{what} are text; give pd.factorize(...)[0] and keep its names")
    return whole_numbers(what, array)


def one_dimension(what: str, values: Any) -> NDArray[Any]:
    """Ids or texts, one per example: bools, numbers or str, whoever keeps them.

    Raises:
        BadData: they are something else, or one is missing.
    """
    values = _known(values)
    if is_pandas(values):
        values = only_column(what, values)
        refuse_missing(what, values.isna().to_numpy())
        if hasattr(values, "cat"):
            values = values.astype(values.cat.categories.dtype)
        values = values.to_numpy(dtype=None if values.dtype.kind in "biuf" else object)
    array = _as_array(what, values)
    if array.dtype.kind == "O" or (array.dtype.kind in "US" and isinstance(values, list | tuple)):
        array = _of_one_kind(what, np.array([*values], dtype=object))
    if array.dtype.kind not in "biufUT":
        raise BadData(f"{what} are {KINDS.get(array.dtype.kind, array.dtype)}; use whole numbers")
    return array.astype(str) if array.dtype.kind == "T" else array


def whole_numbers(what: str, array: NDArray[Any]) -> NDArray[np.int64]:
    """Numbers as int64, where they are whole.

    Raises:
        BadData: they are not, or one is missing.
    """
    if array.dtype == np.int64:
        return array
    if array.dtype.kind == "f":
        refuse_missing(what, np.isnan(array))
        broken = array != np.floor(array)
        if broken.any():
            raise BadData(f"{what} hold fractions, {array[broken][0]} is one; use whole numbers")
    with np.errstate(invalid="ignore"):
        whole = array.astype(np.int64)
    if (whole != array).any():
        raise BadData(f"{what} hold numbers beyond int64; count them from 0 on")
    return whole


def _known(values: object) -> Any:
    """Tables of pyarrow and polars as pandas has them, tensors as arrays."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    to_pandas = None if isinstance(values, np.ndarray) else getattr(values, "to_pandas", None)
    return to_pandas() if callable(to_pandas) and not is_pandas(values) else values


def _as_array(what: str, values: Any) -> NDArray[Any]:
    """Any array as NumPy has it, lists too."""
    if isinstance(values, np.ma.MaskedArray):
        refuse_missing(what, by_row(np.ma.getmaskarray(values)))
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "toarray"):
        raise BadData(f"{what} are a sparse matrix; use .toarray()")
    if isinstance(values, list | tuple) and any(isinstance(v, torch.Tensor) for v in values):
        values = [v.detach().cpu().numpy() for v in values]
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise BadData(f"{what} are no array, their rows differ in length: {error}") from error
    if array.ndim == 0:
        raise BadData(f"{what} are a {type(values).__name__}; use an array, (N, ...)")
    return array


def _images(name: str, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images as they are; grey ones with their channel."""
    if array.ndim == 3:
        return array[..., None]
    if array.ndim != 4:
        raise BadData(f"{name}: uint8 inputs are images, (N, H, W, C); or use float32")
    if array.shape[1] in (1, 3) and array.shape[3] > 4:
        raise BadData(
            f"{name}: images of shape {array.shape} have their channels first, it seems; use "
            f"inputs.transpose(0, 2, 3, 1), which is {_IMAGES}"
        )
    return array


def _are_bytes(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "iu" and array.size > 0 and 0 <= array.min() <= array.max() <= 255


def _table(name: str, frame: Any) -> NDArray[np.float32]:
    """(N, columns) float32, column by column, so that each error has its name."""
    frame = frame if frame.ndim == 2 else only_column(f"{name}: inputs", frame).to_frame()
    if not frame.shape[1]:
        raise BadData(f"{name}: inputs have no columns")
    table = np.empty(frame.shape, np.float32)
    for i, column in enumerate(frame.columns):
        table[:, i] = _column(f"{name}: column {column!r}", frame.iloc[:, i])
    return table


def _column(what: str, series: Any) -> NDArray[np.float32]:
    if hasattr(series, "sparse"):
        series = series.sparse.to_dense()
    if hasattr(series, "cat"):
        if series.cat.categories.dtype.kind not in "biuf":
            raise BadData(f"{what} holds categories; {REMEDIES['U']}")
        series = series.astype(series.cat.categories.dtype) if not series.hasnans else series
    missing = series.isna().to_numpy()
    kind = getattr(series.dtype, "kind", "O")
    if kind in "OMmcU":  # pandas keeps text as objects and as a dtype of its own
        kind = "U" if kind == "O" and not _is_object(series) else kind
        raise BadData(f"{what} holds {KINDS[kind]}; {REMEDIES[kind]}")
    refuse_missing(what, missing)
    own = series.to_numpy(dtype={"b": np.bool_, "u": np.uint64, "i": np.int64}.get(kind, float))
    return as_float32(what, own)


def _is_object(series: Any) -> bool:
    """Whether a column holds Python objects that are not all of them text."""
    return str(series.dtype) == "object" and not all(isinstance(v, str) for v in series)


def only_column(what: str, values: Any) -> Any:
    """The one column of a DataFrame, or whatever else pandas has, as a Series.

    Raises:
        BadData: there are several columns.
    """
    if values.ndim == 2 and values.shape[1] != 1:
        raise BadData(f"{what} are a table of {values.shape[1]} columns; use one of them")
    if values.ndim == 2:
        return values.iloc[:, 0]
    import pandas as pd

    return values if isinstance(values, pd.Series) else pd.Series(values)


def _of_one_kind(what: str, objects: NDArray[Any]) -> NDArray[Any]:
    """Python objects as an array of texts, or of numbers.

    Raises:
        BadData: they are both, something else, or missing.
    """
    import pandas as pd

    if objects.ndim == 1:
        refuse_missing(what, np.asarray(pd.isna(objects)))
        kinds = sorted({"text" if isinstance(v, str) else type(v).__name__ for v in objects})
        if kinds == ["text"]:
            return objects.astype(str)
        array = np.array(objects.tolist())
        if "text" not in kinds and array.dtype.kind in "biuf":
            return array
        raise BadData(f"{what} hold {' and '.join(kinds[:3])}; use whole numbers or text alone")
    return objects


def same_rows(name: str, inputs: Any, **others: Any) -> None:
    """See that columns of pandas have the rows of the inputs in their order.

    Raises:
        BadData: they have the same rows in another order.
    """
    if not is_pandas(inputs):
        return
    for what, values in others.items():
        if not is_pandas(values) or len(values) != len(inputs) or not hasattr(values, "index"):
            continue
        one, other = inputs.index, values.index
        if not one.equals(other) and one.isin(other).all() and other.isin(one).all():
            raise BadData(
                f"{name}: {what} have the rows of the inputs in another order, by their index; use "
                f"{what}.loc[inputs.index], or .to_numpy() of both if the order is right"
            )


def as_row_ids(what: str, ids: ArrayLike, count: int) -> NDArray[np.str_] | NDArray[np.int64]:
    """Names of ``count`` examples: (count,) int64, or text of what is not integers.

    Raises:
        BadData: there are not as many, or two examples have one name.
    """
    array = np.asarray(ids)
    if array.shape != (count,):
        raise BadData(f"{what}: {array.shape} ids for {count} examples; use one per example")
    names = array.astype(np.int64 if np.issubdtype(array.dtype, np.integer) else np.str_)
    unique, counts = np.unique(names, return_counts=True)
    if len(unique) < count:
        raise BadData(
            f"{what}: {int((counts > 1).sum())} ids stand for more than one example; "
            f"{str(unique[counts > 1][0])!r} is one"
        )
    return names
