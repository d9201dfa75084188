"""Specs: the written form round-trips, and mistakes are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightbench.errors import BadSpec, UnknownParameter
from weightbench.spec import Spec, Value, checked_params, defaults_of, parse, suggest

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
    assert parse(str(spec)) == spec


@given(specs())
def test_json_round_trips(spec: Spec) -> None:
    assert Spec.from_json(spec.to_json()) == spec


def test_a_path_may_hold_any_sign() -> None:
    spec = parse("/tmp/a+b [c]/my.py:Mine[k=2]+ft[steps=3]")
    assert spec.name == "/tmp/a+b [c]/my.py:Mine"
    assert spec.params == (("k", 2),)
    assert spec.wrappers == (Spec("ft", (("steps", 3),)),)


@pytest.mark.parametrize(
    "text", ["", "a[", "a]b", "a[x]", "a[=1]", "a[x=]", "a[x=1,x=2]", "a[x y=1]", "a++b", "a[1=2]"]
)
def test_unreadable_text_is_refused(text: str) -> None:
    with pytest.raises(BadSpec):
        parse(text)


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
