"""The environments of a manifest as a run has stored it, for whoever opens one of them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfchal.core.errors import StoreError

_OF_THE_RUN = ("share", "split")  # what a section of several says that is no option of the plugin


def list_environment_sections(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The name and options of each. Raises StoreError for what is no run's manifest."""
    sections = manifest.get("environments") or [manifest.get("environment")]
    if not (isinstance(sections, list) and all(isinstance(one, dict) and "name" in one for one in sections)):
        raise StoreError("the run's manifest.yaml names no environment: it was changed, or is no run's")
    return [{key: value for key, value in one.items() if key not in _OF_THE_RUN} for one in sections]


def read_run_name(manifest: Mapping[str, Any]) -> str:
    """Raises StoreError for what is no run's manifest."""
    run = manifest.get("run")
    if not isinstance(run, dict) or not isinstance(run.get("name"), str):
        raise StoreError("the run's manifest.yaml has no run.name: it was changed, or is no run's")
    return str(run["name"])


def list_environment_names(manifest: Mapping[str, Any]) -> list[str]:
    """None where there are none, as in what is no run of ours."""
    named = manifest.get("environments")
    sections = named if isinstance(named, list) else [manifest.get("environment")]
    return [str(one.get("name", "")) for one in sections if isinstance(one, Mapping)]


def choose_environment_section(manifest: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """The section of this name, or the only one. Raises StoreError, which names those that there are."""
    sections = {section["name"]: section for section in list_environment_sections(manifest)}
    if name is None and len(sections) == 1:
        return next(iter(sections.values()))
    if name in sections:
        return sections[name]
    said = f"this run has no environment {name!r}" if name else "this run has several environments"
    raise StoreError(f"{said}; choose one: --environment {' or '.join(sections)}")
