"""Pages that a solution opens: named, told by what they show, asked for by a role, or not said at all."""

from __future__ import annotations

import pytest

import selfchal

STALL = """import re
click_url('/market')
scroll_down()
page = click_url('/market/iron_thistle')
result = re.search(r'Keeper: (.+)', page).group(1).strip()"""
HEAD = """import re
click_url('/council')
scroll_down()
click_url('/council/forest_service')
page = click_url('/council/people/leif_holt')
result = re.search(r'Room: (\\d+)', page).group(1)"""
SHIP = """import re
click_url('/harbour')
for _ in range(4):
    scroll_down()
page = click_url('/harbour/ships/halcyon')
result = re.search(r'Captain: (.+)', page).group(1).strip()"""


@pytest.mark.parametrize(
    ("instruction", "solution", "answer", "passes", "unsure"),
    [
        ("Who keeps the stall that sells horseshoes?", STALL, "niko rourke", True, False),
        ("Who keeps the stall in the market?", STALL, "niko rourke", False, False),
        ("Which room does the boss of the Forest Service have?", HEAD, "290", True, True),
        ("Which room has the head of office of the Forest Service?", HEAD, "290", True, False),
        ("Who is the captain of the Halcyon, a ship in the harbour?", SHIP, "niko petrov", True, False),
        ("Who is the captain of the ship in the harbour?", SHIP, "niko petrov", False, False),
    ],
)
def test_a_page_must_be_told_from_those_beside_it(
    instruction: str, solution: str, answer: str, passes: bool, unsure: bool
) -> None:
    task = {
        "instruction": instruction,
        "solution": solution,
        "evaluate": f"def evaluate(answer):\n    return str(answer).strip().lower() == {answer!r}",
        "failures": ["result = 'x'", "click_url('/market')\nresult = 'Flora Zeller'", "result = '4'"],
    }
    (verdict,) = selfchal.judge([task], "web_browsing", secret="a")
    assert verdict.passed is passes, verdict.reason
    found = verdict.diagnostics.get("completeness")
    assert isinstance(found, dict)
    assert ("unsure" in found) is unsure
    assert passes or "which page is meant" in verdict.reason
