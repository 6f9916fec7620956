"""Are tasks that look like selfchal's exports still what it exports, in every file?

Only then may they be judged by what they record. A changed instruction, image or tool server makes them a
stranger's tasks, whatever their recorded calls say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from selfchal.audit.trusted_environments import NOT_OPENED, OpenTrusted
from selfchal.core.environment import Environment
from selfchal.core.world import Json

_VERSION = re.compile(r"\bselfchal==(\d[\w.]*)")


def is_untouched(
    files: Mapping[str, str | None],
    record: str,
    section: Mapping[str, Json],
    open_trusted: OpenTrusted,
    write: Callable[[Environment], Mapping[str, str]],
) -> bool:
    """Are these files those that are written in that environment for what stands in the file ``record``?

    Where the environment cannot be opened nothing is played either, and the answer is yes.
    """
    try:
        written = write(open_trusted(section))
    except NOT_OPENED:
        return True
    expected = {name: _read_back(text) for name, text in written.items() if name != record}
    return {name: text for name, text in files.items() if name != record} == expected


def _read_back(text: str) -> str:
    """A text as it is read from a file: an instruction may hold half a surrogate pair, and line ends of
    other systems."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")


def find_version(text: str | None) -> str:
    """The version of selfchal that a file asks pip for; empty where it does not say one."""
    found = _VERSION.search(text or "")
    return found[1] if found else ""
