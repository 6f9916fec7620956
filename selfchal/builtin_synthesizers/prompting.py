"""The challenger's prompts: text files beside the code.

A prompt file has two sections, ``# system`` and ``# first``, and slots in braces: ``{tools}``,
``{policy}``, ``{steps}``, ``{advice}``, ``{example}`` (system), ``{start}``, ``{focus}`` (first). An
environment's own set is its ``advice``, its ``example`` and, where the general form does not suit, a
``challenger`` of its own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

from selfchal.builtin_synthesizers.exemplar import Exemplar
from selfchal.core.environment import Environment
from selfchal.core.world import Json, ToolSpec

_FOLDER = files("selfchal.builtin_synthesizers") / "prompts"
_PART_WORDS = {"evaluation_function": "evaluate", "failure_case": "failure cases"}  # as an advice names them
_SLOT = re.compile(r"\{(\w+)\}")


@functools.cache
def prompt_sections(kind: str, environment: str) -> Mapping[str, str]:
    """The prompt's sections: of this environment's own file where there is one, else the default's."""
    own = _FOLDER / f"{kind}.{environment}.txt"
    text = (own if own.is_file() else _FOLDER / f"{kind}.txt").read_text(encoding="utf-8")
    return dict(_split_sections(text))


def _split_sections(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^# (\w+)\n", text, flags=re.MULTILINE)
    return [(name, body.strip("\n")) for name, body in zip(parts[1::2], parts[2::2], strict=True)]


def has_own_example(environment: Environment) -> bool:
    """Did somebody write an exemplar task for this environment, with tools that it offers as it is set up?"""
    if not (_FOLDER / f"example.{environment.name}.txt").is_file():
        return False
    _, uses, _ = read_look(environment.name, None)
    return {tool.name for tool in environment.tools}.issuperset(uses)


def write_example(environment: str, made: Exemplar | None, left_out: Sequence[str] = ()) -> str:
    """The exemplar task in the grammar of the answer, without the parts of these tags: the environment's own,
    or the one that was made of its tools, or one that is about other tools and says so."""
    if made is not None:
        text = made.write()
    else:
        own = _FOLDER / f"example.{environment}.txt"
        text = (own if own.is_file() else _FOLDER / "example.txt").read_text(encoding="utf-8").strip("\n")
    for tag in left_out:
        text = re.sub(rf"\n<{tag}>.*?</{tag}>", "", text, flags=re.DOTALL)
    return text


Turns = Sequence[tuple[str, str]]  # an action's Python, and the message that answers it


def read_look(environment: str, made: Exemplar | None) -> tuple[str, tuple[str, ...], Turns]:
    """How the exemplar task was found: what its challenger was told first, the tools that its task is about,
    and its exploring turns. Nothing of that where nobody wrote it down, or an exemplar was made without."""
    if made is not None:
        turns = [(f"print({made.look[0]})", f"Observation:\n{made.look[1]}")] if made.look else []
        return "", made.uses, turns
    own = _FOLDER / f"look.{environment}.txt"
    if not own.is_file():
        return "", (), []
    (_, start), (_, uses), *turns = _split_sections(own.read_text(encoding="utf-8"))
    bodies = [body for _, body in turns]
    return start, tuple(uses.split(", ")), list(zip(bodies[::2], bodies[1::2], strict=True))


@functools.cache
def advice(environment: str, left_out: Sequence[str] = ()) -> str:
    """What good tasks of this environment look like; empty where nobody wrote it down. What it says of the
    parts of these tags is left out."""
    own = _FOLDER / f"advice.{environment}.txt"
    text = own.read_text(encoding="utf-8").strip("\n") if own.is_file() else ""
    words = [_PART_WORDS[tag] for tag in left_out]
    sentences = re.split(r"(?<=\.) ", text)
    return " ".join(one for one in sentences if not any(word in one for word in words))


def fill(template: str, slots: Mapping[str, str]) -> str:
    """Put values into the slots; braces that name no slot (Python in an example) stay as they are."""
    return _SLOT.sub(lambda match: slots.get(match[1], match[0]), template)


def describe_tools(tools: Sequence[ToolSpec]) -> str:
    """One line a tool: the call form and the first sentence of what it does."""
    return "\n".join(f"{tool.signature}\n    {_cut_first_sentence(tool.description)}" for tool in tools)


def describe_start(environment: Environment, context: Mapping[str, Json]) -> str:
    """What the challenger is told of the world that it explores."""
    known = "\n".join(f"{name}: {value}" for name, value in context.items() if not name.startswith("_"))
    seen = environment.initial_observation(context)
    return "\n".join(part for part in (known, seen) if part)


def _cut_first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]
