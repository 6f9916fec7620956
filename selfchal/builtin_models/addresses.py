"""What a manifest may say of an endpoint: its address and the name of its key, never the key itself.

A manifest is copied into every run directory, so what looks like a key is refused when the manifest is
validated, with a message that does not repeat it. Light.
"""

from __future__ import annotations

import ipaddress
import os
import re
from urllib.parse import urlsplit

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_REQUESTS = ("/chat/completions", "/completions")  # copied from an example of a request
_LONGEST_WORD = 20  # characters; a longer name without an underscore is more likely a key


def check_address(address: str) -> str:
    """The address itself. Raises ValueError for what is none, and for one that holds a key."""
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        valid = False
    if not valid or not address.isprintable() or " " in address:
        raise ValueError("is no address; write it with its scheme, as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc:
        raise ValueError(
            "holds a name or key before the @, and manifests are copied into run directories; "
            "export the key in an environment variable and give that variable's name as api_key_env"
        )
    if parts.query or parts.fragment:
        raise ValueError("must end with its path, as in http://127.0.0.1:8000/v1, without ? or #")
    for ending in _OF_REQUESTS:
        if parts.path.rstrip("/").endswith(ending):
            raise ValueError(f"must end before {ending}, which is added to it; leave that out")
    return address


def check_variable_name(name: str) -> str:
    """The name itself. Raises ValueError for what is no environment variable's name, such as a pasted key.

    Some keys are valid names too. So a name is either that of a variable which is set, or it is written as
    such names are by convention: in capitals, and with an underscore where it is long.
    """
    conventional = name == name.upper() and ("_" in name or len(name) < _LONGEST_WORD)
    if not _IDENTIFIER.fullmatch(name) or not (conventional or name in os.environ):
        raise ValueError(
            "is no environment variable's name (capitals, digits and underscores). Never write the key "
            "itself: export it, as MY_KEY=..., and write api_key_env: MY_KEY"
        )
    return name


def is_loopback(address: str) -> bool:
    """Is the address this machine's own (127.0.0.0/8, ::1, localhost)?"""
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name
        return False
