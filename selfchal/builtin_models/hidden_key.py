"""Takes an API key out of what an endpoint says, in whichever usual form the endpoint tells it back.

Besides the key as it is these are found: other case, characters in percent or JSON escapes (also escaped
twice, as in JSON within JSON), white space or line breaks within it, hexadecimal digits, and base64, with or
without other text before the key, as in ``Authorization: Basic``. A key of fewer than ``SHORTEST`` characters
is a placeholder such as EMPTY, and a word that models use; it is found as it is alone.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

HIDDEN = b"[key]"
SHORTEST = 8  # characters of a key that is looked for in other forms
_BREAK = rb"(?:\s|\\+[nrt]|%20|%0[adAD]){0,4}"  # between two characters of a key


class HiddenKey:
    def __init__(self, key: str) -> None:
        """``key`` is printable ASCII."""
        raw = key.encode()
        forms = [re.escape(raw)]
        if len(raw) >= SHORTEST:
            forms = [_BREAK.join(map(_write_any_form, raw)), _write_any_case(raw.hex())]
            forms += map(_write_base64_form, _list_base64(raw))
        self._pattern = re.compile(b"|".join(forms))

    def clean(self, said: bytes) -> bytes:
        return self._pattern.sub(HIDDEN, said)

    def clean_text(self, said: str) -> str:
        """Of a text; halves of surrogate pairs stay as they are."""
        return self.clean(said.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def _write_any_form(code: int) -> bytes:
    """A pattern for one character: in either case, percent-encoded, as an escape of JSON."""
    character = chr(code)
    codes = {ord(character.lower()), ord(character.upper())}
    plain = b"|".join(re.escape(bytes([each])) for each in sorted(codes))
    digits = b"|".join(_write_any_case(f"{each:02x}") for each in sorted(codes))
    return rb"(?:\\*(?:%b)|%%(?:25)?(?:%b)|\\+u00(?:%b))" % (plain, digits, digits)


def _write_any_case(digits: str) -> bytes:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits).encode()


def _list_base64(raw: bytes) -> Iterator[bytes]:
    """What the key's own bits are in base64, with none, one or two bytes before it; the characters that it
    shares with its neighbours are left out."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw)
        yield whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


def _write_base64_form(text: bytes) -> bytes:
    """Of either alphabet, with slashes as JSON may write them, with its padding."""
    forms = {ord("+"): rb"(?:[+-]|%2[bB])", ord("/"): rb"(?:\\*/|_|%2[fF])"}
    return b"".join(forms.get(code, re.escape(bytes([code]))) for code in text) + rb"[A-Za-z0-9+/_-]?={0,2}"
