"""``python -m weightbench.submission BEFORE AFTER``: what continuous integration asks.

BEFORE and AFTER are checkouts without and with a pull request. Prints the folder of the submission
that is added, or one line that says what is wrong, with exit status 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from weightbench.errors import SubmissionError
from weightbench.submission.changes import added
from weightbench.texts import terminal

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m weightbench.submission BEFORE AFTER")
    try:
        print(added(Path(sys.argv[1]), Path(sys.argv[2])))
    except SubmissionError as error:
        sys.exit(terminal(f"error: {error}"))
