from __future__ import annotations

import pytest

from selfchal.judging.checks.hidden_values import hidden_values
from selfchal.judging.wording import Wording

SAID = Wording("Count the letters of 'planet' and add 17.")


@pytest.mark.parametrize(
    "source",
    [
        "result = string_length('planet') * len('abcdefgh')",
        "result = int('18')",
        "result = f(True + True + True)",
        "result = ord('b')",
        "import base64\nresult = base64.b64decode('c2VjcmV0')",
        "result = bytes.fromhex('6869').decode()",
        "result = b'hello'.decode()",
        "result = float('2.5')",
        "result = string_length('planet') + sum(range(5))",
        "n = 9\nresult = string_length('planet') + sum(range(n))",
        "result = reverse(''.join(chr(c) for c in (104, 105)))",
        "codes = [104, 105]\nresult = reverse(''.join(map(chr, codes)))",
        "result = reverse(''.join(['he', 'llo']))",
        "n = [i for i, c in enumerate('abcdef') if c == 'e'][0]\nresult = string_length('planet') * n",
        "result = string_length('planet') * 'abcdef'.index('e')",
        "result = string_length('planet') * next(i for i in range(9) if i * i == 25)",
        "page = click('/x')\nresult = string_length(page[: len('abcdef')])",  # no text of the page
    ],
)
def test_a_value_in_disguise_is_seen(source: str) -> None:
    assert hidden_values(source, SAID)


@pytest.mark.parametrize(
    "source",
    [
        "result = string_length('planet')",
        "result = len('planet') + int('17')",
        "n = get('x')\nresult = int(n) + len(n)",
        "result = len(get_user('ann')['orders'])",
        "page = click('/x')\nresult = float(page.split()[0])",
        "ok = not True\nresult = f(ok)",
        "result = sum(range(1, 18))",
        "words = ['planet', 'the']\nresult = ', '.join(sorted(words))",
        "names = [get_user(n) for n in range(3)]\nresult = ', '.join(names)",
        "result = sum(row['price'] for row in rows())",
    ],
)
def test_what_is_said_or_comes_from_a_tool_is_not_hidden(source: str) -> None:
    assert hidden_values(source, SAID) == []


def test_the_length_of_something_read_may_cut_what_was_read() -> None:
    source = "line = click('/x')\nresult = line[len('Price: '):]"
    assert hidden_values(source, SAID, "Stall\nPrice: 4 crowns") == []
    assert hidden_values(source, SAID, "Stall") == ["len('Price: ')"]


def test_only_so_many_pieces_are_told_of() -> None:
    assert len(hidden_values(", ".join(f"int('{number}')" for number in range(1_000, 2_500)), SAID)) == 20
