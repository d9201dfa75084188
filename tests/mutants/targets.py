"""What is edited, and the tests nearest to it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    """Files, as patterns from the root of the repository, and tests that are to notice.

    ``slow`` are those of them that take seconds and notice nothing that the others do not.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    slow: tuple[str, ...] = ()


TARGETS = {
    "scoring": Target(("weightbench/scoring/*.py",), ("tests/scoring",)),
    "records": Target(
        ("weightbench/records/*.py", "weightbench/files.py"),
        ("tests/records", "tests/test_files.py"),
        (
            "tests/records/test_store.py::test_two_hundred_kills_lose_nothing",
            "tests/records/test_store.py::test_random_bit_flips_are_never_believed",
            "tests/records/test_records.py::test_a_thousand_malformed_records",
        ),
    ),
    "identity": Target(
        ("weightbench/identity/*.py", "weightbench/training/signature.py"),
        (
            "tests/identity",
            "tests/training/test_fingerprint.py",
            "tests/training/test_every_part.py",
        ),
    ),
    "corruption": Target(("weightbench/data/corruption.py",), ("tests/data/test_corruption.py",)),
    "examining": Target(
        (
            "weightbench/submission/examining.py",
            "weightbench/submission/possible.py",
            "weightbench/submission/verifying.py",
        ),
        (
            "tests/submission/test_copies.py",
            "tests/submission/test_hostile.py",
            "tests/submission/test_submitting.py",
        ),
    ),
    "rerun": Target(
        ("weightbench/submission/rerun.py", "weightbench/submission/comparing.py"),
        ("tests/submission/test_rerun.py", "tests/submission/test_comparing.py"),
        ("tests/submission/test_rerun.py::test_one_that_ends_the_process_is_told",),
    ),
}
