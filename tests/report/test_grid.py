"""Columns of text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from weightbench.report.grid import Column, full_width, least_width, lines_of

WORDS = st.text("abc de1.\N{CJK UNIFIED IDEOGRAPH-4E00}", max_size=60).map(str.strip)


@st.composite
def columns(draw: st.DrawFn) -> list[Column]:
    rows = draw(st.integers(1, 4))
    count = draw(st.integers(1, 4))
    folding = draw(st.integers(0, count))  # none of them where it is past the last
    made = []
    for i in range(count):
        texts = [Text(draw(WORDS)) for _ in range(rows)]
        signs = draw(st.lists(st.sampled_from(["", "^", "-*"]), min_size=rows, max_size=rows))
        made.append(Column(draw(WORDS), texts, draw(st.booleans()), signs, i == folding))
    return made


@given(columns(), st.integers(0, 40))
def test_nothing_is_lost_and_nothing_is_too_wide(made: list[Column], more: int) -> None:
    width = least_width(made) + more
    lines = list(lines_of(made, width))
    assert all(line.cell_len <= width for line in lines)
    shown = sorted("".join("".join(line.plain.split()) for line in lines))
    texts = [text for c in made for text in (c.head, *(cell.plain for cell in c.cells), *c.signs)]
    assert shown == sorted("".join("".join(text.split()) for text in texts))


@given(columns())
def test_where_there_is_room_a_row_is_a_line(made: list[Column]) -> None:
    lines = list(lines_of(made, full_width(made)))
    heads = any(column.head for column in made)
    assert len(lines) == len(made[0].cells) + heads
    for i, line in enumerate(lines[heads:]):
        for column in made:
            assert column.cells[i].plain in line.plain


def test_signs_move_no_number() -> None:
    numbers = [Text("0.9"), Text("0.8"), Text("12.5")]
    first = Column("one", numbers, signs=["^", "", "-"])
    lines = [line.plain for line in lines_of([first, Column("two", numbers)], 80)]
    assert lines == [" one   two", " 0.9^  0.9", " 0.8   0.8", "12.5- 12.5"]
