"""What a tool's docstring says of it and of its parameters: Google, NumPy or Sphinx style."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from docstring_parser import ParseError, parse


def read_docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """What the function does, and the text of each parameter that is described; each as one line."""
    text = inspect.getdoc(function) or ""
    try:
        parsed = parse(text)
    except ParseError:  # some section is misshapen; what stands before the sections can still be read
        return _join_lines(text.partition("\n\n")[0]), {}
    said = _join_lines(f"{parsed.short_description or ''} {parsed.long_description or ''}")
    documented = {one.arg_name.lstrip("*"): _join_lines(one.description or "") for one in parsed.params}
    return said, {name: description for name, description in documented.items() if description}


def _join_lines(text: str) -> str:
    return " ".join(text.split())
