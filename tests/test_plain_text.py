"""What a model wrote cannot command a terminal."""

from __future__ import annotations

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
        ("\x1b[2J\x1b[1;1Hhome", "home"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]52;c;cm0gLXJm\x1b\\x", "x"),  # writes to the clipboard
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("a\rb", "a\ufffdb"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("safe\u202egnp", "safe\ufffdgnp"),
        ("half \ud800", "half \ufffd"),
    ],
)
def test_sequences_go_whole(text: str, plain: str) -> None:
    assert make_plain(text) == plain
