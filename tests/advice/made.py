"""Small tables whose truth is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WORDS = np.array(["ash", "beech", "elm"])


@dataclasses.dataclass(frozen=True, eq=False)
class Made:
    """A table, what stands in it and what is right."""

    frame: pd.DataFrame
    right: NDArray[Any]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """(n,) bool, whose label is wrong."""
        found: NDArray[np.bool_] = self.frame["label"].to_numpy(object) != self.right
        return found

    def checked(self, count: int) -> pd.DataFrame:
        """Ids and right labels of the first rows."""
        rows = {"id": self.frame["id"][:count], "label": self.right[:count]}
        table: pd.DataFrame = pd.DataFrame(rows)
        return table


def made(rows: int = 400, noise: float = 0.25, seed: int = 0) -> Made:
    """Three kinds of trees: two measurements, a text, a date, and all that is left out."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(3, size=rows)
    measured = rng.normal(size=(rows, 2)) + 3 * np.stack([kinds == 1, kinds == 2], axis=1)
    given = np.where(rng.random(rows) < noise, (kinds + rng.integers(1, 3, rows)) % 3, kinds)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D")
    frame = pd.DataFrame(
        {
            "id": [f"t{i:04}" for i in range(rows)],
            "height": measured[:, 0].round(3),
            "girth": np.where(rng.random(rows) < 0.1, np.nan, measured[:, 1].round(3)),
            "soil": np.array(["clay", "sand", "chalk"])[rng.integers(3, size=rows)],
            "seen": days.strftime("%Y-%m-%d"),
            "country": "here",
            "note": [f"remark {i}" for i in range(rows)],
            "label": WORDS[given],
        }
    )
    return Made(frame, WORDS[kinds].astype(object))


def written(folder: Path, table: Made, trusted: int = 80) -> tuple[Path, Path]:
    """The table and its trusted rows as files."""
    data, checked = folder / "trees.csv", folder / "checked.csv"
    table.frame.to_csv(data, index=False)
    table.checked(trusted).to_csv(checked, index=False)
    return data, checked
