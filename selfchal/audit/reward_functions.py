"""What can be said of reward functions from their text: do they look at anything, and can they fail?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selfchal.audit.findings import CheckName, Grade

Function = ast.FunctionDef | ast.AsyncFunctionDef
Found = tuple[CheckName, Grade, str]
_DRAWS = re.compile(r"\brandom\.|\bdatetime\.now\(|\btime\.time\(|\buuid4\(")
_FETCHES = re.compile(r"\b(requests|httpx|aiohttp|urllib)\b")
_ASKS_MODEL = re.compile(r"\bopenai\b|\bjudge\w*\(|\.chat\.completions|\bllm\w*\(", re.IGNORECASE)


@dataclass(frozen=True)
class Rewards:
    """The reward functions of a package. ``weights`` are those that are written as numbers, by name."""

    functions: Sequence[Function]
    weights: dict[str, float]


def collect_rewards(trees: Sequence[ast.Module]) -> Rewards:
    """Functions that are decorated as rewards, or named in a rubric's ``funcs=[…]``."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    named = {
        element.id
        for node in nodes
        if isinstance(node, ast.keyword) and node.arg in ("funcs", "reward_funcs")
        for element in (node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else ())
        if isinstance(element, ast.Name)
    }
    functions = [n for n in nodes if isinstance(n, Function) and (n.name in named or _list_marks(n))]
    weights = {
        function.name: float(word.value.value)
        for function in functions
        for mark in _list_marks(function)
        for word in (mark.keywords if isinstance(mark, ast.Call) else ())
        if word.arg == "weight" and isinstance(word.value, ast.Constant)
        and isinstance(word.value.value, int | float)
    }  # fmt: skip
    return Rewards(functions, weights)


def _list_marks(function: Function) -> list[ast.expr]:
    """The decorators that make it a reward."""
    return [
        mark
        for mark in function.decorator_list
        if re.search(r"(^|\.)reward$", ast.unparse(mark.func if isinstance(mark, ast.Call) else mark)[:200])
    ]


def find_in_rewards(rewards: Rewards) -> Iterator[Found]:
    """What is wrong with them, each finding once."""
    if not rewards.functions:
        yield CheckName.VACUOUS, Grade.DOUBTFUL, "No function is marked as a reward."
        return
    if all(rewards.weights.get(function.name) == 0 for function in rewards.functions):
        yield CheckName.VACUOUS, Grade.CERTAIN, "Every reward has the weight 0."
    counted = [function for function in rewards.functions if rewards.weights.get(function.name) != 0]
    for function in counted:
        yield from _find_constant(function, Grade.CERTAIN if len(counted) == 1 else Grade.DOUBTFUL)
        yield from _find_in_reward(function)


def _find_constant(function: Function, grade: Grade) -> Iterator[Found]:
    """``grade`` is how sure it is that a constant matters: there may be other rewards."""
    name = function.name[:60]
    returned = [node.value for node in _walk_own(function) if isinstance(node, ast.Return)]
    constants = {_read_number(value) for value in returned}
    given = {arg.arg for arg in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]}
    given |= {arg.arg for arg in (function.args.vararg, function.args.kwarg) if arg}
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    if returned and None not in constants and len(constants) == 1:
        (value,) = constants
        check = CheckName.VACUOUS if value else CheckName.ORACLE
        yield check, grade, f"The reward {name} is always {value:g}."
    elif returned and not given & used:
        yield CheckName.VACUOUS, Grade.DOUBTFUL, f"The reward {name} looks at nothing that it is given."


def _find_in_reward(function: Function) -> Iterator[Found]:
    name = function.name[:60]
    text = ast.unparse(function)
    if any(_gives_by_failing(node) for node in _walk_own(function)):
        yield CheckName.VACUOUS, Grade.CERTAIN, f"The reward {name} is earned where computing it fails."
    if finds_answer_within(function):
        reason = f"The reward {name} is earned wherever the answer stands in a text."
        yield CheckName.ANSWERS, Grade.DOUBTFUL, reason
    for pattern, what in (
        (_DRAWS, "chance or the time"),
        (_FETCHES, "the network"),
        (_ASKS_MODEL, "a model"),
    ):
        if match := pattern.search(text):
            reason = f"The reward {name} asks {what} ({match[0]})."
            yield CheckName.DETERMINISM, Grade.DOUBTFUL, reason


def _walk_own(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions in it."""
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            left += ast.iter_child_nodes(node)


def _read_number(node: ast.expr | None) -> float | None:
    """The number that is written there; None for anything else."""
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, int | float) else None


def _gives_by_failing(node: ast.AST) -> bool:
    """Is it a handler that returns a reward above 0?"""
    if not isinstance(node, ast.ExceptHandler):
        return False
    given = (_read_number(n.value) for n in ast.walk(node) if isinstance(n, ast.Return))
    return any(number is not None and number > 0 for number in given)


def finds_answer_within(function: Function) -> bool:
    """Does it ask whether the answer stands within something?"""
    return any(
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and isinstance(node.ops[0], ast.In)
        and re.search(r"answer|expected|target|solution", ast.unparse(node.left)[:500])
        for node in ast.walk(function)
    )
