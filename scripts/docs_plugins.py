"""Writes the generated parts of docs/plugins/KIND.md: contract, rules, worked example. Used by write_docs.py.

The example of a kind is what `selfchal plugins new KIND my_plugin` writes. A test runs
scripts/check_scaffolds.py, which installs it and tries it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from selfchal.core.engine import Player, Worker, WorkerSpec
from selfchal.core.environment import User
from selfchal.core.judge import ComparingCheck
from selfchal.core.model import Stream, TrainableModel
from selfchal.core.sandbox import Session
from selfchal.core.synthesizer import ProposalScene
from selfchal.core.world import World
from selfchal.plugins import load_plugins, scaffold
from selfchal.plugins.kinds import KINDS, Kind, vars_of
from selfchal.testing.checking import list_cases
from selfchal.testing.conformance import CaseLevel

FOLDER = Path(__file__).parents[1] / "docs" / "plugins"
TEMPLATES = Path(scaffold.__file__).parent / "scaffolds"
# A plugin of each kind whose rules are listed; the rules are those of the kind.
SOME = {
    "environment": "calculation",
    "synthesizer": "code_as_task",
    "sandbox": "process",
    "model": "seedling",
    "trainer": "grpo",
    "check": "novelty",
    "engine": "local",
    "watcher": "progress",
}
# What a plugin of a kind makes, beside its class.
BESIDE: dict[str, tuple[type[Any], ...]] = {
    "environment": (World, User),
    "synthesizer": (ProposalScene,),
    "sandbox": (Session,),
    "model": (TrainableModel, Stream),
    "check": (ComparingCheck,),
    "engine": (Worker, WorkerSpec, Player),
}
_PART = re.compile(r"<!-- begin (contract|rules|example) -->.*?<!-- end -->", re.DOTALL)


def list_pages() -> Mapping[Path, Callable[[], str]]:
    """Each kind's page and the function that writes it."""
    return {FOLDER / f"{kind.name}.md": _bind(kind) for kind in KINDS}


def _bind(kind: Kind) -> Callable[[], str]:
    def page() -> str:
        def fill(found: re.Match[str]) -> str:
            lines = {"contract": _write_contract, "rules": _write_rules, "example": _write_example}[found[1]](
                kind
            )
            return "\n".join([f"<!-- begin {found[1]} -->", *lines, "<!-- end -->"])

        return _PART.sub(fill, (FOLDER / f"{kind.name}.md").read_text(encoding="utf-8"))

    return page


def _write_contract(kind: Kind) -> Iterator[str]:
    for protocol in (kind.protocol, *BESIDE.get(kind.name, ())):
        yield f"`selfchal.{protocol.__name__}`:"
        yield ""
        yield "```python"
        yield from (f"{name}: {hint}" for name, hint in inspect.get_annotations(protocol).items())
        for name, value in vars_of(protocol).items():
            if name == "__init__" or not name.startswith("_"):
                yield from _write_member(name, value)
        yield "```"
        yield ""


def _write_member(name: str, value: Any) -> Iterator[str]:
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    if not inspect.isfunction(function):
        return
    if isinstance(value, property | classmethod):
        yield "@property" if isinstance(value, property) else "@classmethod"
    quoted = str(inspect.signature(function)).replace("''", '""')
    unquoted = quoted.replace("'", "")
    signature = re.sub(r"(?<!\w)(?:\w+\.)+(?=[A-Za-z_])", "", unquoted)
    doc = inspect.cleandoc(function.__doc__ or "")
    yield f"def {name}{signature}:" + ("" if doc else " ...")
    if doc:
        lines = doc.splitlines()
        yield f'    """{lines[0]}' + ('"""' if len(lines) == 1 else "")
        yield from (f"    {line}".rstrip() for line in lines[1:])
        if len(lines) > 1:
            yield '    """'


def _write_rules(kind: Kind) -> Iterator[str]:
    cls = load_plugins().find(kind.name, SOME[kind.name])
    yield "| level | rule | where it is broken |"
    yield "| --- | --- | --- |"
    for case in list_cases(kind.name, cls, {}, CaseLevel.SEMANTIC):
        cure = case.cure.replace("``", "`").replace("|", "\\|")
        yield f"| {case.level} | {case.rule} | {cure} |"


def _write_example(kind: Kind) -> Iterator[str]:
    for file in sorted(
        (TEMPLATES / kind.name).glob("src+*.txt"), key=lambda file: "__init__" not in file.name
    ):
        text = file.read_text(encoding="utf-8").replace("__NAME__", "my_plugin")
        text = text.replace("__MODULE__", "selfchal_my_plugin")
        named = file.name.removesuffix(".txt").replace("+", "/").replace("__MODULE__", "selfchal_my_plugin")
        yield f"`{named}`:"
        yield from ("", "```python", text.rstrip("\n"), "```", "")
