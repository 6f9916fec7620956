"""Turns a mapping into an options class; what is wrong is told with its path and the nearest name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from selfchal.core.errors import ManifestError


def parse_config(config: type[Any], rows: Mapping[str, Any], path: str) -> Any:
    """Validate ``rows`` as ``config``; one ManifestError that lists every fault with its path."""
    try:
        return config.model_validate(dict(rows))
    except ValidationError as error:
        faults = [_format_fault(fault, config, path) for fault in error.errors()]
        raise ManifestError("; ".join(faults)) from error


def _format_fault(fault: Any, config: type[BaseModel], path: str) -> str:
    where = ".".join(part for part in (path, *map(str, fault["loc"])) if part)
    if fault["type"] == "extra_forbidden":
        known = _list_fields_at(config, fault["loc"][:-1])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known)) or 'none'}"
        return f"{where}: no such key; {hint}"
    if fault["type"] == "missing":
        return f"{where}: is missing"
    said = fault["msg"].removeprefix("Value error, ")
    said = f"{where}: {said[0].lower()}{said[1:]}"
    if config.model_config.get("hide_input_in_errors"):  # it may be a key that stands in a wrong field
        return said
    given = json.dumps(fault["input"], default=str)
    return f"{said} (given: {given[:80]})"


def _list_fields_at(config: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Names that are allowed where the fault lies, following nested sections."""
    for part in location:
        info = config.model_fields.get(str(part))
        kinds = (info.annotation, *get_args(info.annotation)) if info else ()
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not sections:
            return []
        config = sections[0]  # of ``Section`` or ``Section | None``
    return [info.alias or name for name, info in config.model_fields.items()]
