"""Texts that a verifier's patterns match are drawn from the patterns."""

from __future__ import annotations

import random
import re
import warnings
from time import thread_time

import pytest

import selfchal
from selfchal.core.text import replace_surrogates
from selfchal.judging.pattern_samples import draw_matching_texts
from tests.patience import SOON

NESTED = "(" * 22 + "a" + "{9})" * 22  # nine times nine times …
NOTHING = "(" * 22 + "(?=a)" + "{9})" * 22  # the same of what has no letter


@pytest.mark.parametrize(
    "pattern",
    [
        r"(tenalp|open sesame)",
        r"\d{3}-[a-c]+",
        r"x?[^y]z*",
        r"a.c|\w\s",
        r"(?:ab){2,}",
        r"(?i)yes",
        r"[^x]|\W",
    ],
)
def test_what_is_drawn_matches(pattern: str) -> None:
    evaluate = f"import re\ndef evaluate(answer):\n    return bool(re.fullmatch({pattern!r}, answer))"
    found = draw_matching_texts(evaluate, random.Random(3))
    assert found
    assert all(re.fullmatch(pattern, text) for text in found)


@pytest.mark.parametrize("pattern", ["(", "a{4294967296}", "(" * 190, "x" * 300])
def test_what_cannot_be_taken_apart_gives_nothing(pattern: str) -> None:
    evaluate = f"import re\ndef evaluate(answer):\n    return bool(re.match({pattern!r}, answer))"
    assert draw_matching_texts(evaluate, random.Random(3)) == []


def test_repeats_are_bounded() -> None:
    evaluate = "import re\ndef evaluate(answer):\n    return bool(re.match('((a{99}){99}){99}', answer))"
    assert all(len(text) < 1000 for text in draw_matching_texts(evaluate, random.Random(3)))


@pytest.mark.parametrize("pattern", [NESTED, NOTHING], ids=["repeats", "repeats of nothing"])
def test_repeats_within_repeats_end(pattern: str) -> None:
    evaluate = f"import re\ndef evaluate(answer):\n    return bool(re.match({pattern!r}, answer))"
    began = thread_time()
    texts = draw_matching_texts(evaluate, random.Random(3))
    assert thread_time() - began < SOON
    assert sum(map(len, texts)) < 100_000


def test_an_odd_pattern_warns_nobody_and_gives_texts_that_can_be_written() -> None:
    evaluate = "import re\ndef evaluate(answer):\n    return bool(re.match({!r}, answer))"
    with warnings.catch_warnings(action="error"):
        assert draw_matching_texts(evaluate.format("[[a]b"), random.Random(3))
    texts = draw_matching_texts(evaluate.format("[\ud800-\udbff]\ud900"), random.Random(3))
    assert texts == [replace_surrogates(text) for text in texts]


@pytest.mark.parametrize(("pattern", "passes"), [("tenalp|open sesame", False), ("(it is )?tenalp", True)])
def test_a_second_answer_in_a_pattern_is_found_and_a_longer_form_of_the_answer_is_none(
    pattern: str, passes: bool
) -> None:
    task = {
        "instruction": "Reverse the string 'planet' and tell me the result.",
        "solution": "result = reverse_string('planet')",
        "failures": ["result = 'planet'", "result = reverse_string('plane')", "result = 'tenalq'"],
        "evaluate": "import re\ndef evaluate(answer):\n"
        f"    return bool(re.fullmatch({pattern!r}, str(answer).lower()))",
    }
    (verdict,) = selfchal.judge([task], "calculation", secret="a")
    assert verdict.passed is passes, verdict.reason
