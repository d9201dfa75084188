"""Text that somebody else wrote stays text in every medium."""

from __future__ import annotations

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from weightbench.texts import caption, csv_cell, is_plain, markdown, page, plain, terminal

COMMAND = re.compile(r"^\s*::|::\w[^:]*::|##\w*\[")
ANY = st.text() | st.text(st.sampled_from("a1 :#[=+-@;\n\r\t\x1b\u0301\u0316\u200b\u202e\u3164ก้็"))

# What it is, and what is shown of it.
SHOWN = {
    "a colour": ("\x1b[31mred", "?[31mred"),
    "a title of the window": ("\x1b]0;owned\x07", "?]0;owned?"),
    "a C1 control": ("\x9b31m", "?31m"),
    "a line feed": ("one\ntwo", "one?two"),
    "a carriage return": ("good\rbad", "good?bad"),
    "a line separator": ("one\u2028two", "one?two"),
    "a tab": ("a\tb", "a?b"),
    "a NUL": ("a\0b", "a?b"),
    "a deletion": ("a\x7fb", "a?b"),
    "a right-to-left override": ("a\u202eb", "a?b"),
    "an isolate": ("a\u2066b", "a?b"),
    "a zero-width space": ("a\u200bb", "a?b"),
    "a zero-width joiner": ("a\u200db", "a?b"),
    "a soft hyphen": ("a\u00adb", "a?b"),
    "a byte order mark": ("\ufeffa", "?a"),
    "a wide blank": ("a\u3000b", "a?b"),
    "a no-break space": ("a\u00a0b", "a?b"),
    "a Hangul filler": ("a\u3164b", "a?b"),
    "a halfwidth filler": ("a\uffa0b", "a?b"),
    "a Braille blank": ("a\u2800b", "a?b"),
    "a variation selector": ("a\ufe0fb", "a?b"),
    "hidden bytes": ("a" + "".join(map(chr, range(0xE0100, 0xE0104))), "a????"),
    "a tag": ("a\U000e0041b", "a?b"),
    "a grapheme joiner": ("a\u034fb", "a?b"),
    "a Khmer vowel that is none": ("a\u17b4b", "a?b"),
    "a Mongolian selector": ("a\u180bb", "a?b"),
    "a blank note": ("a\U0001d159b", "a?b"),
    "a blank hieroglyph": ("a\U00013441b", "a?b"),
    "a lone surrogate": ("a\ud800b", "a?b"),
    "no character": ("a\U000e0fffb", "a?b"),
    "a private one": ("a\ue000b", "a?b"),
    "a pile of accents": ("e" + "\u0301" * 30 + "x", "e\u0301\u0301?x"),
    "two piles": ("e" + "\u0301" * 3 + "o" + "\u0301" * 4, "e\u0301\u0301?o\u0301\u0301?"),
    "a pile of half marks": ("a" + "\ufe20" * 9, "a\ufe20\ufe20?"),
    "a pile of Thai tones": ("\u0e01" + "\u0e49" * 30, "\u0e01\u0e49\u0e49?"),
    "a pile of Arabic marks": ("\u0628" + "\u0650\u064b" * 9, "\u0628\u0650\u064b?"),
    "a pile of enclosures": ("a" + "\u20dd" * 5, "a\u20dd\u20dd?"),
    "a pile of Korean parts": ("\u1112" + "\u1161" * 9, "\u1112\u1161\u1161?"),
    "an accent on what was before": ("\u0338a", "?a"),
    "an accent on a blank": ("a \u0338b", "a ?b"),
    "a command of GitHub": ("::error::no", ": :error::no"),
    "one after a word": ("x::error file=a::no", "x: :error file=a::no"),
    "one after a colon": (":::error::no", ": : :error::no"),
    "an older one of GitHub": ("x ##[error]no", "x # #[error]no"),
    "a command of Azure": ("##vso[task.setvariable]", "# #vso[task.setvariable]"),
}  # fmt: skip
HARMLESS = [
    "", "l2rw", "mine.py:Mine[temperature=2.0]+conf", "torchvision::nms", "a b", "naïve", "ế",
    unicodedata.normalize("NFD", "ế"), "한국어", unicodedata.normalize("NFD", "한국어"), "ที่นี่",
    "שָׁלוֹם", "بِسْمِ", "हिन्दी", "日本語", "Ω ≤ ½", "C#", "## heading", "a:b:c", "🙂", "1.2.3+cpu",
]  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_what_steers_or_hides_is_shown_as_such(name: str) -> None:
    text, shown = SHOWN[name]
    assert plain(text) == terminal(text) == page(text) == shown
    assert is_plain(text) == (is_plain(shown) and not shown.count("?"))
    assert name.find("command") >= 0 or name.startswith(("one ", "an older")) or not is_plain(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert is_plain(text)
    assert plain(text) == terminal(text) == page(text) == csv_cell(text) == text


@given(ANY)
def test_no_text_steers_anything(text: str) -> None:
    shown = plain(text)
    assert is_plain(shown)
    assert plain(shown) == shown
    assert not COMMAND.search(shown)
    assert shown.isprintable()


@given(ANY.filter(lambda text: text != "-"))
def test_no_cell_is_a_formula(text: str) -> None:
    cell = csv_cell(text)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([cell, "next"])
    for separator in ",;":  # whichever the reader's country has
        for row in csv.reader(io.StringIO(out.getvalue()), delimiter=separator):
            assert not any(re.match(r"\s*[=+\-@]", part) for part in row)
    assert csv_cell(cell) == cell


def test_numbers_are_no_text() -> None:
    assert csv_cell(-0.5) == -0.5
    assert csv_cell("-0.5") == "'-0.5"
    assert csv_cell("-") == "-"
    assert csv_cell("\uff1dcmd()") == "'\uff1dcmd()"
    assert csv_cell(" @x") == "' @x"


@given(ANY)
def test_markdown_shows_text_as_text(text: str) -> None:
    shown = markdown(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert not re.search(r"(?<!\\)[`*_\[\]|~]", shown.replace("\\\\", ""))
    assert not re.match(r"[#+=-]", shown)
    for link in ("http://", "https://", "www.", "@", "$"):
        assert link not in shown


def test_markup_of_our_own_stays_on_the_page() -> None:
    assert page(Markup("<b>\u200b</b>")) == Markup("<b>\u200b</b>")
    assert page(3) == 3


def test_a_caption_is_short() -> None:
    assert caption("x" * 60) == "x" * 60
    assert len(caption("x" * 61)) == 60
    assert caption("a\x1bb") == "a?b"


def test_long_texts_take_no_longer_than_they_must() -> None:
    """Linear in their length: a quadratic way would take hours here."""
    for unit in ("\u0300\u0316", "a::b", ":", "#", "::-", "\u200b", ":a"):
        assert len(markdown("a" + unit * 300_000)) >= 4


def test_every_character_is_seen_or_shown_as_a_question_mark() -> None:
    for code in range(0x110000):
        text = f"a{chr(code)}b"
        assert plain(text) in (text, "a?b"), hex(code)
