"""What an agent that calls tools natively is told of an exported task, and its tools as JSON schemas."""

from __future__ import annotations

from selfchal.core.environment import Environment
from selfchal.core.world import Json
from selfchal.interop.portable import PortableTask
from selfchal.rollout.tool_calls import make_tool_schema
from selfchal.serving.session import ANSWER_TOOL, list_tools

_CLOSINGS = {
    True: f"Give the final answer by the tool `{ANSWER_TOOL}`, a value and nothing else. It ends the task.",
    False: "What the user says is also the user's yes to all that it asks for. The final state counts.",
}


def write_messages(environment: Environment, task: PortableTask) -> list[Json]:
    """The system's and the user's message, as every chat format has them."""
    closing = f"Nobody answers questions: act by the tools alone. {_CLOSINGS[environment.answer_required]}"
    seen = environment.initial_observation(task.task.context).strip()
    said = task.task.instruction.strip()
    return [
        {"role": "system", "content": f"{environment.policy.strip()}\n\n{closing}".strip()},
        {"role": "user", "content": f"{said}\n\n{seen}" if seen else said},
    ]


def write_tool_schemas(environment: Environment) -> list[Json]:
    """The tools in the form that chat templates take."""
    return [make_tool_schema(tool) for tool in list_tools(environment)]
