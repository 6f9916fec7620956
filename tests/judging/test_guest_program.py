"""The text that runs in the sandbox: small, whole, and out of reach of tools and of task code."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import pytest

from selfchal.core.arena import Arena
from selfchal.core.sandbox import MAX_SOURCE, Limits, Sandbox
from selfchal.core.world import Json, ToolResult
from selfchal.judging.batch import Ending, evaluate_many
from selfchal.judging.guest.runs import RAISED
from selfchal.judging.guest_program import MAIN, guest_program
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.judging.switchboard import Switchboard
from tests.judging.guest.tools import READING, WRITING, give_tools, make_board
from tests.support.shop import TOOLS, Shop, ShopWorld

ENTRIES = ["evaluations", "trials", "perturbed_trials"]  # of those that judge
LIGHT = {"builtins", "json", "marshal", "sys", "time"}  # that a sandbox process has loaded anyway
GUEST = [
    entry.name.removesuffix(".py")
    for entry in files("selfchal.judging.guest").iterdir()
    if entry.name.endswith(".py") and entry.name != "__init__.py"
]
SHADOWED = [name for name in vars(builtins) if not name.startswith("_")]


def tree_of(module: str) -> ast.Module:
    return ast.parse((files("selfchal.judging.guest") / f"{module}.py").read_text(encoding="utf-8"))


def names_at_the_top(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def test_no_two_guest_modules_use_the_same_name() -> None:
    names = Counter(name for module in GUEST for name in names_at_the_top(tree_of(module)))
    names.update([MAIN, "given"])
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_program_stands_alone_and_imports_what_is_loaded(entry: str) -> None:
    source = guest_program(entry)
    compile(source, "<task>", "exec")
    assert "selfchal." not in source
    assert len(source) <= MAX_SOURCE, "the host would leave it to each sandbox process to compile it"
    imported = {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= LIGHT
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]


def call(entry: str, board: Switchboard, arguments: Sequence[Any]) -> Any:
    """Run the program in this process, as a sandbox does."""
    space = {"__name__": "__main__", "__builtins__": builtins, **give_tools(board)}
    exec(compile(guest_program(entry), "<task>", "exec"), space)
    return space[MAIN]([board.reading, WRITING, 1000, *arguments])


def test_task_code_sees_its_tools_and_no_name_without_an_underscore() -> None:
    codes = ["result = sorted(globals())"]
    verifier = "def evaluate(answer): return True"
    board = make_board(may_keep=True)
    ((_, (seen,)),) = call("trials", board, [[(codes, verifier)], 1])
    assert seen == sorted(["__builtins__", "__name__", "_noticed", *TOOLS])


class Shadowing(ShopWorld):
    """A world that has a tool by the name of every builtin."""

    @property
    def tool_names(self) -> Sequence[str]:
        return [*super().tool_names, *SHADOWED]

    def call(self, name: str, args: Sequence[Json], kwargs: Mapping[str, Json]) -> ToolResult:
        return ToolResult(f"the tool {name}") if name in SHADOWED else super().call(name, args, kwargs)

    def fork(self) -> Shadowing:
        return Shadowing(self.rows)


@pytest.mark.usefixtures("clocks")
@pytest.mark.parametrize("entry", ENTRIES)
def test_tools_with_the_names_of_builtins_do_not_reach_the_guest(entry: str) -> None:
    board = Switchboard([Shadowing(), Shadowing()], [*READING, *SHADOWED], may_keep=True)
    verifier = "def evaluate(answer): return len() == 'the tool len' and answer == 7"
    leg = (["result = 7"], verifier)
    arguments: list[Any] = [verifier, ["7", "8"], 1] if entry == "evaluations" else [[leg], 1]
    expected: list[Any] = [[True], [False]] if entry == "evaluations" else [([True, False], [7])]
    assert call(entry, board, arguments) == expected


# From then on anything passes for a truth value, wherever the builtin is asked.
TAMPERS = """
import builtins
plain = builtins.isinstance
def evaluate():
    builtins.isinstance = lambda value, kind: kind is bool or plain(value, kind)
    return "yes"
"""


def test_builtins_that_task_code_replaces_do_not_reach_the_guest(process_sandbox: Sandbox) -> None:
    runner = SandboxTaskRunner(Arena(Shop(), process_sandbox, Limits()))
    assert evaluate_many(runner, TAMPERS, [Ending(ShopWorld()), Ending(ShopWorld())]) == [[RAISED], [RAISED]]
