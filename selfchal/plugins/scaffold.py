"""Writes a new plugin package: code, tests by the conformance kit, packaging; green from the start.

The templates are files under ``scaffolds/KIND``, with what all kinds share under ``scaffolds/common``.
In them ``__NAME__``, ``__MODULE__`` and ``__KIND__`` stand for the plugin's name, its Python module and its
kind, ``__SELFCHAL__`` for what it depends on. A file name ends in ``.txt`` so that no tool takes a template
for code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from selfchal.core.errors import PluginError
from selfchal.plugins.registry import load_plugins

_TEMPLATES = files("selfchal.plugins") / "scaffolds"
SCAFFOLDS = frozenset(
    folder.name for folder in _TEMPLATES.iterdir() if folder.is_dir() and folder.name != "common"
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def scaffold(kind: str, name: str, folder: Path) -> Path:
    """Write a package for a plugin of this kind. Raises PluginError for a bad name, one that
    an installed plugin of this kind has, and a folder in the way."""
    if not _NAME.fullmatch(name):
        raise PluginError(f"{name!r} cannot be a plugin's name; use lower-case letters, digits and '_'")
    if taken := [item for item in load_plugins().all() if item.kind == kind and item.name == name]:
        raise PluginError(
            f"the {kind} {name!r} of package {taken[0].package} has that name already, and a manifest could "
            "not tell the two apart; choose another name"
        )
    if folder.exists():
        raise PluginError(f"{folder} is there already; choose another place with --out")
    words = {
        "__NAME__": name,
        "__MODULE__": f"selfchal_{name}",
        "__KIND__": kind,
        "__SELFCHAL__": "selfchal[train]" if kind == "trainer" else "selfchal",
    }
    for source in ("common", kind):
        for template in (_TEMPLATES / source).iterdir():
            target = folder / _fill(template.name.removesuffix(".txt").replace("+", "/"), words)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_fill(template.read_text(encoding="utf-8"), words), encoding="utf-8")
    return folder


def _fill(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
