"""Does a verifier compare checksums? Read off the syntax tree.

Nobody can tell from a checksum which answers it accepts, and no search comes nearer to one. A sound verifier
compares with the answer itself.
"""

from __future__ import annotations

import ast

from selfchal.judging.source.parse import nodes_of, parse_source

_MODULES = frozenset(
    {"hashlib", "hmac", "zlib", "binascii", "crypt", "_hashlib", "_md5", "_sha256", "_sha512"}
)


def find_checksum(source: str) -> str | None:
    """The module of checksums that the code imports; None if there is none."""
    for node in nodes_of(parse_source(source, "the evaluation function")):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            if name.split(".")[0] in _MODULES:
                return name
    return None
