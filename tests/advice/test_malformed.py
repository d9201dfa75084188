"""Tables that cannot be used: one line that says what to do, and no traceback."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from weightbench.cli import main

Make = Callable[[Path], list[str]]
ROWS = [(i, i % 7, (i * 5) % 11 + 0.5, "ab"[i % 2]) for i in range(60)]
HEADER = "id,a,b,label"


def text(rows: Any = ROWS, header: str = HEADER) -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def file(content: str | bytes, *options: str, name: str = "t.csv", more: Any = ()) -> Make:
    """Write a table, and other files, and give the arguments of the command."""

    def make(folder: Path) -> list[str]:
        for other, inside in ((name, content), *more):
            raw = inside.encode() if isinstance(inside, str) else inside
            (folder / other).write_bytes(raw)
        placed = [str(folder / o) if o in dict(more) else o for o in options]
        return [str(folder / name), *placed]

    return make


def changed(place: int, column: int, value: object) -> str:
    rows = [list(row) for row in ROWS]
    rows[place][column] = value
    return text(rows)


def column(number: int, value: Callable[[int], object]) -> str:
    rows = [list(row) for row in ROWS]
    for i, row in enumerate(rows):
        row[number] = value(i)
    return text(rows)


def npz(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def png(shape: tuple[int, ...] = (8, 8)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.zeros(shape, np.uint8)).save(out, "png")
    return out.getvalue()


def folder(files: dict[str, bytes], *options: str) -> Make:
    def make(place: Path) -> list[str]:
        root = place / "images"
        root.mkdir()
        for name, content in files.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(content)
        return [str(root), *options]

    return make


def trusted(content: str | bytes, *options: str, name: str = "checked.csv") -> Make:
    return file(text(), "--trusted", name, *options, more=((name, content),))


CHECKED = "id,label\n" + "".join(f"{i},a\n" for i in range(30))
IMAGES = {f"{c}/{i}.png": png() for c in "ab" for i in range(25)}
X, Y = np.zeros((60, 3)), np.arange(60) % 2

CASES: dict[str, tuple[Make, str]] = {
    "no file": (lambda folder: [str(folder / "none.csv")], "there is no"),
    "another kind": (file("x", name="t.xlsx"), "is neither"),
    "empty": (file(""), "is empty"),
    "blank": (file("\n\n"), "is empty"),
    "header only": (file(HEADER + "\n"), "no rows"),
    "one column": (file("label\na\nb\n"), "one column"),
    "label alone": (
        file(text(), "--id", "a", "--group", "b", "--trusted", "id"), "no column beside",
    ),
    "long row": (file(text() + "1,2,3,a,9,9\n"), "line 62"),
    "short row": (file(text() + "1,2\n"), "line 62 has 2"),
    "open quote": (file(text() + '1,2,3,"a\n'), "no whole table"),
    "duplicate columns": (file(text(header="id,a,a,label")), "two columns 'a'"),
    "column without name": (file(text(header="id,a,,label")), "without a name"),
    "label misspelt": (file(text(), "--label", "lable"), "it has 'label'"),
    "label of other case": (file(text(), "--label", "LABEL"), "it has 'label'"),
    "no such id": (file(text(), "--id", "ids"), "it has 'id'"),
    "no such group": (file(text(), "--group", "site"), "--group"),
    "one class": (file(column(3, lambda i: "a")), "all labels"),
    "all labels differ": (file(text(), "--label", "id"), "an id"),
    "labels with decimals": (file(npz(X=X, label=Y + 0.25), name="t.npz"), "decimals"),
    "as many labels as rows": (file(column(3, lambda i: f"n{i // 2}")), "are classes"),
    "a label missing": (file(changed(7, 3, "")), "row 8 is the first"),
    "no label at all": (file(column(3, lambda i: "")), "60 of 60"),
    "few rows": (file(text(ROWS[:9])), "9 rows"),
    "infinity": (file(changed(3, 2, "inf")), "'b' holds infinity"),
    "huge number": (file(changed(3, 2, "1e300")), "too large"),
    "huge integer": (file(changed(3, 2, "9" * 400)), "too large"),
    "text among numbers": (file(changed(3, 2, "about 3")), r"'about 3' \(row 4\)"),
    "nothing but ids": (file(text([(i, 1, 1, y) for i, *_, y in ROWS])), "no column is left"),
    "binary": (file(bytes(range(256)) * 9), "no text"),
    "not UTF-8": (file(text().encode() + "60,1,2,é\n".encode("latin-1")), "UTF-8.*line 62"),
    "UTF-16": (file(text().encode("utf-16")), "no text"),
    "id twice": (file(changed(5, 0, 4), "--id", "id"), "stands twice"),
    "id missing": (file(changed(5, 0, ""), "--id", "id"), "no id"),
    "no trusted file": (file(text(), "--trusted", "nowhere.csv"), "there is no nowhere.csv"),
    "no trusted column": (file(text(), "--trusted", "checked"), "--trusted"),
    "trusted column of words": (file(text(), "--trusted", "a"), "true and false"),
    "the label is trusted": (file(text(), "--trusted", "label"), "is the label"),
    "trusted ids unknown": (trusted(CHECKED + "999,a\n", "--id", "id"), "'999'"),
    "trusted ids twice": (trusted(CHECKED + "3,b\n", "--id", "id"), "stands twice"),
    "trusted without label": (trusted("id,y\n1,a\n", "--id", "id"), "--label"),
    "trusted label missing": (trusted(CHECKED + "31,\n", "--id", "id"), "have no label"),
    "trusted with other columns": (trusted("a,c,label\n1,2,a\n"), "no column 'id'"),
    "few trusted": (trusted("id,label\n1,a\n", "--id", "id"), "1 rows are trusted"),
    "empty trusted": (trusted(""), "is empty"),
    "test of unknown class": (
        file(text(), "--test", "test.csv", more=(("test.csv", text([(1, 2, 3, "z")])),)), "'z'",
    ),
    "test with other columns": (
        file(text(), "--test", "t2.csv", more=(("t2.csv", "a,label\n1,a\n"),)), "'b' is missing",
    ),
    "npz with objects": (
        file(npz(X=np.array([{}, 1], object), label=Y), name="t.npz"), "not unpickled",
    ),
    "npz that is none": (file(b"PK\x03\x04rubbish", name="t.npz"), "damaged"),
    "npz without inputs": (file(npz(label=Y), name="t.npz"), "call it X"),
    "npz without labels": (file(npz(X=X), name="t.npz"), "no column 'label'"),
    "npz of two lengths": (file(npz(X=X, label=Y[:9]), name="t.npz"), "one value per row"),
    "npz of odd images": (file(npz(X=np.zeros((60, 5, 4, 7)), label=Y), name="t.npz"), "images"),
    "npz with infinity": (file(npz(X=X + np.inf, label=Y), name="t.npz"), "infinity|all rows"),
    "Parquet that is none": (file(b"PAR1rubbish", name="t.parquet"), "Parquet"),
    "folder without images": (folder({"a/x.txt": b""}), "no images"),
    "folder of one class": (folder({f"a/{i}.png": png() for i in range(50)}), "all labels"),
    "images of two sizes": (folder({**IMAGES, "b/99.png": png((9, 8))}), "one size"),
    "image that is none": (folder({**IMAGES, "b/99.png": b"rubbish"}), "b/99.png is damaged"),
    "truncated image": (folder({**IMAGES, "b/99.png": png()[:40]}), "b/99.png is damaged"),
    "column of a folder": (folder(IMAGES, "--trusted", "checked"), "no columns"),
    "unknown weighter": (file(text(), "--weighter", "unifrom"), "uniform"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_line_says_what_to_do(case: str, tmp_path: Path) -> None:
    make, says = CASES[case]
    command = ["advise", *make(tmp_path), "--out", str(tmp_path / "out"), "--workers", "0"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code in (1, 2), done.output
    (line,) = done.output.splitlines()
    assert line.startswith("error: ")
    assert len(line) < 400

    assert re.search(says, line), line
    assert not (tmp_path / "out" / "report.html").exists()
