"""Reads a manifest's file, YAML or TOML, and applies the ``--set a.b=c`` of a command line."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfchal.core.errors import ManifestError
from selfchal.pipeline.missing import describe_missing, is_manifest
from selfchal.pipeline.yaml_text import YamlTextError, read_yaml
from selfchal.text_files import MOST_WRITTEN_BYTES, explain_unreadable, read_text_file

_NAMES = {list: "list", int: "number", float: "number", bool: "truth value"}  # for what is no mapping


def read_manifest(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The file's mapping (YAML, or TOML by its ending) with ``a.b=c`` overrides. Raises ManifestError."""
    try:
        text = read_text_file(path, MOST_WRITTEN_BYTES)
    except FileNotFoundError:
        raise ManifestError(describe_missing(path, "manifest", is_manifest)) from None
    except IsADirectoryError:
        raise ManifestError(f"{path} is a directory; name the manifest's file in it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"cannot read the manifest {path}: {explain_unreadable(error)}") from error
    try:
        rows = tomllib.loads(text) if path.suffix == ".toml" else read_yaml(text)
    except (YamlTextError, tomllib.TOMLDecodeError, RecursionError) as error:
        language = "TOML" if path.suffix == ".toml" else "YAML"
        raise ManifestError(f"{path} is not valid {language}: {error}") from error
    if not isinstance(rows, dict):
        what = "is empty" if rows is None else f"holds a {_NAMES.get(type(rows), 'text')}"
        raise ManifestError(
            f"{path} {what}; a manifest is a mapping of sections (environment, model, …). "
            "`selfchal examples` shows some"
        )
    apply_overrides(rows, overrides)
    return rows


def apply_overrides(rows: dict[str, Any], overrides: Sequence[str]) -> None:
    """Write each ``a.b=c`` (the value is YAML) into the nested mapping. Raises ManifestError."""
    for override in overrides:
        _apply_override(rows, override)


def _apply_override(rows: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    *parents, last = path.split(".")
    if not equals or not all((*parents, last)):
        raise ManifestError(f"--set {override}: write it as section.key=value")
    section = rows
    for parent in parents:
        inner = section.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ManifestError(f"--set {override}: {parent!r} is not a section but {inner!r}")
        section = inner
    try:
        section[last] = read_yaml(text)
    except YamlTextError as error:
        raise ManifestError(f"--set {override[:200]}: the value is not valid YAML: {error}") from error
