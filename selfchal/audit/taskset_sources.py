"""The files of a verifiers package, as far as they are read: so many, and so large together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from selfchal.strangers.files import list_files, read_strange_bytes

_CODE = (".py", ".toml")
_DATA = (".json", ".jsonl")
READ = (*_CODE, *_DATA)  # how the names of files end that are read
_MOST_CODE = 2**20  # bytes of a file of code
_MOST_BYTES = 32 * 2**20  # of all files
_IMPORTS = re.compile(
    r"^[ \t]*(?:import\b(?:[^\n#]*[\s,])?|from[ \t]+)verifiers\b"
    r"|;[ \t]*(?:import|from)[ \t]+verifiers\b"
    r"|\b(?:import_module|__import__)\(\s*['\"]verifiers\b",
    re.MULTILINE,
)


@dataclass(frozen=True)
class PackageFiles:
    """Texts by path, and the paths of what could not be read: too large, or no regular file."""

    texts: Mapping[str, str]
    unread: list[str]


def imports_verifiers(source: str) -> bool:
    """Does this code import verifiers, in any of the ways that Python has?"""
    return _IMPORTS.search(source) is not None


def read_package_files(folder: Path) -> PackageFiles:
    """The code first, then the data, until the bound is reached. Raises TooManyFilesError, OSError."""
    texts: dict[str, str] = {}
    unread: list[str] = []
    left = _MOST_BYTES
    files = list_files(folder)
    for endings in (_CODE, _DATA):
        for name, path in files.items():
            if name.endswith(endings):
                data = read_strange_bytes(path, min(left, _MOST_CODE) if endings is _CODE else left)
                if data is None:
                    unread.append(name)
                    continue
                left -= len(data)
                texts[name] = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return PackageFiles(dict(sorted(texts.items())), unread)
