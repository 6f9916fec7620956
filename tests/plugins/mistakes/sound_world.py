"""A sound environment with a world of its own: what mistakes are planted into."""

import copy
import hashlib
import json

from pydantic import BaseModel

from selfchal import Change, TestTask, ToolResult, ToolSpec, hookimpl, task_id

START = {"stock": {"tea": 9, "rye": 8}, "sold": 0}
TEXT = {"type": "string"}
COUNT = {"type": "integer"}


def look(state, item):
    return state["stock"][item]


def sell(state, item, count):
    if not isinstance(count, int) or not 0 < count <= state["stock"][item]:
        raise ValueError(f"there are not {count} {item}")
    state["stock"][item] -= count
    state["sold"] += count
    return f"sold {count} {item}"


FUNCTIONS = {"look": look, "sell": sell}
LOOK = ToolSpec(
    "look",
    "Say how many of an item there are.",
    "look(item: str) -> int",
    {"type": "object", "properties": {"item": TEXT}, "required": ["item"]},
)
SELL = ToolSpec(
    "sell",
    "Sell some of an item.",
    "sell(item: str, count: int) -> str",
    {"type": "object", "properties": {"item": TEXT, "count": COUNT}, "required": ["item", "count"]},
    writes=True,
)


class World:
    def __init__(self, state=None):
        self.state = copy.deepcopy(START if state is None else state)

    @property
    def tool_names(self):
        return tuple(FUNCTIONS)

    @property
    def ended(self):
        return False

    def call(self, name, args, kwargs):
        try:
            return ToolResult(FUNCTIONS[name](self.state, *args, **kwargs))
        except Exception as error:  # noqa: BLE001 — whatever a tool raises is its answer
            return ToolResult(f"{type(error).__name__}: {error}", ok=False, raises=True)

    def show(self, result):
        return str(result.value)

    def digest(self):
        return hashlib.sha256(json.dumps(self.state, sort_keys=True).encode()).hexdigest()

    def canonical_sha256(self):
        return hashlib.sha256(json.dumps(self.state, sort_keys=True).encode()).hexdigest()

    def difference(self):
        before, after = _leaves(START), _leaves(self.state)
        return tuple(
            Change(path, before[path], after[path]) for path in before if before[path] != after[path]
        )

    def fork(self):
        return World(self.state)

    def reset(self):
        self.state = copy.deepcopy(START)


def _leaves(state):
    return {("stock", item): count for item, count in state["stock"].items()} | {("sold",): state["sold"]}


TASKS = {
    "Sell two teas and three ryes.": (["sell('tea', 2)", "sell('rye', 3)"], ""),
    "How many ryes are there?": (["look('rye')"], "8"),
}


class Options(BaseModel, extra="forbid"):
    pass


class Shop:
    """A shop that sells tea and rye."""

    name = "planted"
    Config = Options

    def __init__(self, config):
        self.config = config

    @property
    def tools(self):
        return [LOOK, SELL]

    @property
    def policy(self):
        return "You keep a shop."

    @property
    def answer_required(self):
        return True

    def open(self, context):
        return World()

    def initial_observation(self, context):
        return ""

    def exploration_context(self, seed):
        return {"customer": seed}

    def redact(self, instruction, context):
        return instruction

    def splits(self):
        return ["test"]

    def test_tasks(self, split):
        return [
            TestTask(task_id({}, text), text, {}, {"answer": answer}) for text, (_, answer) in TASKS.items()
        ]

    def grade(self, task, world, answer, replies):
        calls, expected = TASKS[task.instruction]
        wanted = World()
        for call in calls:
            eval(call, {name: lambda *args, n=name: wanted.call(n, args, {}) for name in FUNCTIONS})
        return world.digest() == wanted.digest() and (not expected or answer == expected)

    def oracle(self, task):
        calls, answer = TASKS[task.instruction]
        return ["Action:\n" + "\n".join(calls) + "\nEnd Action", f"Answer: {answer or 'done'}"]

    def user(self, instruction, context, chat):
        return None


@hookimpl
def register_environments():
    return [Shop]
