"""M3ToolEval's three action formats: the prompt, what a generation says, and how an action is read.

A turn is ``Action: … End Action`` or ``Answer: …``. An action is ``tool, argument, …`` (text), an object
with ``tool`` and ``args`` (JSON), or Python (code).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from selfchal.builtin_envs.answers import read_literal
from selfchal.builtin_envs.m3tooleval.answers import number_or_text
from selfchal.builtin_envs.m3tooleval.observation import cut
from selfchal.core.world import ToolSpec

Mode = Literal["text_as_action", "json_as_action", "code_as_action"]
ACTION, ANSWER, END = "Action:", "Answer:", "End Action"
NO_OUTPUT = "[Executed Successfully with No Output, Did you forget to print?]"
_BEGIN = "You should begin your tool invocation with 'Action:' and end it with 'End Action'.\n"
_ONE = "You can only invoke one tool at a time.\n"
_HOW: dict[Mode, str] = {
    "text_as_action": (
        "You can use the tools by outputing the tool name followed by its arguments, delimited by commas.\n"
        f"{_BEGIN}Example: 'Action: tool_name, argument_1 End Action'\n{_ONE}"
    ),
    "json_as_action": (
        "You can use the tools by outputing a JSON object with the following fields:\n"
        "  - 'tool': the name of the tool\n"
        "  - 'args': a list of arguments to the tool\n"
        f'{_BEGIN}Example: \'Action: {{"tool": "tool_name", "args": ["argument_1"]}} End Action\'\n{_ONE}'
    ),
    "code_as_action": (
        "You can use the tools by outputing a block of Python code that invoke the tools.\n"
        "You may use for-loops, if-statements, and other Python constructs when necessary.\n"
        "Be sure to print the final answer at the end of your code.\n"
        f"{_BEGIN}Example: 'Action:\ntool_name(argument_1)\nEnd Action'\n"
    ),
}
_NOTES = (
    "\nYou can optionally express your thoughts using natural language before your action. For example, "
    "'Thought: I want to use tool_name to do something. Action: <your action to call tool_name> End Action'."
    "\nNote that your output should always contain either 'Action:' or 'Answer:', but not both."
    "\nWhen you are done, output the result using 'Answer: your answer'"
    "\nPlease ONLY output the answer (e.g., single number), without any other text."
)


@dataclass(frozen=True)
class Turn:
    """``kind`` is action, answer or invalid (then ``content`` is what the agent is told)."""

    kind: Literal["action", "answer", "invalid"]
    content: str
    extra: str | None = None


@dataclass(frozen=True)
class ToolAction:
    name: Any
    args: Sequence[Any]


def prompt(tools: Sequence[ToolSpec], instruction: str, mode: Mode) -> str:
    """The one message that a conversation starts with."""
    described = "".join(
        f"[{number}] {tool.name}: {tool.description}\n    Signature: {tool.signature}\n"
        for number, tool in enumerate(tools, start=1)
    )
    return (
        f"You have access to the following tools:\n{described}\n{_HOW[mode]}"
        f"\nNow, let's get started!\n\nInstruction: {instruction}{_NOTES}"
    )


def first_turn(generation: str) -> str:
    """A generation cut before its second ``Action:`` or ``Answer:`` (even one inside a string), and what
    is left cut after ``End Action`` and before a ``Thought:`` that follows the first action.

    Without any ``Action:`` the search for the two starts at the same distance from the start.
    """
    text = generation.lstrip()
    marks = [match.start() for match in re.finditer(f"{ANSWER}|{ACTION}", text)]
    if len(marks) < 2:
        return text
    text = text[: marks[1]].strip()
    after = text.find(ACTION) + len(ACTION)
    end = text.find(END, after)
    if end >= 0:
        text = text[: end + len(END)].strip()
    thought = text.find("Thought:", after)
    return text if thought < 0 else text[:thought].strip()


def read_turn(generation: str) -> Turn:
    """What a generation says."""
    actions, answers = generation.count(ACTION), generation.count(ANSWER)
    if actions and answers:
        return Turn(
            "invalid",
            "Invalid generation. Your output should contain either 'Action:' or 'Answer:', but not both.",
        )
    if answers:
        return Turn("answer", generation.split(ANSWER)[1].strip(), _format_extra("answer", answers))
    if actions:
        action = generation.split(ACTION)[1].lstrip()
        return Turn("action", action.partition(END)[0], _format_extra("action", actions))
    return Turn("invalid", "Invalid generation. Your output should contain either 'Action:' or 'Answer:'")


def _format_extra(what: str, count: int) -> str | None:
    if count == 1:
        return None
    return f"You have output more than one {what}. Only the first {what} will be used."


def read_text_action(action: str) -> ToolAction:
    """``tool, argument, …``: split at every comma, numbers wherever ``int()`` or ``float()`` finds them."""
    name, *args = action.split(",")
    return ToolAction(name.strip(), [number_or_text(arg.strip()) for arg in args])


def read_json_action(action: str) -> ToolAction | str:
    """The call, or what the agent is told. Arguments that are no list are one positional argument."""
    try:
        row = json.loads(action)
        name, args = row["tool"], row["args"]
    except Exception as error:  # noqa: BLE001 — any text may come, and the original tells any error
        return (
            "Invalid action. You should output a JSON object with the following fields: 'tool' (the name of "
            f"the tool), 'args' (a list of arguments to the tool). Error: {error}"
        )
    return ToolAction(name, args if isinstance(args, list) else [args])


_SHOWING = "# shows its last value"
# What an agent wrote is taken apart in its sandbox, not in this process.
_REWRITE = """
def _show_last_value(source, mark):
    import ast, sys
    try:
        tree = ast.parse(source)
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            show = ast.parse("(lambda value: value is None or print(repr(value)))", mode="eval").body
            tree.body[-1] = ast.Expr(ast.Call(show, [tree.body[-1].value], []))
            sys.stdout.write(mark + ast.unparse(ast.fix_missing_locations(tree)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
"""


def rewriting_program(source: str) -> str:
    """A program that prints the source such that its last expression shows, as in an interactive shell."""
    return f"{_REWRITE}_show_last_value({source!r}, {_SHOWING!r})\n"


def read_rewritten(output: str, source: str) -> str:
    """What ``rewriting_program`` printed; the source as it is where that printed nothing."""
    return output.partition(_SHOWING)[2] or source


def code_observation(output: str) -> Any:
    """What the agent sees of a shell's output: cut, without ``Out[n]:``, read as a literal if it is one."""
    text = re.sub(r"Out\[\d+\]:", "", cut(output or NO_OUTPUT))
    try:
        return read_literal(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text
