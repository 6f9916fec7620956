"""What the engine itself would fetch for a Dockerfile, whatever network the build has: images, and addresses.

It is read so that nothing is missed rather than that nothing is said in vain: an image that is named by a
variable, or something that only looks like one, counts too.
"""

from __future__ import annotations

import re

_FROM = re.compile(r"^[ \t]*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE | re.MULTILINE)
_FROM_OTHER = re.compile(r"\bfrom=([^\s,]+)", re.IGNORECASE)
_REMOTE = re.compile(r"://|\$|git@|\.git\b")
_MOST_LINES = 50  # of an instruction that is looked at; one that goes on further is taken for the worst


def list_images(dockerfile: str) -> list[str]:
    """The images that it builds upon or copies from, without its own stages."""
    stages = {match[2].casefold() for match in _FROM.finditer(dockerfile) if match[2]}
    named = [match[1] for match in _FROM.finditer(dockerfile)] + _FROM_OTHER.findall(dockerfile)
    return [
        name
        for name in dict.fromkeys(named)
        if name.casefold() not in stages and not name.isdigit() and name != "scratch"
    ]


def adds_from_network(dockerfile: str) -> bool:
    """Does it add an address, or what a variable names?"""
    lines = dockerfile.split("\n")
    starts = [i for i, line in enumerate(lines) if line.lstrip()[:3].casefold() == "add"]
    return any(_is_remote(lines[start : start + _MOST_LINES]) for start in starts)


def _is_remote(lines: list[str]) -> bool:
    """Does the instruction that these lines begin with name something remote?

    It goes on after a backslash or a backtick; comments and empty lines may stand between.
    """
    for number, line in enumerate(lines):
        text = line.strip()
        if number and (not text or text.startswith("#")):
            continue
        if _REMOTE.search(text):
            return True
        if not text.endswith(("\\", "`")):
            return False
    return len(lines) == _MOST_LINES
