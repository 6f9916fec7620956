"""What is said aloud: thoughts in every usual form are left out, and nothing else is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.thoughts import TAGS, find_open_tag, is_thinking, strip_closings, strip_thoughts
from tests.patience import SOON


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_each_kind_of_tag_holds_a_thought(opening: str, closing: str) -> None:
    assert strip_thoughts(f"{opening}hm{closing}\nyes").strip() == "yes"
    assert strip_thoughts(f"a\n{opening}hm{closing}\nb\n{opening}hm{closing}\nc").split() == ["a", "b", "c"]
    assert strip_thoughts(f"hm\n{closing}\nyes").strip() == "yes"
    assert strip_thoughts(f"yes\n{opening}hm") == "yes\n"
    assert is_thinking(f"yes\n{opening}hm")
    assert not is_thinking(f"{opening}hm{closing}\nyes")
    assert find_open_tag(f"<assistant>\n{opening}\n") == opening
    assert find_open_tag(f"<assistant>\n{opening}{closing}\n") == ""


@given(st.text(st.sampled_from("ab\n <>`'")))
def test_text_without_a_tag_is_as_it_was(text: str) -> None:
    assert strip_thoughts(text) == text
    assert not is_thinking(text)


@pytest.mark.parametrize("code", ["print('<think>')", "x = '</think>' + y", "s.split('[THINK]')"])
def test_a_tag_within_a_line_of_code_is_no_thought(code: str) -> None:
    assert strip_thoughts(f"Action:\n{code}\n") == f"Action:\n{code}\n"


def test_of_harmony_all_but_the_analysis_is_said() -> None:
    call = "<|channel|>commentary to=functions.find <|constrain|>json<|message|>{}<|call|>"
    text = f"<|channel|>analysis<|message|>hm<|end|><|start|>assistant{call}"
    assert strip_thoughts(text) == "<|channel|>commentary to=functions.find <|constrain|>json<|message|>{}"
    assert is_thinking("<|channel|>analysis<|message|>hm")


def test_marks_that_close_a_turn_are_left_out() -> None:
    assert strip_closings(" 42 <|im_end|></s>\n") == "42"


def test_a_megabyte_of_marks_is_read_soon() -> None:
    started = time.thread_time()
    assert strip_closings("42" + " </s>\n" * 160_000) == "42"
    assert time.thread_time() - started < SOON
