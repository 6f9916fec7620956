"""A wrong command line with the files that it finds, and what must be true of how it ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

Files = Mapping[str, str | bytes]
# The words of libraries, which say nothing to somebody who knows only what selfchal is for.
_JARGON = re.compile(
    r"Traceback|pydantic\b(?!_)|dictionary or instance|<unicode string>|\[Errno|codec can't|"
    r"function-after|NoneType|object at 0x|errors\.\w+Error|sqlite3\."
)


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong. ``cause`` and ``cure`` are patterns of the message, in this order.

    ``id`` says what is wrong. ``prepare`` does what files alone cannot, in the working folder. ``settings`` are
    environment variables. ``needs`` is a module beyond the light base: without it another thing is wrong.
    """

    id: str
    command: tuple[str, ...]
    cause: str
    cure: str
    files: Files = field(default_factory=dict)
    prepare: Callable[[Path], object] = lambda folder: None
    settings: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""

    def write_files(self, folder: Path) -> None:
        if self.needs and find_spec(self.needs) is None:
            pytest.skip(f"{self.needs} is not installed")
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.prepare(folder)


def list_contents(folder: Path) -> dict[str, int]:
    """Everything below a folder, with its size in bytes."""
    return {str(path.relative_to(folder)): path.lstat().st_size for path in folder.rglob("*")}


def check_ended(wrong: Wrong, ended: Any) -> None:
    """Exit code 2, and a message that says what is wrong and then what to do, in plain words."""
    message = ended.err + ended.out if wrong.command[:2] == ("tasks", "judge") else ended.err
    assert ended.code == 2, message
    assert re.search(f"{wrong.cause}.*{wrong.cure}", message, re.DOTALL), message
    assert not _JARGON.search(ended.out + ended.err), message
    assert len(message) < 1_500, message
