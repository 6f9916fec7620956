"""Writes docs/reference/api.md: every public name, stable or provisional. Used by write_docs.py.

A name that stands on the page may not vanish from it without a word: unless CHANGELOG.md says
"removed: `selfchal.NAME`", writing the page fails (CONTRIBUTING.md, "What is public").
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_origin

from selfchal.testing.conformance.public_names import MODULES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "api.md"
CHANGELOG = ROOT / "CHANGELOG.md"

# Of ``selfchal`` itself: what is not yet as it will stay. All else that it exports is stable.
PROVISIONAL = frozenset(
    {
        "Attempt",
        "Chat",
        "Json",
        "MakesRoom",
        "Prices",
        "Progress",
        "ProposalScene",
        "Stream",
        "TrainableModel",
        "Trial",
        "TurnStream",
        "open_context",
        "pausing_update",
        "seed_of",
        "task_id",
        "updating",
    }
)
TESTING: dict[str, Sequence[str]] = {
    "selfchal.testing.conformance": (
        "Case", "CaseLevel", "check_cases", "engine_cases", "environment_cases", "model_cases",
        "sandbox_cases", "synthesizer_cases", "trainer_cases", "watcher_cases",
    ),
    "selfchal.testing.conformance.game": (
        "MemoryProgress", "TinyModel", "pass_rate", "play", "tasks", "training",
    ),
    "selfchal.testing.endpoint": ("serve_oracle", "serve_turns"),
    "selfchal.testing.gradient_watch": ("GradientWatch", "watch_gradient"),
    "selfchal.testing.in_process": ("InProcessSandbox",),
    "selfchal.testing.scripted": ("ScriptedModel", "make_challenger", "write_proposal"),
    "selfchal.testing.toys": ("ToyShelf",),
}  # fmt: skip

_HEADING = re.compile(r"^### `([\w.]+)", re.MULTILINE)
_COMMENTED_FIELD = re.compile(r"^    (\w+): [^#\n]*  # (.+)$", re.MULTILINE)
_HEAD = """# The public names

Written by `make docs` from the docstrings. What stands here is public; everything else may change in any
version. *Stable* names keep what they promise: a change or a removal is announced for one minor version by a
DeprecationWarning and in CHANGELOG.md first. *Provisional* ones may change from one minor version to the
next, and CHANGELOG.md names every change.
"""


def api_page() -> str:
    """The page. Raises SystemExit where a name of the present page is gone."""
    parts = [_HEAD]
    public = {"selfchal": list(importlib.import_module("selfchal").__all__)}
    for module in MODULES[1:]:
        public[module] = list(importlib.import_module(module).__all__)
    public |= {module: list(names) for module, names in TESTING.items()}
    for module, names in public.items():
        parts += [f"## {module}", ""]
        for name in sorted(names, key=str.lower):
            parts += [*_write_name(module, name), ""]
    page = "\n".join(parts).rstrip() + "\n"
    present = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if lost := list_lost(present, page, CHANGELOG.read_text(encoding="utf-8")):
        raise SystemExit(
            f"public names vanished: {', '.join(lost)}. Bring them back with a DeprecationWarning, or, where "
            "that was given for a minor version, write in CHANGELOG.md: removed: `NAME`"
        )
    return page


def list_lost(before: str, after: str, changelog: str) -> list[str]:
    """Names of one page that another lacks, and whose removal the changelog does not tell."""
    now = set(_HEADING.findall(after))
    gone = [name for name in _HEADING.findall(before) if name not in now]
    return [name for name in gone if f"removed: `{name}`" not in changelog]


def _write_name(module: str, name: str) -> Iterator[str]:
    value = getattr(importlib.import_module(module), name)
    stable = module == "selfchal" and name not in PROVISIONAL
    yield f"### `{module}.{name}`"
    yield ""
    yield f"{'Stable' if stable else 'Provisional'}, {_describe_kind(value)}."
    if call := _write_call(name, value):
        yield from ("", "```python", call, "```")
    if text := _read_doc(value):
        yield from ("", "```text", text, "```")
    if inspect.isclass(value):
        yield from _write_fields(value)
        yield from _write_members(value)


def _describe_kind(value: Any) -> str:
    if not inspect.isclass(value):
        return "a function" if inspect.isfunction(value) else "a value"
    if issubclass(value, BaseException):
        return "an error"
    return "a protocol" if getattr(value, "_is_protocol", False) else "a class"


def _write_call(name: str, value: Any) -> str:
    if inspect.isfunction(value):
        return f"{name}{_write_signature(value)}"
    alias = value is Any or get_origin(value) not in (None, Annotated)
    if not alias:
        return ""  # an object's own text may be another one in each process
    return f"{name} = {_strip_modules(str(value))}"


def _write_signature(function: Any) -> str:
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
    text = re.sub(r" = <.*? at 0x[0-9a-f]+>", " = …", text)
    return _strip_modules(text)


def _strip_modules(text: str) -> str:
    return re.sub(r"(?<![\w'])(?:\w+\.)+(?=[A-Za-z_])", "", text)


def _read_doc(value: Any) -> str:
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return ""  # that of its type, which says nothing of it
    doc = inspect.getdoc(value) or ""
    if inspect.isclass(value) and doc.startswith(f"{value.__name__}("):
        return ""  # what dataclass writes there by itself
    return textwrap.dedent(doc).strip().replace("```", "'''")


def _write_fields(cls: type[Any]) -> Iterator[str]:
    """What a class declares with a type, and what a pydantic model or the comment beside it says of it."""
    hints = inspect.get_annotations(cls)
    options = getattr(cls, "model_fields", {})
    comments = dict(_COMMENTED_FIELD.findall(inspect.getsource(cls))) if hints else {}
    rows = []
    for name, hint in hints.items():
        if name.startswith("_"):
            continue
        text = _strip_modules(hint if isinstance(hint, str) else inspect.formatannotation(hint))
        described = getattr(options.get(name), "description", None) or comments.get(name, "")
        said = " ".join(described.split())
        said = said.replace("``", "`").replace("|", "\\|")
        text = text.replace("|", "\\|")
        rows.append(f"| `{name}: {text}` | {said} |")
    if rows:
        yield from ("", "| field | |", "| --- | --- |", *rows)


def _write_members(cls: type[Any]) -> Iterator[str]:
    """Methods and properties that the class itself has and documents."""
    rows = []
    for name, value in vars(cls).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if name.startswith("_") or not inspect.isfunction(function) or not (doc := inspect.getdoc(function)):
            continue
        first = " ".join(doc.partition("\n\n")[0].split()).replace("|", "\\|").replace("``", "`")
        call = (
            name if isinstance(value, property) else f"{name}{_write_signature(function)}".replace("|", "\\|")
        )
        rows.append(f"| `{call}` | {first} |")
    if rows:
        yield from ("", "| member | |", "| --- | --- |", *rows)
