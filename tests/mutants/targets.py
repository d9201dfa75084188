"""What is edited, and the tests nearest to it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    """Files, as patterns from the root of the repository, and tests that are to notice."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


TARGETS = {
    "scoring": Target(("weightbench/scoring/*.py",), ("tests/scoring",)),
    "records": Target(("weightbench/records/*.py",), ("tests/records",)),
    "corruption": Target(("weightbench/data/corruption.py",), ("tests/data/test_corruption.py",)),
    "examining": Target(
        ("weightbench/submission/examining.py", "weightbench/submission/verifying.py"),
        ("tests/submission/test_hostile.py", "tests/submission/test_submitting.py"),
    ),
    "rerun": Target(("weightbench/submission/rerun.py",), ("tests/submission/test_rerun.py",)),
}
