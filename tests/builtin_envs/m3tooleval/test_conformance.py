"""The ``compat`` profile against the recorded behaviour of M3ToolEval: every row, or the reason why not."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from selfchal.builtin_envs.calculation.environment import FAMILIES, Calculation, CalculationConfig
from selfchal.builtin_envs.m3tooleval import formats, loop
from selfchal.builtin_envs.web_browsing.environment import WebBrowsing, WebBrowsingConfig
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import TestTask
from tests.support.benchmark import benchmark_data, recorded

# The original's ``eval`` lets an expression look into its module, where the answers are; ours does not.
LEAKS = [
    ["__name__.startswith('tasks.impl')"],
    ["len(TASKS)"],
    ["len(PAGES)"],
    ["isinstance(TASKS[0].expected_output, (int, float, str))"],
    ["sorted(METADATA)"],
    ["'TASKS' in globals()"],
    ["'METADATA' in globals()"],
    ["lambda: 1"],  # shows an address
]
MASKED = "0xADDR"  # the recording hides whatever looks like an address


@cache
def environment(family: str) -> Calculation | WebBrowsing:
    data = benchmark_data("envdata/m3tooleval")
    if family == "web_browsing":
        return WebBrowsing(WebBrowsingConfig(profile="compat", data=data))
    return Calculation(CalculationConfig(profile="compat", data=data, family=family))  # type: ignore[arg-type]  # one of FAMILIES


def tasks() -> dict[str, tuple[TestTask, Calculation | WebBrowsing]]:
    return {
        task.id: (task, environment(family))
        for family in (*FAMILIES, "web_browsing")
        for task in environment(family).test_tasks("original")
    }


def test_every_tool_call() -> None:
    kinds: Counter[str] = Counter()
    for row in recorded("m3/tool_calls.jsonl.gz"):
        if row["args"][:1] in LEAKS:
            kinds["leak"] += 1
            continue
        world = environment(row["family"]).open({})
        result = world.call(row["tool"], row["args"], {})
        if MASKED not in row["obs"]:
            assert world.show(result) == row["obs"], row
        if "exc" in row:
            kinds["raised"] += 1
            assert result.raises, row
            assert result.value.partition(":")[0] == row["exc"], row
        elif "repr" in row:
            kinds["answered"] += 1
            assert result.ok, row
            assert as_plain(result.value) == as_plain(ast.literal_eval(row["repr"])), row
    assert min(kinds["raised"], kinds["answered"]) > 100
    assert kinds["leak"] < 0.01 * kinds.total()


def as_plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    return repr(value)


def test_calls_by_name_give_what_calls_by_position_give() -> None:
    """Native tool calls and replay files have names only; a variadic parameter is given as a list."""
    seen = 0
    for row in recorded("m3/tool_calls.jsonl.gz"):
        env = environment(row["family"])
        spec = next((spec for spec in env.tools if spec.name == row["tool"]), None)
        if spec is None or "repr" not in row or row["args"][:1] in LEAKS:
            continue
        names = list(spec.parameters["properties"])
        if names[-1:] in (["args"], ["preferences"]):
            *lead, rest = names
            kwargs = {**dict(zip(lead, row["args"], strict=False)), rest: row["args"][len(lead) :]}
        else:
            kwargs = dict(zip(names, row["args"], strict=True))
        world = env.open({})
        assert world.show(world.call(row["tool"], [], kwargs)) == row["obs"], row
        seen += 1
    assert seen > 100


def test_every_page_and_walk() -> None:
    steps = 0
    for row in recorded("m3/web_sessions.jsonl.gz"):
        world = environment("web_browsing").open({})
        for step in row["steps"]:
            steps += 1
            assert world.show(world.call(step["tool"], step["args"], {})) == step["obs"], step
            if "page" in step:
                state = world.browser.state()  # type: ignore[union-attr]  # a web world
                where = (state["page"], state["scroll"], len(state["history"]))
                assert where == (step["page"], step["scroll"], step["history"])
    assert steps > 500


def test_every_text_and_json_action() -> None:
    seen = 0
    for row in recorded("m3/actions.jsonl.gz"):
        if row.get("mode") in ("text_as_action", "json_as_action"):
            seen += 1
            act = loop.tool_actions(environment(row["family"]).open({}), row["mode"])
            assert act(row["action"]) == row["obs"], row
    assert seen > 100


def test_every_code_action(process_sandbox: Sandbox) -> None:
    seen = 0
    for row in recorded("m3/actions.jsonl.gz"):
        if row.get("mode") != "code_as_action" or "__module__" in row["action"]:
            continue  # a tool is no function of the original's module here
        seen += 1
        world = environment(row["family"]).open({})
        with process_sandbox.session(world, Limits()) as session:
            said = loop.code_actions(runner(session))(row["action"])
        if row.get("traceback"):
            assert said.rstrip().endswith(row["last_line"]), row
        else:
            assert said == str(row["obs"]), row
    assert seen > 10


def runner(session: Any) -> Callable[[str], str]:
    def run(source: str) -> str:
        done = session.run(source)
        return str(done.stdout + (done.error or ""))

    return run


def test_every_generation_is_cut_and_read_alike() -> None:
    for row in recorded("m3/parse.jsonl.gz"):
        assert formats.first_turn(row["raw"]) == row["post"], row
        for text, parsed in ((row["post"], row["parsed"]), (row["raw"], row["parsed_raw"])):
            turn = formats.read_turn(text)
            assert (turn.kind, turn.content, turn.extra) == (
                parsed["type"],
                parsed["content"],
                parsed.get("extra_info"),
            ), row


def test_every_answer_verdict() -> None:
    known = tasks()
    for row in recorded("m3/check_answer.jsonl.gz"):
        task, env = known[row["task"]]
        assert env.grade(task, env.open({}), row["answer"], []) is row["correct"], row


def test_every_prompt() -> None:
    for row in recorded("m3/tasks.jsonl.gz"):
        env = environment(row["family"])
        for mode, text in row["prompts"].items():
            assert formats.prompt(env.tools, row["instruction"], mode) == text


def test_every_episode(process_sandbox: Sandbox) -> None:
    known = tasks()
    for row in recorded("m3/episodes.jsonl.gz"):
        task, env = known[row["task"]]
        world = env.open({})
        said = iter(row["generations"])
        with process_sandbox.session(world, Limits()) as session:
            act = (
                loop.code_actions(runner(session))
                if row["mode"] == "code"
                else loop.tool_actions(world, f"{row['mode']}_as_action")  # type: ignore[arg-type]  # text or json
            )
            played = loop.play(
                lambda messages, said=said: next(said, None),
                act,
                lambda answer, task=task, env=env, world=world: env.grade(task, world, answer, []),
                row["limit"],
            )
        messages = [{"role": message.role, "content": message.content} for message in played.messages]
        assert messages == row["messages"]
        assert (played.correct, played.turns, played.end) == (
            row["is_correct"],
            row["n_turns"],
            row["end_reason"],
        )


@pytest.mark.parametrize("profile", ["fixed", "compat"])
def test_the_oracle_solves_every_original_task_and_doing_nothing_none(profile: str) -> None:
    data = benchmark_data("envdata/m3tooleval")
    for env in (
        Calculation(CalculationConfig(profile=profile, data=data)),  # type: ignore[arg-type]  # a profile
        WebBrowsing(WebBrowsingConfig(profile=profile, data=data)),  # type: ignore[arg-type]
    ):
        held_out = env.test_tasks("original")
        assert len(held_out) == {"calculation": 48, "web_browsing": 34}[env.name]
        for task in held_out:
            (said,) = env.oracle(task)
            assert env.grade(task, env.open({}), said.removeprefix("Answer: "), [])
            assert not env.grade(task, env.open({}), None, [])
            assert not env.grade(task, env.open({}), "", [])


def test_data_may_be_a_folder_of_several_benchmarks() -> None:
    env = WebBrowsing(WebBrowsingConfig(data=benchmark_data("envdata/m3tooleval").parent))
    assert len(env.test_tasks("original")) == 34
