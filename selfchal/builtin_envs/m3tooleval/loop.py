"""M3ToolEval's own episode: ten turns, a wrong answer is not the end. For scores by the original's rules;
``selfchal eval`` ends an episode with its first answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from selfchal.builtin_envs.m3tooleval import formats
from selfchal.core.model import Message
from selfchal.core.sandbox import MAX_SOURCE
from selfchal.core.world import World

TURNS = 10
_AGAIN = (
    "Your answer is incorrect. Please try again. Note that you should ONLY output the answer "
    "(e.g., single number), without any other text."
)
Act = Callable[[str], str]


@dataclass
class Played:
    """``messages`` without the prompt."""

    messages: list[Message] = field(default_factory=list)
    correct: bool = False
    turns: int = 0
    end: Literal["correct", "limit", "context_limit"] = "limit"


def play(
    generate: Callable[[Sequence[Message]], str | None],
    act: Act,
    check: Callable[[str], bool],
    turns: int = TURNS,
) -> Played:
    """``generate`` continues the messages after the prompt, or gives None when the context is full."""
    played = Played()
    while played.turns < turns and not played.correct:
        generation = generate(played.messages)
        if generation is None:
            played.end = "context_limit"
            return played
        text = formats.first_turn(generation)
        played.messages.append(Message("assistant", text))
        played.turns += 1
        turn = formats.read_turn(text)
        if turn.kind == "answer" and check(turn.content):
            played.correct, played.end = True, "correct"
            return played
        played.messages.append(Message("user", _make_reply(turn, act)))
    return played


def _make_reply(turn: formats.Turn, act: Act) -> str:
    if turn.kind == "invalid":
        return turn.content
    said = act(turn.content) if turn.kind == "action" else _AGAIN
    return said if turn.extra is None else f"{said}\n*Extra reminder: {turn.extra}"


def tool_actions(world: World, mode: Literal["text_as_action", "json_as_action"]) -> Act:
    """Actions of the text and JSON formats on this world (a ``compat`` one)."""

    def act(action: str) -> str:
        read = formats.read_text_action if mode == "text_as_action" else formats.read_json_action
        call = read(action)
        if isinstance(call, str):
            return call
        return world.show(world.call(call.name, call.args, {}))

    return act


def code_actions(run: Callable[[str], str]) -> Act:
    """Actions of the code format. ``run`` runs Python in a session that keeps its variables, and gives
    what was printed, a traceback included."""

    def act(action: str) -> str:
        if len(action) > MAX_SOURCE:
            return f"the action has more than {MAX_SOURCE:,} characters"
        rewritten = formats.read_rewritten(run(formats.rewriting_program(action)), action)
        return str(formats.code_observation(run(rewritten)))

    return act
