"""Twenty exported tasks in the real packages, each in an environment that scripts/round_trips.py made.

Without those environments every test here is skipped with its reason: they are too large for CI.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from selfchal import open_environment, open_run, using_environment
from selfchal.core.errors import EnvironmentDataError
from selfchal.interop.exporting import export_run
from selfchal.interop.formats import TARGETS
from selfchal.interop.inspect_log import export_episodes
from tests.cli.test_episodes import write_measured_run
from tests.interop.test_harbor import Container
from tests.interop.test_trl import export_class
from tests.serving.test_real_client import ORDER, RETURN
from tests.support.runs import sound_tasks, write_run
from tests.support.served import serving_openenv

pytestmark = pytest.mark.slow
TASKS = 20
PARSE_HARBOR = """
import json, sys
from pathlib import Path
from harbor.models.task.task import Task
rows = []
for directory in sorted(Path(sys.argv[1]).iterdir()):
    task = Task(directory)
    rows.append({"name": task.name, "instruction": task.instruction, "valid": Task.is_valid_dir(directory),
                 "servers": [server.name for server in task.config.environment.mcp_servers]})
print(json.dumps(rows))
"""


def find_environment(name: str) -> Path:
    """The folder of programs of the environment with this package."""
    folder = os.environ.get("SELFCHAL_ROUND_TRIPS")
    programs = Path(folder or "", name, "bin")
    if not folder or not programs.exists():
        pytest.skip(f"{name} is not there; python scripts/round_trips.py {name} makes an environment for it")
    return programs


def export(tmp_path: Path, environment: str, target: str) -> Path:
    run = write_run(tmp_path / "run", {"name": environment}, sound_tasks(environment, TASKS))
    exported = export_run(open_run(run), TARGETS[target], tmp_path / "out")
    assert (exported.count, list(exported.left_out)) == (TASKS, [])
    return tmp_path / "out"


def run_python(programs: Path, code: str, *arguments: object, **environ: str) -> Any:
    """The JSON value that the code prints last."""
    command = [str(programs / "python"), "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environ})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("environment", ["retail", "calculation"])
def test_harbors_own_parser_takes_every_directory(environment: str, tmp_path: Path) -> None:
    programs = find_environment("harbor")
    rows = run_python(programs, PARSE_HARBOR, export(tmp_path, environment, "harbor"))
    assert len(rows) == TASKS
    asked = {task.instruction for task in sound_tasks(environment, TASKS)}
    for row in rows:
        assert row["valid"]
        assert row["servers"] == ["world"]
        assert any(instruction in row["instruction"] for instruction in asked)


PLAY_VERIFIERS = """
import asyncio, importlib, json, sys
from verifiers.v1 import TasksetConfig, Trace
from verifiers.v1.graph import MessageNode
from verifiers.v1.trace import TraceTask
from verifiers.v1.types import AssistantMessage, ToolCall
(module,) = sys.argv[1:]
exported = importlib.import_module(module)
taskset_module = importlib.import_module(f"{module}.taskset")
from selfchal.interop.playing import read_tasks
tasks = read_tasks(taskset_module.FOLDER / "tasks.jsonl")
Taskset = getattr(exported, exported.__all__[0])

def make_trace(task, calls, sampled=True):
    made = [ToolCall(id=str(i), name=call.name, arguments=json.dumps(dict(call.arguments))) for i, call in enumerate(calls)]
    nodes = [MessageNode(message=AssistantMessage(tool_calls=made), sampled=sampled)]
    return Trace.model_construct(task=TraceTask(type="t", data=task.data), nodes=nodes, rewards={}, metrics={})

async def score(task, calls, sampled=True):
    trace = make_trace(task, calls, sampled)
    await task.score(trace)
    return trace.rewards["solved"].value

async def play(task):
    (tools,) = task.toolsets(task.config)
    await tools.setup_task(task.data)
    for call in tasks[task.data.id].solution:
        getattr(tools, call.name)(**call.arguments)
    return tools._player.reward().value

async def main():
    rows = []
    for task in Taskset(TasksetConfig()):
        known = tasks[task.data.id]
        rows.append({
            "solved": await score(task, known.solution),
            "told": await score(task, known.solution, sampled=False),
            "failed": [await score(task, calls) for calls in known.failures],
            "played": await play(task),
        })
    print(json.dumps(rows))

asyncio.run(main())
"""


@pytest.mark.parametrize("environment", ["retail", "calculation"])
def test_verifiers_validates_every_task_and_scores_traces(environment: str, tmp_path: Path) -> None:
    programs = find_environment("verifiers")
    folder = export(tmp_path, environment, "verifiers")
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    module = f"{environment}_demo"
    command = [
        str(programs / "vf-validate"),
        module,
        "--runtime.type",
        "subprocess",
        "--no-rich",
        "-o",
        "out",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (summary,) = (tmp_path / "out").rglob("summary.json")
    for checked in json.loads(summary.read_text())["checks"].values():
        assert checked["valid"] == TASKS
    rows = run_python(programs, PLAY_VERIFIERS, module, PYTHONPATH=str(folder))
    assert len(rows) == TASKS
    for row in rows:
        assert (row["solved"], row["told"], row["played"]) == (1.0, 0.0, 1.0)
        assert set(row["failed"]) == {0.0}


COUNTER = '''
import verifiers.v1 as vf

__all__ = ["CounterTaskset"]

class CounterState(vf.State):
    total: int = 0

class CounterTools(vf.Toolset[vf.ToolsetConfig, CounterState]):
    @vf.tool
    def add(self, number: int) -> dict:
        """Add a number."""
        if number > 99:
            raise ValueError("too much")
        self.state.total += number
        return {"total": self.state.total}

class CounterData(vf.TaskData):
    wanted: int

class CounterTask(vf.Task[CounterData, CounterState, vf.TaskConfig]):
    NEEDS_CONTAINER = NEEDED

    @classmethod
    def toolsets(cls, config):
        return [CounterTools(vf.ToolsetConfig())]

    @vf.reward(weight=1.0)
    async def solved(self, trace: vf.Trace) -> float:
        return float(trace.state.total == self.data.wanted and trace.last_reply == "done")

class CounterTaskset(vf.Taskset[CounterTask, vf.TasksetConfig]):
    def load(self):
        print("loading")
        for wanted in (3, 4):
            yield CounterTask(CounterData(id=f"to-{wanted}", prompt=f"Count to {wanted}.", wanted=wanted))
'''


def test_a_verifiers_package_is_an_environment(tmp_path: Path) -> None:
    python = find_environment("verifiers") / "python"
    (tmp_path / "counter.py").write_text(COUNTER.replace("NEEDED", "False"))
    options = {"package": "counter", "path": str(tmp_path), "python": str(python)}
    with using_environment("verifiers", **options) as environment:
        (tool,) = environment.tools
        assert tool.signature == "counter_tools_add(number: int) -> Any"
        three, four = environment.test_tasks("test")
        assert (three.id, three.instruction) == ("to-3", "Count to 3.")
        world, other = environment.open(three.context), environment.open(four.context)
        assert world.call("counter_tools_add", (1,), {}).value == {"total": 1}
        twin = world.fork()
        assert twin.call("counter_tools_add", (5,), {}).value == {"total": 6}
        assert world.call("counter_tools_add", (2,), {}).value == {"total": 3}
        assert "too much" in world.call("counter_tools_add", (100,), {}).value
        assert other.call("counter_tools_add", (3,), {}).value == {"total": 3}
        assert environment.grade(three, world, "done", ())
        assert not environment.grade(three, world, "I gave up", ())
        assert not environment.grade(four, other, "done", ())
    (tmp_path / "counter.py").write_text(COUNTER.replace("NEEDED", "True"))
    with pytest.raises(EnvironmentDataError, match="its tasks need a container"):
        open_environment("verifiers", **options)


def test_an_exported_package_comes_back_with_its_rewards(tmp_path: Path) -> None:
    python = find_environment("verifiers") / "python"
    folder = export(tmp_path, "retail", "verifiers")
    rows = [json.loads(line) for line in (folder / "retail_demo" / "tasks.jsonl").read_text().splitlines()]
    options = {"package": "retail_demo", "path": str(folder), "python": str(python)}
    with using_environment("verifiers", **options) as environment:
        tasks = environment.test_tasks("test")
        assert len(tasks) == TASKS
        for task, row in zip(tasks, rows, strict=True):
            for calls, solves in ((row["solution"], True), (row["failures"][0], False), ([], False)):
                world = environment.open(task.context)
                for call in calls:
                    world.call(call["name"], (), call["kwargs"])
                assert environment.grade(task, world, "", ()) is solves


PLAY_INSPECT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from inspect_ai import eval as run_eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model
import tasks as exported
from selfchal.interop.playing import read_tasks
known = read_tasks(exported.FOLDER / "tasks.jsonl")

def write_turns(calls):
    turns = [ModelOutput.for_tool_call("mockllm/model", call.name, dict(call.arguments)) for call in calls]
    turns.append(ModelOutput.from_content("mockllm/model", "done"))
    for turn in turns:
        turn.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return turns

def measure(choose):
    task = getattr(exported, sys.argv[2])()
    turns = [turn for sample in task.dataset for turn in write_turns(choose(known[sample.id]))]
    model = get_model("mockllm/model", custom_outputs=turns)
    (log,) = run_eval(task, model=model, max_samples=1, max_connections=1, display="none", log_dir=sys.argv[3])
    assert log.status == "success", str(log.error.message)
    return [log.results.completed_samples, log.results.scores[0].metrics["accuracy"].value]

chosen = [lambda one: one.solution, lambda one: (), lambda one: one.failures[0]]
print(json.dumps([measure(choose) for choose in chosen]))
"""
READ_LOGS = """
import json, sys
from inspect_ai.log import list_eval_logs, read_eval_log
logs = [read_eval_log(found) for found in list_eval_logs(sys.argv[1])]
print(json.dumps({
    log.eval.task: [[s.id, s.epoch, s.scores["reward"].value if s.scores else None, s.messages[-1].text]
                    for s in log.samples]
    for log in logs
}))
"""


def test_inspect_plays_every_sample_and_scores_it_by_replay(tmp_path: Path) -> None:
    programs = find_environment("inspect")
    folder = export(tmp_path, "retail", "inspect")
    solved, nothing, failed = run_python(programs, PLAY_INSPECT, folder, "retail_demo", tmp_path / "logs")
    assert (solved, nothing, failed) == ([TASKS, 1.0], [TASKS, 0.0], [TASKS, 0.0])


def test_inspect_opens_the_logs_of_a_run(tmp_path: Path) -> None:
    programs = find_environment("inspect")
    export_episodes(open_run(write_measured_run(tmp_path / "run")), tmp_path / "logs")
    logs = run_python(programs, READ_LOGS, tmp_path / "logs")
    said = "Answer: 4"
    assert logs["demo/after/greedy"] == [["a", 1, 1.0, said]]
    assert logs["demo/before/sampled"] == [
        ["a", 1, 1.0, said],
        ["a", 2, 0.0, said],
        ["b", 1, None, said],
        ["b", 2, 1.0, said],
    ]


PLAY_OPENENV = """
import json, sys
from openenv.core.generic_client import GenericEnvClient
from openenv.core.mcp_client import MCPToolClient

def call(client, name, arguments):
    try:
        return client.call_tool(name, **arguments)
    except RuntimeError as error:
        return str(error)

url, order, returned, calls, words = sys.argv[1], *map(json.loads, sys.argv[2:5]), sys.argv[5]
rows = {}
with MCPToolClient(base_url=url).sync() as one, MCPToolClient(base_url=url).sync() as other:
    rows["tools"] = [tool.name for tool in one.list_tools()]
    one.reset()
    call(one, "return_delivered_order_items", returned)
    rows["seen"] = [call(client, "get_order_details", order)["status"] for client in (one, other)]
    rows["refused"] = call(one, "get_order_details", {"order_id": "none"})
    rows["steps"] = one.state().step_count
    one.reset()
    rows["afresh"] = call(one, "get_order_details", order)["status"]
with GenericEnvClient(base_url=url).sync() as env:
    rows["rewards"] = []
    for made in (calls, []):
        asked = env.reset(split="test", index=0)
        rows["instruction"] = asked.observation["instruction"]
        for name, arguments in made:
            env.step({"type": "call_tool", "tool_name": name, "arguments": arguments})
        end = env.step({"type": "call_tool", "tool_name": "end_episode", "arguments": {"message": words}})
        rows["rewards"].append([end.reward, end.done])
print(json.dumps(rows))
"""


def test_openenvs_clients_play_a_served_retail() -> None:
    programs = find_environment("openenv")
    retail = open_environment("retail")
    task = retail.test_tasks("test")[0]
    calls = [[call["name"], call["kwargs"]] for call in task.truth["actions"]]
    told = json.dumps(ORDER), json.dumps(RETURN), json.dumps(calls), " ".join(task.truth["outputs"])
    with serving_openenv("retail") as url:
        rows = run_python(programs, PLAY_OPENENV, url, *told)
    assert {"get_order_details", "return_delivered_order_items", "end_episode"} <= set(rows["tools"])
    assert (rows["seen"], rows["afresh"]) == (["return requested", "delivered"], "delivered")
    assert "not found" in rows["refused"]
    assert rows["steps"] == 3
    assert rows["instruction"] == task.instruction
    assert rows["rewards"] == [[1.0, True], [0.0, True]]


def test_harbors_scripts_give_every_oracle_one_and_nothing_else(tmp_path: Path) -> None:
    find_environment("harbor")
    for directory in sorted(export(tmp_path, "retail", "harbor").iterdir()):
        container = Container(directory, tmp_path / "roots" / directory.name)
        assert container.verify() == 0.0
        container.run(str(container.root / "solution" / "solve.sh"))
        assert container.verify() == 1.0
        # test.sh has tried every failure case by then; here one goes the way of an agent
        failure = json.loads((directory / "tests" / "task.json").read_text())["failures"][0]
        container.forget_calls()
        container.run("call_tool -", feed="".join(json.dumps(call) + "\n" for call in failure))
        assert container.verify() == 0.0


@pytest.mark.torch
def test_trls_grpo_trainer_takes_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "SELFCHAL_ROUND_TRIPS" not in os.environ:
        pytest.skip("takes half a minute; python scripts/round_trips.py runs it")
    trl = pytest.importorskip("trl", reason="needs the extra trl")
    datasets = pytest.importorskip("datasets")
    from tests.builtin_trainers.toy import tiny_llama
    from tests.interop.tokens import make_tokenizer

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    cls, rows = export_class(tmp_path, "calculation", count=2)
    tokenizer = make_tokenizer([rows[0]["prompt"][0]["content"], rows[0]["tools"]])
    network = tiny_llama(vocab_size=len(tokenizer), max_position_embeddings=8_192).train()
    config = trl.GRPOConfig(
        output_dir=str(tmp_path / "trained"),
        max_steps=2,
        per_device_train_batch_size=2,
        num_generations=2,
        max_completion_length=8,
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
    )
    trainer = trl.GRPOTrainer(
        model=network,
        args=config,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
        environment_factory=cls,
    )
    trainer.train()
    assert trainer.state.global_step == 2
    assert f"rewards/{cls.__name__}/mean" in trainer.state.log_history[0]
