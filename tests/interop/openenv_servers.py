"""Two servers of OpenEnv's own package: openenv_servers.py NAME PORT. A Python that has it runs this program."""

import sys

import uvicorn
from fastmcp import FastMCP
from openenv.core.env_server import Action, Observation, State, create_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation


class Shelf(MCPEnvironment):
    """Tools, and one held-out task."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self):
        mcp = FastMCP("shelf")
        self.lent = {}

        @mcp.tool
        def lend(title: str, reader: str) -> dict:
            """Lend a book."""
            if title in self.lent:
                raise ValueError(f"{title} is lent already")
            self.lent[title] = reader
            return {"lent": dict(self.lent)}

        @mcp.tool
        def show() -> dict:
            """Show who has what."""
            return dict(self.lent)

        super().__init__(mcp)

    def list_splits(self):
        return ["test"]

    def num_tasks(self, split):
        return 1

    def list_tasks(self, split):
        return [{"question": "Lend Emma to Ada."}]

    def get_task(self, split, index):
        return self.list_tasks(split)[index]

    def get_task_range(self, split, start=None, stop=None):
        return self.list_tasks(split)[start:stop]

    def reset(self, seed=None, episode_id=None, split=None, index=None, **kwargs):
        self.lent.clear()
        return Observation()

    async def step_async(self, action, timeout_s=None, **kwargs):
        seen = await super().step_async(action, timeout_s, **kwargs)
        seen.reward = float(self.lent == {"Emma": "Ada"})
        return seen

    def _step_impl(self, action, timeout_s=None, **kwargs):
        raise ValueError("no such action")

    @property
    def state(self):
        return State()


class Add(Action):
    number: int


class Total(Observation):
    total: int = 0


class Counter(Environment):
    """An action of its own, and room for one session."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def reset(self, seed=None, episode_id=None, **kwargs):
        self.total = seed or 0
        return Total(total=self.total)

    def step(self, action, timeout_s=None, **kwargs):
        self.total += action.number
        return Total(total=self.total, done=self.total >= 10, reward=float(self.total == 10))

    @property
    def state(self):
        return State()


if __name__ == "__main__":
    if sys.argv[1] == "shelf":
        app = create_app(Shelf, CallToolAction, CallToolObservation, env_name="shelf", max_concurrent_envs=4)
    else:
        app = create_app(Counter, Add, Total, env_name="counter")
    uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
