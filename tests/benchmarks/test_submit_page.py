"""docs/submit.md followed to the letter: a row on the board, reproduced, within three minutes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.submission.page import commands

SECONDS = 180


def test_the_page_leads_to_a_reproduced_row_in_time(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    start = time.monotonic()
    for command in commands():
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | {"PATH": path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        print(f"{time.monotonic() - start:6.1f} s  {' '.join(command[:3])}")
    assert "soft_agreement.py:SoftAgreement  reproduced" in done.stdout
    assert time.monotonic() - start < SECONDS
