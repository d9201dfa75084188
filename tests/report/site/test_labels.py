"""Labels of the scatter."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from weightbench.report.site.labels import Box, place
from weightbench.report.site.pictures import scatter

ROOM = Box(0, 0, 760, 400)


def test_a_lone_label_stands_right_of_its_mark() -> None:
    (found,) = place([(100, 200, "l2rw")], ROOM, [Box.around(100, 200, 7)], [])
    assert found is not None
    assert found[0] > 107
    assert abs(found[1] - 200) < 10


def test_a_label_without_room_is_left_out() -> None:
    wall = [Box(0, 0, 760, 400)]
    assert place([(100, 200, "l2rw")], ROOM, wall, []) == [None]


POINT = st.tuples(st.floats(0.1, 50), st.floats(-1, 1.2))


@given(st.lists(POINT, min_size=1, max_size=40))
def test_labels_cover_neither_marks_nor_each_other(points: list[tuple[float, float]]) -> None:
    made = scatter([(f"weighter-{i}", c, s, s - 0.1, s + 0.1) for i, (c, s) in enumerate(points)])
    assert made is not None
    labels = [
        Box(d.label_x, d.label_y - 11, d.label_x + 7 * len(d.label), d.label_y + 3)
        for d in made.dots
        if d.label
    ]
    assert all(one.overlap(other) == 0 for one, other in itertools.combinations(labels, 2))
    marks = [Box.around(dot.x, dot.y, 5) for dot in made.dots]
    assert all(label.overlap(mark) == 0 for label in labels for mark in marks)
    assert all(0 <= dot.x <= made.width and 0 <= dot.y <= made.height for dot in made.dots)
