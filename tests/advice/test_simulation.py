"""The verdict on data sets of which the truth is known; ``simulation.py`` has all forty."""

from __future__ import annotations

import pytest

from tests.advice.simulation import one, summary

FEW = ("glc",)


@pytest.mark.slow
def test_where_weighting_pays_it_is_said_and_where_not_it_is_not() -> None:
    clean = one("none", 0, 900, 200, 0, FEW)
    assert clean.answer != "yes"
    assert clean.gain == 0
    biased = one("background", 0, 900, 200, 0, FEW)
    assert biased.answer == "yes"
    assert biased.gain > 0.1
    assert biased.low <= biased.gain <= biased.high
    assert "worth it said of 1 of 1" in summary([clean, biased])
