"""The forms in which models write calls of tools, as they were trained to.

Each form has marks by which it is known, and a function that reads the calls between them. A turn that holds
a form's mark is a try to call: what cannot be read is told so, and never taken for an answer.

Sources: the chat templates of the models, and vLLM's tool parsers.
"""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.core.world import Json
from selfchal.parsing import parse_python

MOST_CALLS = 64  # of one turn
_JSON_START = re.compile(r"[\[{]")
_HARMONY_TOOL = re.compile(r"to=(?:functions\.)?(?P<name>[\w.-]{1,200})")


class CallError(ValueError):
    """What stands there is no call that can be read; says why, for the model that wrote it."""


@dataclass(frozen=True)
class WrittenCall:
    """A call as it was written: arguments by name, or by place; ``texts`` are still to be read as the types
    of the tool's parameters."""

    name: str
    named: Mapping[str, Json] = field(default_factory=dict)
    placed: Sequence[Json] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


Read = Callable[[str], Iterator[WrittenCall]]


@dataclass(frozen=True)
class CallFormat:
    """``marks``: the turn is a try to call in this form where it holds one of them."""

    name: str
    marks: tuple[str, ...]
    read: Read


def read_json_calls(text: str) -> Iterator[WrittenCall]:
    """JSON objects one after the other, or in a list; anything may stand between them."""
    decoder, at = json.JSONDecoder(), 0
    while found := _JSON_START.search(text, at):
        try:
            value, end = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError) as error:
            if at:  # what comes after a call need not be one
                return
            raise CallError("the JSON of the call cannot be read") from error
        at = end
        for one in value if isinstance(value, list) else [value]:
            yield from read_object(one)


def read_object(call: Json) -> Iterator[WrittenCall]:
    """A call as an object: bare, below ``function`` as OpenAI nests it, or several below ``tool_calls``."""
    if isinstance(call, dict) and isinstance(call.get("tool_calls"), list):
        for one in call["tool_calls"]:
            yield from read_object(one)
        return
    if isinstance(call, dict) and isinstance(call.get("function"), dict):
        call = call["function"]
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise CallError("a tool call is a JSON object with a name and arguments")
    yield WrittenCall(call["name"], read_arguments(call.get("arguments", call.get("parameters", {}))))


def read_arguments(arguments: Json) -> Mapping[str, Json]:
    """The object of a call's arguments, which some write as a text of JSON."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict):
        raise CallError("the arguments of a tool call are a JSON object: parameter names and values")
    return arguments


def read_python_calls(text: str) -> Iterator[WrittenCall]:
    """Calls as Python writes them, one a line or in a list, with constants as arguments."""
    if len(text) > MAX_SOURCE:
        raise CallError(f"it is longer than {MAX_SOURCE:,} characters")
    try:
        tree = parse_python(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CallError("the call cannot be read as Python") from error
    for statement in tree.body:
        value = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print":
            value = value.args[0] if value.args else None
        for call in value.elts if isinstance(value, ast.List | ast.Tuple) else [value]:
            yield _read_python_call(call)


def _read_python_call(call: ast.expr | None) -> WrittenCall:
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name | ast.Attribute):
        raise CallError("a call is the name of a tool with its arguments in brackets")
    try:
        nodes = {each.arg: each.value for each in call.keywords if each.arg}
        named = {name: ast.literal_eval(node) for name, node in nodes.items()}
        placed = [ast.literal_eval(node) for node in call.args]
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise CallError("arguments are constants: texts, numbers, lists and dicts of them") from error
    return WrittenCall(ast.unparse(call.func), named, placed)


def _read_tagged(text: str) -> Iterator[WrittenCall]:
    """``<tool_call>``: JSON (Hermes, Qwen), functions in tags (Qwen3-Coder), or keys and values (GLM)."""
    for part in text.split("<tool_call>")[1:]:
        body = _unfence(part.partition("</tool_call>")[0])
        if "<function=" in body:
            yield from _read_functions(body)
        elif "<arg_key>" in body or (body.strip() and not body.strip().startswith(("{", "["))):
            yield _read_glm(body)
        elif not body.strip():
            raise CallError("the tool call is empty")
        else:
            yield from read_json_calls(body)


def _read_glm(body: str) -> WrittenCall:
    name, *parts = body.split("<arg_key>")
    if not re.fullmatch(r"[\w.-]{1,200}", name.strip()):
        raise CallError("a tool call is a JSON object with a name and arguments")
    texts = {}
    for part in parts:
        key, _, rest = part.partition("</arg_key>")
        texts[key.strip()] = rest.partition("<arg_value>")[2].partition("</arg_value>")[0]
    return WrittenCall(name.strip(), texts=texts)


def _read_functions(text: str) -> Iterator[WrittenCall]:
    """``<function=name>`` with parameters in tags (Qwen3-Coder) or with an object of JSON (Llama 3.1)."""
    for part in text.split("<function=")[1:]:
        name, _, body = part.partition("</function>")[0].partition(">")
        if body.lstrip().startswith("{"):
            yield WrittenCall(name.strip(), read_arguments(body))
            continue
        texts = {}
        for parameter in body.split("<parameter=")[1:]:
            key, _, value = parameter.partition("</parameter>")[0].partition(">")
            texts[key.strip()] = value.strip("\n")
        yield WrittenCall(name.strip(), texts=texts)


def _read_invokes(text: str) -> Iterator[WrittenCall]:
    """``<invoke name="…">`` with parameters in tags (MiniMax and others)."""
    for part in text.split('<invoke name="')[1:]:
        name, _, body = part.partition("</invoke>")[0].partition('"')
        texts = {}
        for parameter in body.split('<parameter name="')[1:]:
            key, _, rest = parameter.partition("</parameter>")[0].partition('"')
            texts[key] = html.unescape(rest.partition(">")[2])
        yield WrittenCall(name, texts=texts)


def _read_mistral(text: str) -> Iterator[WrittenCall]:
    """``[TOOL_CALLS]`` and a list of JSON, or a name, ``[ARGS]`` and the arguments."""
    for part in text.split("[TOOL_CALLS]")[1:]:
        name, has_args, arguments = part.partition("[ARGS]")
        if has_args:
            yield WrittenCall(name.partition("[CALL_ID]")[0].strip(), _read_first_object(arguments))
        else:
            yield from read_json_calls(part)


def _read_deepseek(text: str) -> Iterator[WrittenCall]:
    """Between its own marks: a name and the arguments (V3.1), or a type, a name and fenced JSON (V3, R1)."""
    for part in text.split("<｜tool▁call▁begin｜>")[1:]:
        head, _, rest = part.partition("<｜tool▁call▁end｜>")[0].partition("<｜tool▁sep｜>")
        if rest.lstrip().startswith("{"):
            yield WrittenCall(head.strip(), _read_first_object(rest))
        else:
            name, _, arguments = rest.partition("\n")
            yield WrittenCall(name.strip(), _read_first_object(arguments))


def _read_kimi(text: str) -> Iterator[WrittenCall]:
    """``functions.name:0`` between its own marks, then the arguments."""
    for part in text.split("<|tool_call_begin|>")[1:]:
        head, _, rest = part.partition("<|tool_call_argument_begin|>")
        name = head.strip().removeprefix("functions.").rpartition(":")[0]
        yield WrittenCall(name, _read_first_object(rest))


def _read_harmony(text: str) -> Iterator[WrittenCall]:
    """A message on the commentary channel to a function (gpt-oss)."""
    for part in text.split("<|channel|>")[1:]:
        header, _, body = part.partition("<|message|>")
        if tool := _HARMONY_TOOL.search(header):
            yield WrittenCall(tool["name"], _read_first_object(body))


def _read_first_object(text: str) -> Mapping[str, Json]:
    at = text.find("{")
    try:
        value, _ = json.JSONDecoder().raw_decode(text, max(at, 0))
    except (ValueError, RecursionError) as error:
        raise CallError("the arguments cannot be read as JSON") from error
    return read_arguments(value)


def _read_json_after(mark: str) -> Read:
    """Read the JSON behind a mark, with or without fences."""
    return lambda text: read_json_calls(_unfence(text.partition(mark)[2]))


def _read_between(start: str, end: str) -> Read:
    """Read the Python between two marks."""
    return lambda text: read_python_calls(text.partition(start)[2].partition(end)[0])


def _unfence(text: str) -> str:
    body = text.strip()
    if not body.startswith("```"):
        return text
    return body.partition("\n")[2].partition("```")[0]


# A form whose marks hold those of another one comes before it.
FORMATS: tuple[CallFormat, ...] = (
    CallFormat("Hermes, Qwen, GLM", ("<tool_call>",), _read_tagged),
    CallFormat("Llama 3.1, Qwen3-Coder", ("<function=",), _read_functions),
    CallFormat("MiniMax", ('<invoke name="',), _read_invokes),
    CallFormat("Mistral", ("[TOOL_CALLS]",), _read_mistral),
    CallFormat("Granite, Phi-4-mini", ("<|tool_call|>",), _read_json_after("<|tool_call|>")),
    CallFormat("Phi-4", ("functools[",), _read_json_after("functools")),
    CallFormat("DeepSeek", ("<｜tool▁call▁begin｜>",), _read_deepseek),
    CallFormat("Kimi", ("<|tool_call_begin|>",), _read_kimi),
    CallFormat("gpt-oss", ("<|channel|>commentary to=",), _read_harmony),
    CallFormat("Llama 4", ("<|python_start|>",), _read_between("<|python_start|>", "<|python_end|>")),
    CallFormat("Gemma", ("```tool_code\n",), _read_between("```tool_code\n", "```")),
)


def read_marked(text: str) -> list[WrittenCall] | None:
    """The calls of the first form whose mark the turn holds; None where it holds none. Raises CallError."""
    for one in FORMATS:
        if any(mark in text for mark in one.marks):
            calls = list(islice(one.read(text), MOST_CALLS))
            if not calls:
                raise CallError("there is no call behind its mark")
            return calls
    return None
