"""The challenger's answer: tagged text in, the parts of a Code-as-Task out, or why not.

    <instruction>…</instruction> <evaluation_function>…</evaluation_function>
    <solution>…</solution> <failure_case>…</failure_case> three times

Models vary: fences, indentation, missing end tags, other names of a tag, HTML entities are forgiven, and
what was forgiven is listed. One regular expression finds the tags, so the time is linear in the text.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from selfchal.core.judge import Stage
from selfchal.core.sandbox import MAX_SOURCE
from selfchal.core.task import MIN_FAILURES
from selfchal.judging.source.parse import SourceError, parse_source
from selfchal.rollout.actions import unfenced

MAX_ANSWER = 200_000  # characters; more is a runaway generation, not a task
_MAX_TAGS = 100  # a task has about twelve

_NAMES = {
    "instruction": "instruction",
    "instructions": "instruction",
    "task": "instruction",
    "evaluation_function": "evaluate",
    "evaluationfunction": "evaluate",
    "evaluation": "evaluate",
    "evaluate": "evaluate",
    "verification_function": "evaluate",
    "verifier": "evaluate",
    "solution": "solution",
    "example_solution": "solution",
    "failure_case": "failure",
    "failure_cases": "failures",
    "failurecase": "failure",
    "failure": "failure",
}
CODE_AS_TASK = ("instruction", "evaluate", "solution")  # the parts that such a task cannot do without
UNCHECKED = ("instruction", "solution")  # where the program writes the checks
INSTRUCTION = ("instruction",)
_CANONICAL = {"instruction", "evaluation_function", "solution", "failure_case"}
_TAG = re.compile(
    r"<[ ]?(/?)[ ]?(" + "|".join(sorted(_NAMES, key=len, reverse=True)) + r")[ _]?(\d{0,2})[ ]?>",
    re.IGNORECASE,
)
_MARKER = re.compile(r"End Answer", re.IGNORECASE)
_INVISIBLE = dict.fromkeys([0xFEFF, 0x200B, 0x200C, 0x200D, 0x2060])


@dataclass(frozen=True)
class Draft:
    """The parts as written, cleaned; ``forgiven`` lists how they departed from the grammar. ``drawn`` counts
    failure cases that the challenger did not write."""

    instruction: str
    evaluate: str
    solution: str
    failures: tuple[str, ...]
    forgiven: tuple[str, ...] = ()
    drawn: int = 0


@dataclass(frozen=True)
class Refusal:
    """The text holds no task, or one that is refused without the judge: the stage that was not reached, and
    what the challenger is told, where that is more than the reason."""

    reason: str
    stage: Stage = Stage.PARSED
    feedback: str = ""


def looks_like_answer(text: str, alone: bool = False) -> bool:
    """Does the text open an instruction and another part (or it alone), whatever else it says?"""
    opened = {_NAMES[m[2].lower()] for m in _TAG.finditer(text[:MAX_ANSWER]) if not m[1]}
    return "instruction" in opened and (alone or len(opened) > 1)


def parse_answer(text: str, needed: Sequence[str] = CODE_AS_TASK) -> Draft | Refusal:
    """Read an answer; a challenger that is asked for fewer parts is refused for lack of these alone."""
    if len(text) > MAX_ANSWER:
        return Refusal(f"The answer is {len(text):,} characters long; at most {MAX_ANSWER:,} are read.")
    forgiven: list[str] = []
    if surplus := next(islice(_TAG.finditer(text), _MAX_TAGS, None), None):
        forgiven.append("endless failure cases")  # small models write them on and on
        text = text[: surplus.start()]
    parts = _find_last_task(_find_sections(text, forgiven), needed, forgiven)
    missing = [name for name in needed if not "".join(parts.get(name, ())).strip()]
    if missing:
        tags = ", ".join(f"<{'evaluation_function' if name == 'evaluate' else name}>" for name in missing)
        return Refusal(f"The answer lacks {tags}.")
    failures = _list_failures(parts.get("failure", ()), forgiven)
    return Draft(
        instruction=_clean_prose(parts["instruction"][-1], forgiven),
        evaluate=_clean_code("".join(parts.get("evaluate", ("",))[-1:]), forgiven),
        solution=_clean_code("".join(parts.get("solution", ("",))[-1:]), forgiven),
        failures=tuple(failures),
        forgiven=tuple(dict.fromkeys(forgiven)),
    )


def _find_sections(text: str, forgiven: list[str]) -> list[tuple[str, str]]:
    """(part, body) in order of appearance. A part ends at its end tag, at the next part, or at the end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found: list[tuple[str, str]] = []
    name, start = "", 0
    for match in _TAG.finditer(text):
        closing, tag = bool(match[1]), match[2].lower()
        part = _NAMES[tag]
        if tag not in _CANONICAL and part != "failures":
            forgiven.append(f"<{tag}>")
        if match[3]:
            forgiven.append("numbered tag")
        if closing and part in (name, "failures"):
            if name and name != "failures":
                found.append((name, text[start : match.start()]))
            name = ""
        elif not closing:
            if name and name != "failures":
                forgiven.append("missing end tag")
                found.append((name, text[start : match.start()]))
            name, start = part, match.end()
    if name and name != "failures":
        forgiven.append("missing end tag")
        found.append((name, _MARKER.split(text[start:], maxsplit=1)[0]))
    return found


def _find_last_task(
    sections: list[tuple[str, str]], needed: Sequence[str], forgiven: list[str]
) -> dict[str, list[str]]:
    """Models sometimes write a task, think again and write another: the last complete one counts."""
    starts = [i for i, (name, _) in enumerate(sections) if name == "instruction"]
    for start in reversed(starts):
        names = {name for name, _ in sections[start:]}
        if start == starts[0] or names.issuperset(needed):
            break
    else:
        start = 0
    if start and start != starts[0]:
        forgiven.append("several tasks")
    parts: dict[str, list[str]] = {}
    for name, body in sections[start:]:
        parts.setdefault(name, []).append(body)
    return parts


def _list_failures(bodies: Sequence[str], forgiven: list[str]) -> list[str]:
    """The failure cases, each once. Models that write them on and on are cut off in one: it is left out."""
    cases = [_clean_code(body, forgiven) for body in bodies if body.strip()]
    failures = list(dict.fromkeys(cases))
    if len(failures) > MIN_FAILURES and "missing end tag" in forgiven and not _compiles(failures[-1]):
        forgiven.append("cut failure case")
        del failures[-1]
    return failures


def _clean_prose(body: str, forgiven: list[str]) -> str:
    text = body.translate(_INVISIBLE).strip()
    return _unfence(text, forgiven).strip()


def _clean_code(body: str, forgiven: list[str]) -> str:
    """The code of a part without what surrounds it."""
    text = _unfence(body.translate(_INVISIBLE).expandtabs(4).strip("\n"), forgiven)
    if 0 < len(text.strip()) <= MAX_SOURCE and not _compiles(text):
        for what, mended in (
            ("indentation", textwrap.dedent(text)),
            ("indentation", textwrap.dedent(text.lstrip(" "))),
            ("entities", html.unescape(textwrap.dedent(text))),
            ("language line", re.sub(r"\A(?:python|python3)\n", "", text.lstrip())),
        ):
            if mended != text and _compiles(mended):
                forgiven.append(what)
                text = mended
                break
    return text.strip("\n").rstrip()


def _unfence(text: str, forgiven: list[str]) -> str:
    inner = unfenced(text)
    if inner is not text:
        forgiven.append("fence")
    return inner


def _compiles(text: str) -> bool:
    try:
        parse_source(text, "the code")
    except SourceError:
        return False
    return True
