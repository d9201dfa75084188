"""The board in the terminal."""

from __future__ import annotations

import dataclasses
import io

from rich.console import Console

from tests.generated import anchored, cost, record, records, spread
from weightbench.records.schema import Cost, Record
from weightbench.report.export import to_markdown
from weightbench.report.terminal import print_board, print_boards
from weightbench.scoring import board


def printed(everything: list[Record], costs: list[Cost] | None = None, width: int = 160) -> str:
    out = io.StringIO()
    print_board(board(everything, costs or []), Console(file=out, width=width))
    return out.getvalue()


def line_of(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


def entries() -> list[Record]:
    table = anchored()
    for task in table:
        table[task]["good"] = spread(0.8, 8, 7)
    return records(table)


def test_every_weighter_and_task_is_there() -> None:
    shown = board(entries(), [])
    lines = [line.split() for line in printed(entries()).splitlines()]
    rows = {line[1]: line for line in lines if len(line) > 1}
    assert [row.weighter for row in shown.rows] == ["oracle", "good", "uniform"]
    for row in shown.rows:
        accuracies = [f"{row.cells[task].accuracy.mean:.3f}" for task in ("a-v0", "b-v0")]
        assert rows[row.weighter][-2:] == accuracies
    assert ["A", "a-v0"] in lines
    assert ["B", "b-v0"] in lines
    assert len(shown.notes) == 1
    assert ["note:", *shown.notes[0].split()] in lines


def test_the_best_has_rank_1_and_the_oracle_none() -> None:
    text = printed(entries())
    assert line_of(text, "good").split()[0] == "1"
    assert line_of(text, "oracle").split()[0] == "-"


def test_cost_ratios_stand_in_their_row() -> None:
    assert "3.25" in line_of(printed(entries(), [cost("a-v0", "good", 3.25)]), "good")


def test_a_failure_is_marked_in_its_cell_and_counted() -> None:
    everything = [r for r in entries() if (r.trial.weighter, r.trial.seed) != ("good", 0)]
    everything += [record("a-v0", "good", 0, None), record("b-v0", "good", 0, 0.8)]
    line = line_of(printed(everything), "good")
    assert "*" in line
    assert line.split()[-1] == "1"


def test_what_uses_clean_data_has_a_section_of_its_own() -> None:
    used = [
        record(t, "clean", s, 0.7, used_holdout=True) for t in ("a-v0", "b-v0") for s in range(8)
    ]
    lines = printed([*entries(), *used]).splitlines()
    section = next(i for i, line in enumerate(lines) if "with clean data" in line)
    assert "clean" in lines[section + 1]
    assert any("noisy data only" in line for line in lines[:section])


def test_a_row_shows_its_track_and_the_board_says_what_it_means() -> None:
    made = [
        record(t, name, s, 0.7, track=track)
        for t in ("a-v0", "b-v0")
        for s in range(8)
        for name, track in (("told", "E" if s == 3 else "A"), ("grouped", "D"))
    ]
    text = printed([*entries(), *made])
    assert line_of(text, "told").split()[:3][-1] == "E", "told once is told"
    assert line_of(text, "grouped").split()[:3][-1] == "D"
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


def test_failures_have_a_column_only_where_there_are_some() -> None:
    assert "failed" not in printed(entries())
    assert "failed" in printed([*entries(), record("a-v0", "good", 99, None)])


def test_titles_stand_above_their_boards() -> None:
    out = io.StringIO()
    titled = dataclasses.replace(board(entries()), title="one [b]", about="what it is")
    print_boards([titled, titled], Console(file=out, width=160))
    assert out.getvalue().count("one [b]: what it is") == 2
