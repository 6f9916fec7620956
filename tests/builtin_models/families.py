"""How families of real models write conversations: their special tokens and templates, and turns as they write them.

The templates are short ones that give the same text as the published ones do for system, user and assistant
messages. Each of the agent's ``turns`` is text that the family's models write: a thought and two calls, a turn
that is cut, and an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

PAD = "<pad>"
ARGUMENTS = ('{"user_id": "ann"}', '{"order_id": "W101"}')
CALLS = [
    f'{{"name": "get_user", "arguments": {ARGUMENTS[0]}}}',
    f'{{"name": "get_order", "arguments": {ARGUMENTS[1]}}}',
]
TAGGED = "\n".join(f"<tool_call>\n{call}\n</tool_call>" for call in CALLS)
THOUGHT = "<think>\nBoth? <tool_call>{}</tool_call>\n</think>\n\n"
ANSWER = "2"
CUT = "The order that was"


@dataclass(frozen=True)
class Family:
    """``end``: the special token with which a turn ends. ``call_end``: where calls end with another one."""

    template: str
    specials: tuple[str, ...]
    end: str
    calls: str
    answer: str = ANSWER
    cut: str = CUT
    call_end: str = ""
    rewrites: bool = False  # earlier turns, when a later one comes


def _write_turns(user: str, agent: str, system: str, start: str = "", prompt: str = "") -> str:
    """A template; each side is text with CONTENT in it, ``prompt`` is where the agent is to speak."""

    def write(text: str) -> str:
        before, after = text.split("CONTENT")
        return f"{before}{{{{ m['content'] }}}}{after}"

    return (
        f"{start}{{% for m in messages %}}{{% if m['role'] == 'system' %}}{write(system)}"
        f"{{% elif m['role'] == 'user' %}}{write(user)}{{% else %}}{write(agent)}{{% endif %}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{prompt or agent.split('CONTENT')[0]}{{% endif %}}"
    )


def _write_roles(form: str, start: str = "", agent: str = "assistant", system: str = "system") -> str:
    """A template that writes every turn in one form, with ROLE and CONTENT in it."""
    user, own, rules = (form.replace("ROLE", role) for role in ("user", agent, system))
    return _write_turns(user, own, rules, start)


_CHATML = _write_roles("<|im_start|>ROLE\nCONTENT<|im_end|>\n")
_QWEN3 = _CHATML.replace(
    "{{ m['content'] }}<|im_end|>\n{% endif %}{% endfor %}",
    "{{ m['content'].split('</think>')[-1].lstrip() if not loop.last else m['content'] }}<|im_end|>\n"
    "{% endif %}{% endfor %}",
)
_GEMMA = (
    "<bos>{% if messages[0]['role'] == 'system' %}{% set rules = messages[0]['content'] + '\n\n' %}"
    "{% set messages = messages[1:] %}{% else %}{% set rules = '' %}{% endif %}{% for m in messages %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ rules if loop.first else '' }}{{ m['content'] }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
_MARKS = (
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁end｜>",
)
_DEEPSEEK_CALLS = (
    _MARKS[0]
    + "".join(
        f"{_MARKS[1]}{name}{_MARKS[2]}{arguments}{_MARKS[3]}"
        for name, arguments in zip(("get_user", "get_order"), ARGUMENTS, strict=True)
    )
    + _MARKS[4]
)
_GLM_CALLS = "\n".join(
    f"<tool_call>{name}\n<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n</tool_call>"
    for name, key, value in (("get_user", "user_id", "ann"), ("get_order", "order_id", "W101"))
)
_HARMONY = ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>", "<|call|>")
_HARMONY_CALL = "<|channel|>commentary to=functions.{} <|constrain|>json<|message|>{}"

FAMILIES = {
    "qwen": Family(_QWEN3, ("<|im_start|>", "<|im_end|>"), "<|im_end|>", THOUGHT + TAGGED, rewrites=True),
    "hermes": Family(_CHATML, ("<|im_start|>", "<|im_end|>"), "<|im_end|>", TAGGED),
    "llama": Family(
        _write_roles("<|start_header_id|>ROLE<|end_header_id|>\n\nCONTENT<|eot_id|>", "<|begin_of_text|>"),
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>"),
        "<|eot_id|>",
        f"[{', '.join(CALLS)}]",
        call_end="<|eom_id|>",
    ),
    "mistral": Family(
        _write_turns(
            "[INST]CONTENT[/INST]", "CONTENT</s>", "[SYSTEM_PROMPT]CONTENT[/SYSTEM_PROMPT]", start="<s>"
        ),
        ("<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CALLS]", "[ARGS]"),
        "</s>",
        f"[TOOL_CALLS]get_user[ARGS]{ARGUMENTS[0]}[TOOL_CALLS]get_order[ARGS]{ARGUMENTS[1]}",
    ),
    "gemma": Family(
        _GEMMA,
        ("<bos>", "<start_of_turn>", "<end_of_turn>"),
        "<end_of_turn>",
        "I look.\n```tool_code\nprint(get_user(user_id='ann'))\nprint(get_order(order_id='W101'))\n```",
    ),
    "phi": Family(
        _write_roles("<|ROLE|>CONTENT<|end|>"),
        ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|tool_call|>", "<|/tool_call|>"),
        "<|end|>",
        f"<|tool_call|>[{', '.join(CALLS)}]<|/tool_call|>",
    ),
    "granite": Family(
        _write_roles("<|start_of_role|>ROLE<|end_of_role|>CONTENT<|end_of_text|>\n"),
        ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>", "<|tool_call|>"),
        "<|end_of_text|>",
        f"<|tool_call|>[{', '.join(CALLS)}]",
    ),
    "deepseek": Family(
        _write_turns(
            "<｜User｜>CONTENT",
            "<｜Assistant｜>CONTENT<｜end▁of▁sentence｜>",
            "CONTENT",
            start="<｜begin▁of▁sentence｜>",
            prompt="<｜Assistant｜><think>\n",
        ),
        ("<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", *_MARKS),
        "<｜end▁of▁sentence｜>",
        f"Both are needed.\n</think>\n\n{_DEEPSEEK_CALLS}",
        answer=f"I count.\n</think>\n\n{ANSWER}",
        rewrites=True,
    ),
    "glm": Family(
        _write_roles("<|ROLE|>\nCONTENT", "[gMASK]<sop>"),
        ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"),
        "<|user|>",
        THOUGHT + _GLM_CALLS,
        call_end="<|observation|>",
    ),
    "gpt_oss": Family(
        _write_turns(
            "<|start|>user<|message|>CONTENT<|end|>",
            "<|start|>assistant<|channel|>final<|message|>CONTENT<|end|>",
            "<|start|>developer<|message|>CONTENT<|end|>",
            prompt="<|start|>assistant",
        ),
        _HARMONY,
        "<|return|>",
        "<|channel|>analysis<|message|>Both.<|end|><|start|>assistant"
        + "<|call|><|start|>assistant".join(
            _HARMONY_CALL.format(name, arguments)
            for name, arguments in zip(("get_user", "get_order"), ARGUMENTS, strict=True)
        ),
        answer=f"<|channel|>final<|message|>{ANSWER}",
        cut=f"<|channel|>final<|message|>{CUT}",
        call_end="<|call|>",
        rewrites=True,
    ),
}
