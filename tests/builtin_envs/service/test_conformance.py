"""The ``compat`` profile against the recorded behaviour of tau-bench: every call, every episode."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from selfchal.builtin_envs.airline.environment import Airline
from selfchal.builtin_envs.retail.environment import Retail
from selfchal.builtin_envs.service.environment import ServiceConfig, ServiceEnvironment
from selfchal.builtin_envs.tables.world import TableWorld
from selfchal.core.task import TestTask
from tests.support.benchmark import benchmark_data, recorded

DESKS: dict[str, type[ServiceEnvironment]] = {"retail": Retail, "airline": Airline}
PRISTINE = {
    "retail": "ae10e8a7f23bedf88c90a528efa2d59d27cae24b5ce1f0d28768b39257bf9f0d",
    "airline": "f212eeda89b986239ddfb1a9b3d07d2b388112869864655ec9e5cc7ab07ab41c",
}


@cache
def desk(name: str) -> ServiceEnvironment:
    return DESKS[name](ServiceConfig(data=benchmark_data("envdata")))


def answer(world: TableWorld, name: str, kwargs: dict[str, Any]) -> str:
    return world.show(world.call(name, (), kwargs))


def check_text(row: dict[str, Any], text: str) -> None:
    """CPython's own wording (rows with ``exc``) is compared by state alone; so is what the original lost."""
    if row["obs"] is not None and not row.get("exc"):
        assert text == row["obs"], row


@pytest.mark.parametrize("name", DESKS)
def test_random_calls(name: str) -> None:
    world, sequence = desk(name).open({}), None
    assert world.canonical_sha256() == PRISTINE[name]
    for row in recorded(f"tau/{name}_fuzz.jsonl.gz"):
        if row["seq"] != sequence:
            world.reset()
            sequence = row["seq"]
        before = world.digest()
        check_text(row, answer(world, row["name"], row["kwargs"]))
        assert (world.digest() != before) == row["changed"], row
        assert world.canonical_sha256() == row["sha256"], row


@pytest.mark.parametrize("name", DESKS)
@pytest.mark.parametrize("kind", ["quirks", "gt_replay"])
def test_scenarios(name: str, kind: str) -> None:
    world = desk(name).open({})
    for row in recorded(f"tau/{name}_{kind}.jsonl.gz"):
        world.reset()
        for step in row["steps"]:
            if step.get("skipped"):
                continue
            check_text(step, answer(world, step["name"], step["kwargs"]))
            if "sha256" in step:
                assert world.canonical_sha256() == step["sha256"], step
        if "final_sha256" in row:
            assert world.canonical_sha256() == row["final_sha256"], row["index"]
        patch = row.get("final_diff", row.get("diff"))
        assert {tuple(op["path"].split("/")[1:3]) for op in patch} == {
            tuple(str(part).replace("~", "~0").replace("/", "~1") for part in change.path[:2])
            for change in world.difference()
        }


def played(
    environment: ServiceEnvironment, task: TestTask, scenario: str, reply: str | None
) -> tuple[TableWorld, list[str]]:
    """The recorded scenario: which ground-truth calls are made, and what is said, until the episode ends."""
    world = environment.open({})
    calls = [(action["name"], action["kwargs"]) for action in task.truth["actions"]]
    if scenario == "drop_last_write":
        writes = [i for i, (name, _) in enumerate(calls) if environment._writes(name)]
        calls = [call for i, call in enumerate(calls) if not writes or i != writes[-1]]
    elif not scenario.startswith("oracle"):
        calls = []
    if scenario in ("transfer_now", "oracle_then_transfer"):
        calls.append(("transfer_to_human_agents", {"summary": "-"}))
    for name, kwargs in calls:
        world.call(name, (), kwargs)
        if world.ended:
            return world, []
    if reply is None:
        reply = " ; ".join(task.truth["outputs"])
        reply = f"Done. {reply}" if scenario in ("oracle", "drop_last_write") else reply
    return world, [reply]


@pytest.mark.parametrize("name", DESKS)
def test_episodes(name: str) -> None:
    environment = desk(name)
    tasks = {split: environment.test_tasks(split) for split in environment.splits()}
    for row in recorded(f"tau/{name}_episodes.jsonl.gz"):
        task = tasks[row["split"]][row["index"]]
        silent = {"noop", "oracle_silent"}
        reply = row.get("reply") or ("ok" if row["scenario"] in silent else None)
        world, replies = played(environment, task, row["scenario"], reply)
        assert environment.grade(task, world, None, replies) == (row["reward"] == 1.0), row


@pytest.mark.parametrize(("name", "wins"), [("retail", 7), ("airline", 19)])
def test_doing_nothing_wins_what_it_wins_in_the_original(name: str, wins: int) -> None:
    environment = desk(name)
    tasks = environment.test_tasks("test")
    assert sum(environment.grade(task, environment.open({}), None, ["ok"]) for task in tasks) == wins


def test_the_papers_airline_split_leaves_out_what_doing_nothing_solves() -> None:
    environment = desk("airline")
    tasks = environment.test_tasks("paper")
    assert len(tasks) == 30
    assert not any(environment.grade(task, environment.open({}), None, ["ok"]) for task in tasks)


@pytest.mark.parametrize("name", DESKS)
def test_tools_are_named_and_typed_as_the_originals(name: str) -> None:
    import json

    path = benchmark_data(f"envdata/tau-bench/{name}/tools.json")
    theirs = [entry["function"] for entry in json.loads(path.read_text())]
    ours = desk(name).tools
    assert [tool.name for tool in ours] == [tool["name"] for tool in theirs]
    for mine, their in zip(ours, theirs, strict=True):
        assert list(mine.parameters["properties"]) == list(their["parameters"]["properties"])
        assert mine.parameters["required"] == their["parameters"]["required"]
        for key, schema in their["parameters"]["properties"].items():
            assert mine.parameters["properties"][key]["type"] == schema["type"], (mine.name, key)
            assert mine.parameters["properties"][key].get("enum") == schema.get("enum"), (mine.name, key)


@pytest.mark.parametrize(
    ("name", "wins", "sha256"),
    [
        ("retail", 7, "f08162ba14d2d3ce9ebe4ebc0fa3cd4bdc2876eaaf9d3411802cdba96ea1f41a"),
        ("airline", 23, "44b4b7da83f81d77ba17ed94a7e51f81995a8a23fa8df1df702c8df80dddd0fb"),
    ],
)
def test_tau2(name: str, wins: int, sha256: str) -> None:
    """tau2-bench's database, and how many of its tasks are won by doing nothing."""
    environment = DESKS[name](ServiceConfig(profile="tau2", data=benchmark_data("envdata")))
    assert environment.open({}).canonical_sha256() == sha256
    tasks = environment.test_tasks("base")
    assert sum(environment.grade(task, environment.open({}), None, ["ok"]) for task in tasks) == wins
    for task in tasks:
        world = environment.open({})
        for action in task.truth["actions"]:
            world.call(action["name"], (), action["kwargs"])
        assert environment.grade(task, world, None, [environment.oracle(task)[-1]]), task.id
