from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.builtin_models.hidden_key import HiddenKey
from tests.patience import SOON

KEY = "sk-Proj/9aZ+8bY_7c=X"
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "percent-encoded": lambda key: quote(key, safe=""),
    "every character percent-encoded": lambda key: "".join(f"%{ord(c):02x}" for c in key),
    "percent-encoded twice": lambda key: quote(quote(key, safe=""), safe=""),
    "JSON escapes": lambda key: "".join(f"\\u{ord(c):04x}" for c in key),
    "JSON in JSON": lambda key: json.dumps("".join(f"\\u{ord(c):04X}" for c in key))[1:-1],
    "escaped slashes": lambda key: key.replace("/", "\\/"),
    "broken over lines": lambda key: key[:9] + "\\n" + key[9:],
    "spaced": lambda key: " ".join(key),
    "hexadecimal": lambda key: key.encode().hex().upper(),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 for addresses": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "base64 behind one byte": lambda key: base64.b64encode(f":{key}".encode()).decode(),
    "base64 behind a user": lambda key: base64.b64encode(f"me:{key}".encode()).decode(),
    "base64 between others": lambda key: base64.b64encode(f"a:{key}; and more".encode()).decode(),
}


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_a_key_is_hidden_in_every_usual_form(write: Callable[[str], str]) -> None:
    said = HiddenKey(KEY).clean_text(f'{{"error": "wrong key {write(KEY)}, friend"}}')
    assert "[key]" in said
    assert said.startswith('{"error": "wrong key ')
    assert said.endswith('friend"}')
    assert write(KEY) not in said


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60),
    st.sampled_from([*FORMS]),
)
def test_any_key_is_hidden(key: str, form: str) -> None:
    assert FORMS[form](key) not in HiddenKey(key).clean_text(f"<< {FORMS[form](key)} >>")


def test_a_placeholder_is_no_word_that_is_taken_from_a_model() -> None:
    hidden = HiddenKey("EMPTY")
    assert hidden.clean_text("The basket is empty.") == "The basket is empty."
    assert hidden.clean_text("Bearer EMPTY") == "Bearer [key]"


def test_other_text_stays_as_it_is() -> None:
    said = 'sk-Proj is no key, and "\\u00e9\\n%41" \ud800 stays'
    assert HiddenKey(KEY).clean_text(said) == said


def test_a_long_answer_takes_no_time() -> None:
    said = ("sk-Proj/9aZ+8bY_7c= \\u0073\\n" * 40_000).encode()
    started = time.monotonic()
    HiddenKey(KEY).clean(said)
    assert time.monotonic() - started < SOON
