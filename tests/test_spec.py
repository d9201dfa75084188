"""Specs: the written form round-trips, and mistakes are named."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import weightbench as wb
from weightbench.data.corruption import BackgroundFlip
from weightbench.errors import BadSpec, UnknownParameter
from weightbench.spec import (
    Spec,
    Value,
    checked_params,
    defaults_of,
    differing,
    parse_spec,
    suggest,
    types_of,
)

names = st.from_regex(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", fullmatch=True)
values = st.one_of(
    st.booleans(),
    st.none(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    names.filter(lambda text: text not in ("true", "false", "null")),
)
parameters = st.dictionaries(st.from_regex(r"[a-z][a-z_]*", fullmatch=True), values, max_size=3)


@st.composite
def specs(draw: st.DrawFn, depth: int = 1) -> Spec:
    wrappers = draw(st.lists(specs(depth - 1), max_size=2)) if depth else []
    params = tuple(sorted(draw(parameters).items()))
    return Spec(draw(names), params, tuple(wrappers))


@given(specs())
def test_text_round_trips(spec: Spec) -> None:
    assert parse_spec(str(spec)) == spec


@given(specs())
def test_json_round_trips(spec: Spec) -> None:
    assert Spec.from_json(spec.to_json()) == spec


def test_a_path_may_hold_any_sign() -> None:
    spec = parse_spec("/tmp/a+b [c]/my.py:Mine[k=2]+ft[steps=3]")
    assert spec.name == "/tmp/a+b [c]/my.py:Mine"
    assert spec.params == (("k", 2),)
    assert spec.wrappers == (Spec("ft", (("steps", 3),)),)


@pytest.mark.parametrize(
    "text", ["", "a[", "a]b", "a[x]", "a[=1]", "a[x=]", "a[x=1,x=2]", "a[x y=1]", "a++b", "a[1=2]"]
)
def test_unreadable_text_is_refused(text: str) -> None:
    with pytest.raises(BadSpec):
        parse_spec(text)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": 1}', "nonsense"])
def test_unreadable_json_is_refused(text: str) -> None:
    with pytest.raises(BadSpec):
        Spec.from_json(text)


def test_parameters_take_the_type_of_their_default() -> None:
    defaults: dict[str, Value] = {"noise": 0.4, "steps": 3, "flag": True, "kind": "a", "free": None}
    assert checked_params("x", [("noise", 1)], defaults) == {"noise": 1.0}
    assert checked_params("x", [("free", "any")], defaults) == {"free": "any"}
    for wrong in (("steps", 2.5), ("steps", True), ("flag", 1), ("kind", 3), ("noise", "much")):
        with pytest.raises(UnknownParameter, match="expected a"):
            checked_params("x", [wrong], defaults)


@dataclasses.dataclass
class Typed:
    """Parameters of every kind; annotations of this module are text when the class is made."""

    count: int | None = None
    share: float = 1
    either: int | str = 0
    kind: Literal["soft", "hard"] = "soft"
    flag: bool | None = None
    text: str | None = None
    many: tuple[int, ...] = (1, 2)
    few: Sequence[int] | None = None
    array: Tensor | None = None
    anything: Any = None
    later: "Unheard | None" = None  # type: ignore[name-defined]  # noqa: F821, UP037


class Handwritten:
    def __init__(self, count: Optional[int] = None, plain=2, free=None) -> None:  # type: ignore[no-untyped-def] # noqa: UP045
        self.count = count


def typed(name: str, value: Any, cls: type = Typed) -> Any:
    return checked_params("x", [(name, value)], defaults_of(cls), types_of(cls))[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 3), ("count", None), ("share", 0.9), ("share", 2), ("either", 1), ("either", "a"),
        ("kind", "hard"), ("flag", True), ("flag", None), ("text", "abc"), ("text", None),
        ("anything", 1.5), ("later", "abc"),
    ],
)  # fmt: skip
def test_parameters_have_the_type_of_their_annotation(name: str, value: Any) -> None:
    assert typed(name, value) == value
    assert isinstance(typed("share", 2), float)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("count", "abc", r"x\[count=abc\]: expected an int or null"),
        ("count", 1.5, "an int or null"),
        ("count", 1.0, "an int or null"),
        ("count", True, "an int or null"),
        ("share", "much", "a float such as 1"),
        ("share", False, "a float"),
        ("either", 1.5, "an int or str"),
        ("kind", "medium", "a value out of soft, hard"),
        ("flag", 1, "a bool or null"),
        ("text", 3, "a str or null"),
        ("many", 3, "cannot be given in brackets"),
        ("few", "abc", r"Sequence\[int\]"),
        ("array", "abc", "a Tensor or null"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: Any, says: str) -> None:
    with pytest.raises(UnknownParameter, match=says) as caught:
        typed(name, value)
    assert "\n" not in str(caught.value)


def test_annotations_of_a_constructor_count_and_defaults_where_there_are_none() -> None:
    assert typed("count", 3, Handwritten) == 3
    assert typed("plain", 3, Handwritten) == 3
    assert typed("free", "any", Handwritten) == "any"
    for name, value in (("count", "abc"), ("plain", 1.5), ("plain", True)):
        with pytest.raises(UnknownParameter, match="expected an int"):
            typed(name, value, Handwritten)


class Inherits(Handwritten):
    """Has the constructor of a class from elsewhere, as far as it knows."""


def test_a_constructor_is_typed_where_it_was_written() -> None:
    assert types_of(Inherits) == types_of(Handwritten)
    assert types_of(BackgroundFlip)["background"] == int | None


some_values = st.one_of(values, st.sampled_from(["soft", "hard"]))


@given(st.sampled_from([field.name for field in dataclasses.fields(Typed)]), some_values)
def test_what_is_accepted_round_trips(name: str, value: Value) -> None:
    """Its canonical form is read again as the same value of the same type."""
    try:
        taken = typed(name, value)
    except UnknownParameter:
        return
    assert taken == value
    spec = Spec("x", differing({name: taken}, defaults_of(Typed)))
    again = checked_params("x", parse_spec(str(spec)).params, defaults_of(Typed), types_of(Typed))
    assert again == ({} if taken == defaults_of(Typed)[name] else {name: taken})
    assert all(type(other) is type(taken) for other in again.values())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("uniform+ft[steps=abc]", r"ft\[steps=abc\]: expected an int or null"),
        ("cifar10-background-flip-v0[background=abc]", "expected an int or null"),
        ("mnist49-imbalance-v0[total=x]", "expected an int or null"),
        ("digits-uniform-flip-v0[steps=1.5]", "expected an int such as 400"),
        ("digits-uniform-flip-v0[milestones=1]", "cannot be given in brackets"),
    ],
)
def test_what_would_fail_in_the_end_is_refused_at_the_start(text: str, says: str) -> None:
    with pytest.raises(UnknownParameter, match=says):
        (wb.make_task if "-v0" in text else wb.make_weighter)(text)


@pytest.mark.parametrize(
    "text",
    [
        "mnist49-imbalance-v0[ratio=0.98,steps=2000]", "mnist49-imbalance-v0[ratio=0.9,steps=2000]",
        "cifar10-background-flip-v0[background=3,clean=1]", "cifar10-background-flip-v0[noise=0.0]",
    ],
)  # fmt: skip
def test_published_specs_stay_as_they_are(text: str) -> None:
    assert wb.make_task(text).name == text


def test_an_unknown_parameter_suggests_the_nearest() -> None:
    with pytest.raises(UnknownParameter, match="Did you mean noise"):
        checked_params("x", [("nois", 1)], {"noise": 0.4})
    with pytest.raises(UnknownParameter, match="has no parameters"):
        checked_params("x", [("nois", 1)], {})


def test_a_parameter_without_default_is_refused() -> None:
    def needs(a: int, b: int = 2) -> None: ...

    with pytest.raises(BadSpec, match="'a'"):
        defaults_of(needs)
    assert defaults_of(needs, skip=1) == {"b": 2}


def test_suggestions() -> None:
    assert "uniform" in suggest("unifrom", ["uniform", "random"])
    assert "random" in suggest("qqqqqq", ["uniform", "random"])
    assert suggest("anything", []) == ""
