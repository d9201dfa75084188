"""What is said of plug-ins, without importing them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from weightbench.registry import WEIGHTERS, WRAPPERS, Registry
from weightbench.registry.sentences import Said, said_of
from weightbench.registry.tracks import TRACKS
from weightbench.spec import parse_spec
from weightbench.training.weighter import make_weighter

ROOT = Path(__file__).parents[2]
BUILT_IN = [(r, name) for r in (WEIGHTERS, WRAPPERS) for name in r.names() if r.built_in(name)]


@pytest.mark.parametrize(("registry", "name"), BUILT_IN, ids=[name for _, name in BUILT_IN])
def test_each_weighter_and_wrapper_has_a_plain_sentence(registry: Registry[Any], name: str) -> None:
    track, sentence = said_of(registry, name)
    assert track in (*TRACKS, "-")
    assert sentence.endswith(".")
    assert sentence[0].isupper()
    assert len(sentence) <= 80
    assert not set("`=_^") & set(sentence), "a formula is for `weightbench show`"


def test_who_sees_what_is_hidden_has_no_track() -> None:
    for name in (name for registry, name in BUILT_IN if registry is WEIGHTERS):
        assert (said_of(WEIGHTERS, name).track == "-") == make_weighter(name).privileged


def test_tracks_are_those_that_trainings_were_of() -> None:
    """Of the published boards; a weighter with suffixes is of the highest of theirs."""
    boards = json.loads((ROOT / "leaderboard" / "board.json").read_text())["suites"]
    rows = [row for board in boards.values() for row in board["rows"]]
    compared = 0
    for row in rows:
        spec = parse_spec(row["weighter"])
        said = [said_of(WEIGHTERS, spec.name), *(said_of(WRAPPERS, w.name) for w in spec.wrappers)]
        if not make_weighter(row["weighter"]).privileged:
            assert max(one.track for one in said) == row["track"], row["weighter"]
            compared += 1
    assert compared > 40


def test_nothing_is_said_of_what_comes_from_elsewhere() -> None:
    assert said_of(WEIGHTERS, "no-such-weighter") == Said("", "")


def test_torch_stays_where_it_is() -> None:
    code = (
        "import sys; from weightbench.registry import WEIGHTERS; "
        "from weightbench.registry.sentences import said_of; "
        "assert said_of(WEIGHTERS, 'l2rw').sentence; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
