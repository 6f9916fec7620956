"""What a model wrote cannot command a terminal."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.plain_text import make_plain


@given(st.text(st.characters() | st.sampled_from("\x1b[]m;\x9b\x9d\x07\u202e\ud800"), max_size=40))
def test_whatever_comes_in_only_printable_characters_come_out(text: str) -> None:
    plain = make_plain(text)
    assert not [c for c in plain if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    plain.encode()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf"]), max_size=40))
def test_other_text_stays_as_it_is(text: str) -> None:
    assert make_plain(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;5;208m\x1b[1;4mbold\x1b[m", "bold"),
        ("\x1b[2J\x1b[1;1Hhome", "\ufffd\ufffdhome"),
        ("\x1b]0;title\x07x", "\ufffdx"),
        ("\x1b]52;c;cm0gLXJm\x1b\\x", "\ufffdx"),  # writes to the clipboard
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "\ufffdlink\ufffd"),
        ("\x9b31mred", "red"),
        ("a\rb", "a\ufffdb"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("safe\u202egnp", "safe\ufffdgnp"),
        ("half \ud800", "half \ufffd"),
    ],
)
def test_sequences_go_whole(text: str, plain: str) -> None:
    assert make_plain(text) == plain


READABLE = "rm -rf / ; the key is 42\nand a second line"


@pytest.mark.parametrize(
    "introducer", ["\x1b", "\x1b]", "\x9d", "\x1b]0;", "\x9d8;;", "\x1bP", "\x90", "\x1b_", "\x1bX"]
)
@pytest.mark.parametrize("end", ["", "\n", "\x07", "\x1b\\", "\x9c"])
def test_an_introducer_hides_nothing_beyond_its_line(introducer: str, end: str) -> None:
    plain = make_plain(f"{introducer}{READABLE}{end}")
    assert READABLE in plain
    assert plain.startswith("\ufffd")


@given(st.text(st.sampled_from("\x1b[]m;7 qa\n\x9b\x9d\x07\x9c\\\U000e0041"), max_size=30))
def test_what_is_taken_out_is_a_colour_or_leaves_a_mark(text: str) -> None:
    """Whatever readable is missing was in a sequence that ended in its line, and a mark says so."""
    without_colours = re.sub(r"(\x1b\[|\x9b)[0-9;:]*m", "", text)
    lost = len([c for c in without_colours if c.isprintable()]) - len(
        [c for c in make_plain(text) if c.isprintable() and c != "\ufffd"]
    )
    assert lost <= 0 or "\ufffd" in make_plain(text)
    assert make_plain(text).count("\n") == text.count("\n")


def test_letters_that_no_font_draws_are_seen() -> None:
    assert make_plain("yes\U000e006e\U000e006f") == "yes\ufffd\ufffd"


def test_a_text_full_of_introducers_takes_no_time() -> None:
    start = time.monotonic()
    for piece in ("\x1b]", "\x9d", "\x1b[", "\x1b[1", "\x1b[1;", "\x1b]a", "\x1b[" + "1;" * 20):
        make_plain(piece * 200_000)
    assert time.monotonic() - start < 10
