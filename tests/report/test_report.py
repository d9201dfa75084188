"""The board in the terminal."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from tests.generated import anchored, cost, record, records, spread
from weightbench.records.schema import Cost, Record
from weightbench.report.cells import PLACES
from weightbench.report.export import to_markdown
from weightbench.report.terminal import print_boards
from weightbench.scoring import Board, Finding, board
from weightbench.scoring.wording import two_digits


def shown(*boards: Board, width: int = 160) -> str:
    out = io.StringIO()
    print_boards(boards, Console(file=out, width=width))
    return out.getvalue()


def printed(everything: list[Record], costs: list[Cost] | None = None, width: int = 160) -> str:
    return shown(board(everything, costs or []), width=width)


def row_of(text: str, name: str) -> list[str]:
    """The cells of a weighter in a board as it is printed."""
    found = [line.split() for line in text.splitlines()]
    return next(cells for cells in found if len(cells) > 4 and cells[1] == name)


def entries() -> list[Record]:
    table = anchored()
    for task in table:
        table[task]["good"] = spread(0.8, 8, 7)
    return records(table)


def test_every_weighter_and_task_is_there() -> None:
    made = board(entries(), [])
    lines = [line.split() for line in printed(entries()).splitlines()]
    rows = {line[1]: line for line in lines if len(line) > 1}
    assert [name for name in rows if name in ("good", "uniform", "oracle")] == [
        "good", "uniform", "oracle",
    ]  # fmt: skip
    for row in made.rows:
        accuracies = [f"{row.cells[task].accuracy.mean:.3f}" for task in ("a-v0", "b-v0")]
        assert [cell.rstrip("^-") for cell in rows[row.weighter][-2:]] == accuracies
    assert ["A", "a-v0"] in lines
    assert ["B", "b-v0"] in lines


def test_every_note_is_there_word_for_word() -> None:
    everything = [r for r in entries() if (r.trial.task, r.trial.weighter) != ("b-v0", "good")]
    made, words = board(everything, []), printed(everything, width=60).split()
    assert made.notes
    text = " ".join(words)
    for note in made.notes:
        assert " ".join(f"note: {note}".split()) in text


def test_the_winner_is_first_and_the_oracle_below_without_a_place() -> None:
    lines = [line.split() for line in printed(entries()).splitlines()]
    ranked = [line[:2] for line in lines if line[1:2] and line[1] in ("good", "uniform", "oracle")]
    assert ranked[:3] == [["1", "good"], ["2", "uniform"], ["-", "oracle"]]


def test_the_oracle_is_of_no_track() -> None:
    assert row_of(printed(entries()), "oracle")[2] == "-"


def test_cost_ratios_stand_in_their_row() -> None:
    costs = [cost("a-v0", "good", 3.25), cost("a-v0", "uniform", 1.07)]
    text = printed(entries(), costs)
    assert "3.2" in row_of(text, "good")
    assert row_of(text, "uniform")[-3:] == ["1", "1", "1"], "by definition"
    assert row_of(text, "oracle")[-3:] == ["-"] * 3, "not measured"
    assert "time" not in printed(entries()), "no column where nothing was measured"


def test_a_time_that_is_not_known_is_not_shown() -> None:
    """Its interval is wide, as on a busy machine."""
    busy = cost("a-v0", "good", 3.25).model_copy(update={"time_low": 1.0, "time_high": 9.0})
    made = board(entries(), [busy])
    row = next(row for row in made.rows if row.weighter == "good")
    assert row.cost
    assert not row.cost.time_known
    assert row_of(shown(made), "good")[-3] == "-"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.0123, "0.012"), (0.18, "0.18"), (0.996, "1.0"), (1.02, "1.0"), (4.94, "4.9"),
     (9.96, "10"), (12.3, "12"), (99.7, "100"), (123.0, "120")],
)  # fmt: skip
def test_ratios_have_two_digits(ratio: float, text: str) -> None:
    assert two_digits(ratio) == text


def test_a_failure_is_marked_in_its_cell_and_counted() -> None:
    everything = [r for r in entries() if (r.trial.weighter, r.trial.seed) != ("good", 0)]
    everything += [record("a-v0", "good", 0, None), record("b-v0", "good", 0, 0.8)]
    cells = row_of(printed(everything), "good")
    assert [cell for cell in cells if "*" in cell]
    assert cells[-1] == "1"


def test_a_row_shows_its_track_and_the_board_says_what_it_means() -> None:
    made = [
        record(t, name, s, 0.7, track=track)
        for t in ("a-v0", "b-v0")
        for s in range(8)
        for name, track in (("told", "E" if s == 3 else "A"), ("grouped", "D"))
    ]
    text = printed([*entries(), *made])
    assert row_of(text, "told")[:3][-1] == "E", "told once is told"
    assert row_of(text, "grouped")[:3][-1] == "D"
    says = "track: given A noisy data only; D groups of the training examples; E the noise rate"
    assert says in text


def test_every_line_of_a_markdown_table_has_as_many_cells() -> None:
    lost = [record(t, "lost", s, None) for t in ("a-v0", "b-v0") for s in range(8)]
    made = [*entries(), *lost]
    lines = [line for line in to_markdown([board(made)]).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1


def test_markup_in_a_name_is_text() -> None:
    name = "[bold red]boo[/]"
    hostile = [record(t, name, s, 0.7) for t in ("a-v0", "b-v0") for s in range(8)]
    assert name in printed([*entries(), *hostile])


def test_a_narrow_terminal_cuts_no_number() -> None:
    tasks = [f"task-{i}-v0" for i in range(9)]
    everything = records(anchored(tasks=tasks))
    narrow = printed(everything, width=72)
    assert "\N{HORIZONTAL ELLIPSIS}" not in narrow
    assert all(len(line) <= 72 for line in narrow.splitlines())
    for letter in "ABCDEFGHI":
        assert narrow.count(f"acc {letter}") == 1
    wide = [line for line in printed(everything).splitlines() if "oracle" in line]
    assert set(wide[0].split()) <= set(narrow.split())


LONG = "some/folder/of/mine/a_rather_long_name.py:AgreementWithALongName[power=8.5]+es+ft"


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("name", ["good", LONG])
def test_nothing_is_cut_off_and_nothing_is_too_wide(width: int, name: str) -> None:
    table = anchored(tasks=[f"a-task-with-a-name-{i}-v0" for i in range(5)])
    for task in table:
        table[task][name] = spread(0.8, 8, 7)
    table["a-task-with-a-name-0-v0"]["half"] = spread(0.6, 8, 3)
    made = board(records(table), [cost(task, name, 3.25) for task in table])
    found = Finding("best", "Best: " + name, "a sentence " * 30, (name,))
    text = shown(dataclasses.replace(made, findings=(found,)), width=width)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert max(map(len, text.splitlines())) <= width
    assert name in "".join(text.split()), "whole, if in parts"


def test_findings_come_first_and_the_legend_once() -> None:
    found = Finding("best", "Best: good, skill 0.75", "Not told apart from nobody.", ("good",))
    made = dataclasses.replace(board(entries()), findings=(found,), title="one", about="a suite")
    text = " ".join(shown(made, made).split())
    first = text.index("Best: good, skill 0.75. Not told apart from nobody.")
    assert text.index("one: a suite") < first < text.index("place weighter")
    assert text.count(PLACES) == 1
    assert text.count("skill: 0 is uniform") == 1
    assert text.endswith("track: given A noisy data only")


def test_the_best_of_a_task_and_the_worse_than_plain_are_marked() -> None:
    table = anchored()
    for task in table:
        table[task]["good"] = spread(0.8, 8, 7)
        table[task]["level"] = spread(0.8, 8, 9)
        table[task]["bad"] = spread(0.2, 8, 5)
    made = board(records(table))
    assert set(made.leaders["a-v0"]) == {"good", "level"}
    text = shown(made)
    for name, mark in (
        ("good", "^"),
        ("level", "^"),
        ("bad", "-"),
        ("uniform", ""),
        ("oracle", ""),
    ):
        cells = row_of(text, name)[-2:]
        assert {cell.lstrip("0123456789.") for cell in cells} == {mark}, name
    assert "scores: ^ the best of a task, or level with it; - worse than plain training" in text
    markdown = next(line for line in to_markdown([made]).splitlines() if "| good |" in line)
    assert markdown.count("**") == 6, "two tasks and skill"
    assert "^" not in to_markdown([made])


def test_where_all_are_level_none_is_marked() -> None:
    """A single seed tells nobody apart."""
    everything = [r for r in entries() if r.trial.seed == 0]
    text = printed(everything)
    assert "^" not in text
    assert not any("[" in cell for cell in row_of(text, "good")), "and there is no interval"


def test_colours_are_for_terminals_only() -> None:
    out = io.StringIO()
    print_boards([board(entries())], Console(file=out, force_terminal=True, width=120))
    assert "\x1b[1m" in out.getvalue()
    assert "\x1b" not in printed(entries())


def test_failures_have_a_column_only_where_there_are_some() -> None:
    assert "failed" not in printed(entries())
    assert "failed" in printed([*entries(), record("a-v0", "good", 99, None)])


def test_titles_stand_above_their_boards() -> None:
    out = io.StringIO()
    titled = dataclasses.replace(board(entries()), title="one [b]", about="what it is")
    print_boards([titled, titled], Console(file=out, width=160))
    assert out.getvalue().count("one [b]: what it is") == 2
