"""What can be said of reward functions from their text: do they look at anything, and can they fail?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from selfchal.audit.findings import CheckName, Grade
from selfchal.audit.live_statements import Function, is_text

Found = tuple[CheckName, Grade, str]
_DRAWS = re.compile(r"\brandom\.|\bdatetime\.now\(|\btime\.time\(|\buuid4\(")
_FETCHES = re.compile(r"\b(requests|httpx|aiohttp|urllib)\b")
_RUNS = re.compile(r"(?<![\w.])(eval|exec)\(")
_ANSWER = re.compile(r"answer|expected|target|solution")
# how Python looks for a text within another one
_SEEKING = frozenset(["startswith", "endswith", "find", "index", "count", "search", "match", "findall"])
_ASKS_MODEL = re.compile(r"\bopenai\b|\bjudge\w*\(|\.chat\.completions|\bllm\w*\(", re.IGNORECASE)


@dataclass(frozen=True)
class Rewards:
    """The reward functions of a package. ``weights`` are those that are written as numbers, by name;
    ``complete`` says that no other function can be a reward."""

    functions: Sequence[Function]
    weights: Mapping[str, float]
    complete: bool = True


def collect_rewards(trees: Sequence[ast.Module]) -> Rewards:
    """Functions that are decorated as rewards, or named in a rubric's ``funcs=[…]``."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    weights: dict[str, float] = {}
    listed: list[ast.expr] = []
    complete = not any(isinstance(n, ast.Attribute) and n.attr.startswith("add_reward") for n in nodes)
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        words = {word.arg: word.value for word in call.keywords}
        given = words.get("funcs", words.get("reward_funcs"))
        if given is None:
            continue
        functions, numbers = _list_elements(given), words.get("weights")
        complete = complete and functions is not None
        listed += functions or []
        for one, number in zip(functions or [], _list_elements(numbers) or [], strict=False):
            if (value := _read_number(number)) is not None:
                weights[ast.unparse(one)[:200]] = value
    named = {element.id for element in listed if isinstance(element, ast.Name)}
    found = [n for n in nodes if isinstance(n, Function) and (n.name in named or _list_marks(n))]
    for function in found:
        for mark in _list_marks(function):
            for word in mark.keywords if isinstance(mark, ast.Call) else ():
                if word.arg == "weight" and (value := _read_number(word.value)) is not None:
                    weights[function.name] = value
    whole = complete and len(listed) == len(named) and named <= {function.name for function in found}
    return Rewards(found, weights, whole)


def _list_elements(node: ast.expr | None) -> list[ast.expr] | None:
    """The elements of a list that is written out; None for anything else."""
    return node.elts if isinstance(node, ast.List | ast.Tuple) else None


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
    weights = [rewards.weights.get(function.name) for function in rewards.functions]
    grade = Grade.CERTAIN if rewards.complete else Grade.DOUBTFUL
    if all(weight == 0 for weight in weights):
        yield CheckName.VACUOUS, grade, "Every reward has the weight 0."
    elif all(weight is not None and weight <= 0 for weight in weights):
        yield CheckName.VACUOUS, Grade.DOUBTFUL, "No reward has a weight above 0."
    counted = [function for function in rewards.functions if rewards.weights.get(function.name) != 0]
    for function in counted:
        yield from _find_constant(function, grade if len(counted) == 1 else Grade.DOUBTFUL)
        penalty = (rewards.weights.get(function.name) or 1) < 0
        yield from _find_in_reward(function, Grade.DOUBTFUL if penalty else Grade.CERTAIN)


def _find_constant(function: Function, grade: Grade) -> Iterator[Found]:
    """``grade`` is how sure it is that a constant matters: there may be other rewards."""
    name = function.name[:60]
    returned = [node.value for node in _walk_own(function) if isinstance(node, ast.Return)]
    constants = {_read_number(value) for value in returned}
    given = {arg.arg for arg in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]}
    given |= {arg.arg for arg in (function.args.vararg, function.args.kwarg) if arg}
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    least = [_find_least(value) for value in returned]
    if returned and None not in constants and len(constants) == 1:
        (value,) = constants
        check = CheckName.VACUOUS if value else CheckName.ORACLE
        # what branches or calls may also end with an error, or with no reward
        plain = all(isinstance(node, ast.Return) or is_text(node) for node in function.body)
        yield check, grade if plain else Grade.DOUBTFUL, f"The reward {name} is always {value:g}."
    elif returned and all(number is not None and number > 0 for number in least):
        yield CheckName.VACUOUS, Grade.DOUBTFUL, f"The reward {name} is above 0 whatever it is given."
    elif returned and not given & used:
        yield CheckName.VACUOUS, Grade.DOUBTFUL, f"The reward {name} looks at nothing that it is given."


def _find_least(node: ast.expr | None) -> float | None:
    """A number that the expression does not fall below, as far as its form says; otherwise None."""
    if isinstance(node, ast.IfExp):
        both = [_find_least(node.body), _find_least(node.orelse)]
        return min((one for one in both if one is not None), default=None) if None not in both else None
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return _find_least(node.values[-1])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        known = [number for number in map(_find_least, node.args) if number is not None]
        if node.func.id == "max":
            return max(known, default=None)
        return known[0] if node.func.id == "float" and known else None
    return _read_number(node)


def _find_in_reward(function: Function, sure: Grade) -> Iterator[Found]:
    name = function.name[:60]
    text = ast.unparse(function)
    failing = [grade for node in _walk_own(function) if (grade := _grade_failing(node))]
    if failing:
        grade = sure if Grade.CERTAIN in failing else Grade.DOUBTFUL
        yield CheckName.VACUOUS, grade, f"The reward {name} is earned where computing it fails."
    if any(map(_ends_with_reward, _walk_own(function))):
        yield (
            CheckName.VACUOUS,
            Grade.DOUBTFUL,
            f"The reward {name} is given in finally, whatever came before.",
        )
    if finds_answer_within(function) or any(map(_seeks_answer, ast.walk(function))):
        reason = f"The reward {name} is earned wherever the answer stands in a text."
        yield CheckName.ANSWERS, Grade.DOUBTFUL, reason
    for pattern, check, what in (
        (_DRAWS, CheckName.DETERMINISM, "asks chance or the time"),
        (_FETCHES, CheckName.DETERMINISM, "asks the network"),
        (_ASKS_MODEL, CheckName.DETERMINISM, "asks a model"),
        (_RUNS, CheckName.VACUOUS, "runs a text, which may be the reply"),
    ):
        if match := pattern.search(text):
            yield check, Grade.DOUBTFUL, f"The reward {name} {what} ({match[0]})."


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
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _read_number(node.operand)
        return None if number is None else -number
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, int | float) else None


def _grade_failing(node: ast.AST) -> Grade | None:
    """How sure it is that this is a handler which returns a reward above 0. That one kind of error is raised
    may be what is asked."""
    if not isinstance(node, ast.ExceptHandler):
        return None
    given = [_read_number(inner.value) for inner in ast.walk(node) if isinstance(inner, ast.Return)]
    if not any(number is not None and number > 0 for number in given):
        return None
    caught = "" if node.type is None else ast.unparse(node.type)
    broad = caught in ("", "Exception", "BaseException")
    return Grade.CERTAIN if broad and isinstance(node.body[-1], ast.Return) else Grade.DOUBTFUL


def _ends_with_reward(node: ast.AST) -> bool:
    """Is it a ``finally`` that returns a reward above 0?"""
    ends = node.finalbody if isinstance(node, ast.Try) else []
    given = (_read_number(one.value) for one in ends if isinstance(one, ast.Return))
    return any(number is not None and number > 0 for number in given)


def _seeks_answer(node: ast.AST) -> bool:
    """``text.startswith(answer)``, ``re.search(answer, text)``: a text may hold many answers."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _SEEKING
        and any(_ANSWER.search(ast.unparse(argument)[:500]) for argument in node.args[:1])
    )


def _asks_within(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and isinstance(node.ops[0], ast.In)
        and _ANSWER.search(ast.unparse(node.left)[:500]) is not None
    )


def finds_answer_within(function: Function) -> bool:
    """Does it ask whether the answer stands within something?"""
    return any(map(_asks_within, ast.walk(function)))


def passes_empty_answer(function: Function) -> bool:
    """Is that all it asks, so that an empty answer stands in every text?"""
    returned = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
    body = [node for node in function.body if not is_text(node)]
    value = returned[0].value if returned == body else None
    if isinstance(value, ast.Call) and len(value.args) == 1 and not value.keywords:
        value = value.args[0]  # float(…)
    return value is not None and _asks_within(value)
