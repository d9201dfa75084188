"""One colour a method, in every picture."""

from __future__ import annotations

import itertools

import pytest

from weightbench.registry import LOWER_ANCHOR, SUBJECT, SUITES, UPPER_ANCHOR, WEIGHTERS
from weightbench.report.looks import colour_of, look_of

PAPERS = {False: ("#ffffff", "#f4f6f9"), True: ("#0f151b", "#182029")}  # of the page and figures
FEW = 7  # methods that still have a colour each


def luminance(colour: str) -> float:
    """WCAG 2.1, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("weighter", [*WEIGHTERS.names(), "uniform+ft", "l2rw+ft", "mine.py:Mine"])
def test_every_colour_is_seen_on_its_paper(weighter: str, dark: bool) -> None:
    for paper in PAPERS[dark]:
        shades = sorted([luminance(colour_of(weighter, dark=dark)), luminance(paper)])
        assert (shades[1] + 0.05) / (shades[0] + 0.05) >= 3


def test_plain_training_oracle_and_the_subject_are_like_nobody_else() -> None:
    others = {colour_of(name) for name in WEIGHTERS.names() if not name.startswith(SUBJECT)}
    others -= {colour_of(LOWER_ANCHOR), colour_of(UPPER_ANCHOR)}
    assert colour_of(SUBJECT) not in others
    assert colour_of(LOWER_ANCHOR) != colour_of(UPPER_ANCHOR)
    assert look_of(LOWER_ANCHOR).dash
    assert look_of(UPPER_ANCHOR).dash
    forms = [name for name in WEIGHTERS.names() if name.startswith(f"{SUBJECT}-")]
    assert {colour_of(name) for name in [*forms, f"{SUBJECT}+ft"]} == {colour_of(SUBJECT)}


@pytest.mark.parametrize("suite", SUITES.names())
def test_no_two_methods_of_a_suite_look_alike(suite: str) -> None:
    names = SUITES.get(suite).weighters
    for one, other in itertools.combinations(names, 2):
        assert look_of(one) != look_of(other), (one, other)
    if len(names) <= FEW:
        assert len({colour_of(name) for name in names}) == len(names)


def test_a_look_depends_on_the_name_alone() -> None:
    assert look_of("/home/me/mine.py:Mine") == look_of("mine.py:Mine")
    assert look_of("s-model+conf").dashes == tuple(map(float, look_of("s-model+conf").dash.split()))
