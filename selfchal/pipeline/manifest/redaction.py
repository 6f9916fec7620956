"""Takes secrets out of a manifest before it is stored, shown, or sent to a logger.

The built-in plugins take the name of an environment variable and never a key. What other plugins, or
options that are passed on to servers, call a key, password, secret or token is not copied either.
"""

from __future__ import annotations

import re

from selfchal.core.world import Json

REDACTED = "[redacted]"
_SECRET_NAME = re.compile(
    r"^(key|token)$|(api|access|auth|private|secret|bearer|hf|session)[_-]?(key|token)$"
    r"|(^|[_-])(password|passwd|passphrase|secret|authorization|credentials?)$",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"(Bearer )?\$\{(env:)?\w+\}")  # names a variable, and holds no secret itself
_LOGIN = re.compile(r"(?<=://)[^/\s@]+(?=@)")  # user:password of an address


def redact(value: Json) -> Json:
    """The same value with REDACTED for texts under such names, and for logins inside of addresses.

    A text that only names a variable, as ``${GITHUB_TOKEN}``, is kept.
    """
    if isinstance(value, dict):
        return {name: _redact_entry(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [redact(inner) for inner in value]
    return _LOGIN.sub(REDACTED, value) if isinstance(value, str) else value


def _redact_entry(name: str, value: Json) -> Json:
    secret = isinstance(value, str) and _SECRET_NAME.search(name) and not _REFERENCE.fullmatch(value)
    return REDACTED if secret else redact(value)
