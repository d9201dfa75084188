"""Submissions to the leaderboard: making one, reading a foreign one safely, and believing it.

Whoever reads a submission runs nothing of it; only :func:`train_again` does, when it is asked to.
"""

from weightbench.submission.manifest import BADGES, Badge, Evidence, Manifest
from weightbench.submission.published import Published, Told, published
from weightbench.submission.reading import Submission, read

__all__ = [
    "BADGES",
    "Badge",
    "Evidence",
    "Manifest",
    "Published",
    "Submission",
    "Told",
    "published",
    "read",
]
