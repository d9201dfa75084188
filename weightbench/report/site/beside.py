"""What lies beside the page, for its links: records, downloads, source, documentation."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from urllib.parse import quote


@dataclasses.dataclass(frozen=True)
class Beside:
    """Addresses relative to the page; empty where there is nothing to lead to.

    Attributes:
        records: the folder with a file ``KEY.json`` for each record.
        board: the same numbers as JSON.
        home: the folder of the checkout, with README, ``docs/`` and ``methods/``.
    """

    records: str = ""
    board: str = ""
    home: str = ""

    @classmethod
    def of(cls, page: Path | None, store: Path) -> Beside:
        """What there is around a page that will lie at ``page``; None is nowhere yet."""
        if page is None:
            return cls()
        here = page.absolute().parent
        homes = [up for up in (here, *here.parents) if (up / "docs" / "leaderboard.md").is_file()]
        records = store.absolute() / "records"
        return cls(
            records=f"{_relative(records, here)}/" if records.is_dir() else "",
            board="board.json" if (here / "board.json").is_file() else "",
            home=f"{_relative(homes[0], here)}/" if homes else "",
        )


def _relative(path: Path, here: Path) -> str:
    return quote(os.fsencode(Path(os.path.relpath(path, here)).as_posix()))
