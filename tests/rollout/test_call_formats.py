"""The call formats of real models, each as its chat template and its parser have it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from selfchal.rollout.actions import Malformed
from selfchal.rollout.call_formats import FORMATS
from selfchal.rollout.tool_calls import Invocations, Invoke, parse_tool_turn
from selfchal.tools.tool import tool
from tests.patience import SOON


def get_user(user_id: str, full: bool = False, limit: int = 10) -> Any:
    """Look a user up.

    Args:
        user_id: who
        full: with everything
        limit: of entries
    """


def view() -> Any:
    """View the list."""


TOOLS = [tool(get_user).spec, tool(view).spec]
ARGUMENTS = '{"user_id": "12", "full": true}'
CALL = Invoke("get_user", {"user_id": "12", "full": True})
NAMED = f'{{"name": "get_user", "arguments": {ARGUMENTS}}}'
ONE = {
    "qwen3_coder": "<tool_call>\n<function=get_user>\n<parameter=user_id>\n12\n</parameter>\n<parameter=full>\ntrue\n"
    "</parameter>\n</function>\n</tool_call>",
    "llama_custom": f"<function=get_user>{ARGUMENTS}</function>",
    "llama_json_list": f"[{NAMED}]",
    "pythonic": '[get_user(user_id="12", full=True)]',
    "pythonic_by_place": '[get_user("12", True)]',
    "llama4": '<|python_start|>[get_user(user_id="12", full=True)]<|python_end|>',
    "gemma": "I look.\n```tool_code\nprint(get_user(user_id='12', full=True))\n```",
    "mistral": f"[TOOL_CALLS] [{NAMED}]",
    "mistral_v11": f"[TOOL_CALLS]get_user[ARGS]{ARGUMENTS}",
    "mistral_v11_id": f"[TOOL_CALLS]get_user[CALL_ID]abc123def[ARGS]{ARGUMENTS}",
    "granite": f"<|tool_call|>[{NAMED}]",
    "granite_tag": f"<tool_call>[{NAMED}]</tool_call>",
    "phi4_mini": f'<|tool_call|>[{{"type": "function", "function": {NAMED}}}]<|/tool_call|>',
    "phi4": f"functools[{NAMED}]",
    "deepseek_v3": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_user\n```json\n"
    f"{ARGUMENTS}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "deepseek_v31": f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_user<｜tool▁sep｜>{ARGUMENTS}<｜tool▁call▁end｜>"
    "<｜tool▁calls▁end｜>",
    "glm": "<tool_call>get_user\n<arg_key>user_id</arg_key>\n<arg_value>12</arg_value>\n<arg_key>full</arg_key>\n"
    "<arg_value>true</arg_value>\n</tool_call>",
    "gpt_oss": "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.get_user "
    f"<|constrain|>json<|message|>{ARGUMENTS}<|call|>",
    "kimi": f"<|tool_calls_section_begin|><|tool_call_begin|>functions.get_user:0<|tool_call_argument_begin|>{ARGUMENTS}"
    "<|tool_call_end|><|tool_calls_section_end|>",
    "minimax": '<minimax:tool_call>\n<invoke name="get_user">\n<parameter name="user_id">12</parameter>\n'
    '<parameter name="full">true</parameter>\n</invoke>\n</minimax:tool_call>',
    "openai_nested": f'{{"tool_calls": [{{"type": "function", "function": {NAMED}}}]}}',
}


@pytest.mark.parametrize("text", ONE.values(), ids=ONE)
def test_a_call_is_read_with_arguments_of_their_types(text: str) -> None:
    assert parse_tool_turn(text, TOOLS) == Invocations((CALL,))


@pytest.mark.parametrize("text", ONE.values(), ids=ONE)
def test_a_call_that_breaks_off_is_no_answer(text: str) -> None:
    """Cut anywhere behind its mark it is a call, or gets a reminder."""
    begins = min(at for form in FORMATS for mark in (*form.marks, "{", "[") if (at := text.find(mark)) >= 0)
    for length in range(begins + 40, len(text)):
        assert isinstance(parse_tool_turn(text[:length], TOOLS), Invocations | Malformed), text[:length]


@pytest.mark.parametrize(
    "text",
    [
        f'<tool_call>{NAMED}</tool_call>\n<tool_call>{{"name": "view", "arguments": {{}}}}</tool_call>',
        f'{NAMED}; {{"name": "view", "parameters": {{}}}}',
        '[get_user(user_id="12", full=True), view()]',
        f"[TOOL_CALLS]get_user[ARGS]{ARGUMENTS}[TOOL_CALLS]view[ARGS]{{}}",
        f'<|tool_call|>[{NAMED}, {{"name": "view", "arguments": {{}}}}]',
        "```tool_code\nget_user('12', full=True)\nview()\n```",
    ],
)
def test_several_calls_of_a_turn_are_all_read(text: str) -> None:
    assert parse_tool_turn(text, TOOLS) == Invocations((CALL, Invoke("view", {})))


def test_more_arguments_than_a_tool_has_are_told() -> None:
    turn = parse_tool_turn("[view(1)]", TOOLS)
    assert isinstance(turn, Malformed)
    assert "view takes 0 arguments, and 1 were given without names" in turn.reminder


@pytest.mark.parametrize(
    "filling", [mark for form in FORMATS for mark in form.marks] + ["<parameter=a>", "{", "["]
)
def test_a_megabyte_is_read_soon(filling: str) -> None:
    text = f"<tool_call><function=a>{filling * (1_000_000 // len(filling))}"
    started = time.thread_time()
    parse_tool_turn(text, TOOLS)
    parse_tool_turn(filling * (1_000_000 // len(filling)), TOOLS)
    assert time.thread_time() - started < SOON
