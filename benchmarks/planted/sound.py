"""Sound Code-as-Tasks out of the environments' own held-out tasks and their ground truth.

``evaluate`` asks for what the ground-truth calls set (or for the answer), the failure cases are calls
that work and do something else. Nothing of the judge is used here.
"""

from __future__ import annotations

import ast
import copy
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfchal.core.environment import Environment
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Change, Json, World

READERS = {
    "orders": "get_order_details",
    "users": "get_user_details",
    "reservations": "get_reservation_details",
}
Writes = list[tuple[str, dict[str, Json]]]


@dataclass(frozen=True)
class Sound:
    """A sound task, the conditions that its evaluate joins, and wrong outcomes besides its failure cases."""

    task: Task
    conditions: tuple[str, ...]
    wrong: tuple[str, ...]
    answer: Json = None


def sound_tasks(environment: Environment, seed: int, most: int) -> list[Sound]:
    rng = random.Random(f"{environment.name}-{seed}")
    tasks = [task for split in environment.splits() for task in environment.test_tasks(split)]
    rng.shuffle(tasks)
    made: list[Sound] = []
    make = _write_answered if environment.answer_required else _stateful
    for task in tasks:
        others = [other for other in tasks if other.id != task.id]
        one = make(environment, task, others, rng)
        if one is not None:
            made.append(one)
        if len(made) == most:
            break
    return made


def run(world: World, source: str, name: str | None = None, *args: Json) -> Any:
    """Run this file's own generated code on a world, in this process; ``result`` or what ``name`` returns."""
    space: dict[str, Any] = {tool: _write_function(world, tool) for tool in world.tool_names}
    exec(source, space)
    return space[name](*args) if name else space.get("result")


def _write_function(world: World, tool: str) -> Any:
    def function(*args: Json, **kwargs: Json) -> Json:
        result = world.call(tool, args, kwargs)
        if result.raises:
            raise RuntimeError(result.value)
        return copy.deepcopy(result.value)

    return function


def verdict(environment: Environment, task: Task, source: str) -> bool | None:
    """What evaluate says after ``source``; None when something does not run."""
    world = environment.open(task.context)
    try:
        answer = run(world, source)
        takes = len(ast.parse(task.evaluate).body[-1].args.args)  # type: ignore[attr-defined] # a def
        return run(world, task.evaluate, "evaluate", *[answer][:takes]) is True
    except AssertionError:  # how one of the styles of evaluate says no
        return False
    except Exception:  # noqa: BLE001 — a candidate that does not run is no candidate
        return None


# Environments with state


def _stateful(
    environment: Environment, test: TestTask, others: Sequence[TestTask], rng: random.Random
) -> Sound | None:
    specs = {tool.name: tool for tool in environment.tools}
    calls = [(action["name"], action["kwargs"]) for action in test.truth["actions"]]
    writes = [call for call in calls if specs[call[0]].writes]
    if not writes:
        return None
    world = environment.open({})
    if not all(world.call(name, (), kwargs).ok for name, kwargs in calls):
        return None
    conditions = _write_conditions(world.difference(), writes, rng)
    if not conditions:
        return None
    reads = [call for call in calls if not specs[call[0]].writes] if rng.random() < 0.5 else []
    solution = code([*reads, *writes])
    draft = Task(
        f"{environment.name}-{test.id}", environment.name, dict(test.context),
        environment.redact(test.instruction, {}), _evaluate("", conditions, rng), solution, (),
    )  # fmt: skip
    if verdict(environment, draft, solution) is not True:
        return None
    wrong = list(_make_wrong(environment, draft, writes, others, rng))
    partly = [code(writes[:i] + writes[i + 1 :]) for i in range(len(writes))]
    if len(wrong) < 3 or any(verdict(environment, draft, source) for source in partly):
        return None
    return Sound(replace(draft, failures=tuple(wrong[:3])), tuple(conditions), tuple(wrong))


def code(calls: Sequence[tuple[str, Mapping[str, Json]]]) -> str:
    lines = [
        f"{name}({', '.join(f'{key}={value!r}' for key, value in kwargs.items())})" for name, kwargs in calls
    ]
    return "\n".join(lines)


def _write_conditions(changes: Sequence[Change], writes: Writes, rng: random.Random) -> list[str]:
    """One condition for each changed leaf that was asked for: a status, or a value that a call was given."""
    given = {repr(leaf) for _, kwargs in writes for leaf in _leaves(kwargs)}
    found: list[str] = []
    for change in changes:
        table, key, *inner = change.path
        if table not in READERS:
            continue
        for path, value in _placed(change.after, tuple(inner)):
            if path and (path[-1] == "status" or repr(value) in given):
                steps = "".join(f"[{step!r}]" for step in path)
                found.append(f"{READERS[str(table)]}({key!r}){steps} == {value!r}")
    return found


def _evaluate(parameter: str, conditions: Sequence[str], rng: random.Random) -> str:
    style, head = rng.randrange(4), f"def evaluate({parameter}):\n"
    if style == 0:
        return f"{head}    return (\n        " + "\n        and ".join(conditions) + "\n    )\n"
    if style == 1:
        checks = "".join(f"    if not ({one}):\n        return False\n" for one in conditions)
        return f"{head}{checks}    return True\n"
    if style == 2:
        checks = "".join(f"    assert {one}, 'not as asked'\n" for one in conditions)
        return f"{head}{checks}    return True\n"
    checks = "".join(f"        assert {one}\n" for one in conditions)
    return f"{head}    try:\n{checks}    except (AssertionError, KeyError, IndexError, TypeError):\n        return False\n    return True\n"  # noqa: E501


def _make_wrong(
    environment: Environment, task: Task, writes: Writes, others: Sequence[TestTask], rng: random.Random
) -> Iterator[str]:
    """Close attempts whose calls work, change something, and are not what was asked."""
    pool = _gather_pool(environment, writes)
    seen: set[str] = set()
    candidates = [writes[:i] + writes[i + 1 :] for i in range(len(writes))] if len(writes) > 1 else []
    for _ in range(40):
        changed = copy.deepcopy(writes)
        i = rng.randrange(len(changed))
        places = list(_placed(changed[i][1], ()))
        path, value = rng.choice(places)
        alike = [other for other in pool if _shape(other) == _shape(value) and other != value]
        if isinstance(value, str) and alike:
            _put(changed[i][1], path, rng.choice(alike))
            candidates.append(changed)
    for other in rng.sample(list(others), min(4, len(others))):
        actions = [(action["name"], action["kwargs"]) for action in other.truth["actions"]]
        candidates.append([call for call in actions if call[0] in {name for name, _ in writes}] or actions)
    before = environment.open(task.context).digest()
    for candidate in candidates:
        source = code(candidate)
        world = environment.open(task.context)
        works = all(world.call(name, (), kwargs).ok for name, kwargs in candidate)
        if works and source not in seen and world.digest() != before:
            seen.add(source)
            if verdict(environment, task, source) is False:
                yield source


def _gather_pool(environment: Environment, writes: Writes) -> list[str]:
    """Strings near the task: what its ids show, and what those show in turn."""
    world = environment.open({})
    single = [tool for tool in environment.tools if len(tool.parameters.get("required", [])) == 1]
    readers = [tool for tool in single if tool.name.startswith("get_")]
    known = {leaf for _, kwargs in writes for leaf in _leaves(kwargs) if isinstance(leaf, str)}
    for _ in range(2):
        for text in sorted(known)[:80]:
            for tool in readers:
                result = world.call(tool.name, (), {tool.parameters["required"][0]: text})
                if result.ok:
                    known |= {leaf for leaf in _leaves(result.value) if isinstance(leaf, str)}
                    known |= {key for inner in _list_dicts(result.value) for key in inner}
    return sorted(known)


def _list_dicts(value: Json) -> Iterator[Mapping[str, Json]]:
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from _list_dicts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _list_dicts(inner)


# Environments with an answer


def _write_answered(
    environment: Environment, test: TestTask, others: Sequence[TestTask], rng: random.Random
) -> Sound | None:
    turns = list(environment.oracle(test))
    answer = _write_literal(turns[-1].removeprefix("Answer: "))
    actions = [turn.removeprefix("Action:\n").removesuffix("\nEnd Action") for turn in turns[:-1]]
    if not actions:
        return None
    solution = _assigned("\n".join(actions), answer, environment)
    conditions = _answer_conditions(answer)
    wrong = [
        f"result = {value!r}" for value in _draw_wrong_answers(environment, solution, answer, others, rng)
    ]
    draft = Task(
        f"{environment.name}-{test.id}", environment.name, dict(test.context), test.instruction,
        _evaluate("answer", conditions, rng), solution, (),
    )  # fmt: skip
    if verdict(environment, draft, solution) is not True:
        return None
    wrong = [source for source in wrong if verdict(environment, draft, source) is False]
    if len(wrong) < 3:
        return None
    return Sound(replace(draft, failures=tuple(wrong[:3])), tuple(conditions), tuple(wrong), answer)


def _write_literal(text: str) -> Json:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, int | float | list) else text


def _assigned(source: str, answer: Json, environment: Environment) -> str:
    """The oracle's actions without printing; the last call's value is the result where it is the answer."""
    plain = re.sub(r"^print\((.*)\)$", r"\1", source, flags=re.MULTILINE)
    lines = plain.splitlines()
    chained = "\n".join([*lines[:-1], f"result = {lines[-1]}"])
    try:
        if run(environment.open({}), chained) == answer:
            return chained
    except Exception:  # noqa: BLE001 — then the answer is written out
        pass
    return f"{plain}\nresult = {answer!r}"


def _answer_conditions(answer: Json) -> list[str]:
    if isinstance(answer, int | float):
        return ["isinstance(answer, (int, float))", f"abs(answer - {answer!r}) < 0.01"]
    if isinstance(answer, str):
        return ["isinstance(answer, str)", f"answer.strip().lower() == {answer.strip().lower()!r}"]
    return [f"answer == {answer!r}"]


def _draw_wrong_answers(
    environment: Environment, solution: str, answer: Json, others: Sequence[TestTask], rng: random.Random
) -> list[Json]:
    kind = (int, float) if isinstance(answer, int | float) else type(answer)
    found = [
        _write_literal(list(environment.oracle(other))[-1].removeprefix("Answer: ")) for other in others[:40]
    ]
    same = [value for value in found if isinstance(value, kind) and value != answer]
    rng.shuffle(same)
    close = [answer + 1, answer * 2 + 1] if isinstance(answer, int | float) else []
    return [*close, *same[:4]]


def _leaves(value: Json) -> Iterator[Json]:
    for _, leaf in _placed(value, ()):
        yield leaf


def _placed(value: Json, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Json]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _placed(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _placed(inner, (*path, i))
    else:
        yield path, value


def _put(value: Any, path: Sequence[Any], leaf: Json) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = leaf


def _shape(value: Json) -> str:
    return re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", "9", str(value)))
