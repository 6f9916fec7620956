"""What a challenger reads before its first turn, in one of two forms.

``described``: one system message with the form of an answer and a finished task. The embedded models know it
by heart. ``shown``: the rules alone, and an example that is played before, turn by turn, as the conversation
of another proposal. A small model copies what it is shown: a placeholder in a described form as well as the
look at the data in a shown example.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from selfchal.builtin_synthesizers.config import CodeAsTaskConfig, Prompt
from selfchal.builtin_synthesizers.exemplar import Exemplar
from selfchal.builtin_synthesizers.prompting import (
    advice,
    describe_start,
    describe_tools,
    fill,
    prompt_sections,
    read_look,
    write_example,
)
from selfchal.core.environment import Environment
from selfchal.core.model import Message
from selfchal.core.seeds import seed_of
from selfchal.core.synthesizer import ProposalRequest
from selfchal.core.task import MIN_FAILURES
from selfchal.core.world import Json

FAILURE_FORM = "<failure_case>\nPython that tries and goes wrong in one way.\n</failure_case>\n"
FAILURE_RULE = (
    "- Give {count} failure cases: close attempts whose calls work, but after which evaluate returns False.\n"
)
SHOWN_FAILURE_RULE = (
    f"- Give {MIN_FAILURES} failure cases, each another close attempt: it calls tools, it runs without an "
    "error, and evaluate returns False after it.\n"
)
ANSWER_RULE = "Define evaluate{signature}. It compares the answer with the value that an observation showed"
STATE_RULE = "Define evaluate{signature}. It reads the state with tools and checks every value asked for"
FOCUS = "Tasks so far leave these out, so use some of them: {tools}.\n"
SUGGESTION = "Use {tools}, and other tools where they help.\n"


def write_first_messages(
    environment: Environment,
    context: Mapping[str, Json],
    request: ProposalRequest,
    config: CodeAsTaskConfig,
    exemplar: Exemplar | None,
) -> list[Message]:
    """The system message, the example's turns where the prompt shows them, and what the proposal is about."""
    shown = config.prompt is Prompt.SHOWN
    sections = prompt_sections("shown" if shown else "challenger", environment.name)
    answer = environment.answer_required
    left_out = config.parts_left_out
    asks_failures = "failure_case" not in left_out
    signature = _describe_signature(environment)
    rule = ANSWER_RULE if answer else STATE_RULE
    system = {
        "policy": environment.policy,
        "tools": describe_tools(environment.tools),
        "steps": str(config.exploration_steps if config.exploration else 0),
        "signature": signature,
        "evaluate_rule": ""
        if config.write_checks
        else f"- {rule.format(signature=signature)}. It returns exactly True or exactly False.\n",
        "assign": " and assigns the answer to result" if answer else "",
        "failure_form": FAILURE_FORM if asks_failures else "",
        "failure_rule": _write_failure_rule(shown, exemplar) if asks_failures else "",
        "advice": advice(environment.name, left_out if shown else ()),
        "example": write_example(environment.name, exemplar, left_out),
    }
    suggested = _suggest_tools(environment, request, config.suggested_tools)
    first = {
        "start": describe_start(environment, context),
        "focus": _write_focus(request.focus, suggested),
    }
    return [
        Message("system", fill(sections["system"], system)),
        *(_write_example_turns(environment, config, exemplar, sections["first"]) if shown else ()),
        Message("user", fill(sections["first"], first).strip()),
    ]


def _write_failure_rule(shown: bool, exemplar: Exemplar | None) -> str:
    """Small models write failure cases on and on where no end is named. Environments with an example of
    their own keep the text that the embedded models know."""
    if shown:
        return SHOWN_FAILURE_RULE
    return FAILURE_RULE.format(count="at least 3" if exemplar is None else "3 to 5")


def _write_focus(focus: tuple[str, ...], suggested: tuple[str, ...]) -> str:
    if suggested:
        return SUGGESTION.format(tools=" and ".join(suggested))
    return FOCUS.format(tools=", ".join(focus)) if focus else ""


def _suggest_tools(environment: Environment, request: ProposalRequest, count: int) -> tuple[str, ...]:
    """Tools for this proposal. Where some change the world, one of these comes first, for tasks are about it,
    and then one that looks: a model that is told of two changes makes one up to have something to change."""
    tools = [tool for tool in environment.tools if not tool.ends_episode]
    drawn = Random(seed_of("suggested tools", request.seed)).sample(tools, len(tools))
    first = [next((tool for tool in drawn if tool.only_reads is reads), None) for reads in (False, True)]
    order = [*filter(None, first), *(tool for tool in drawn if tool not in first)]
    return tuple(tool.name for tool in order[:count])


def _write_example_turns(
    environment: Environment, config: CodeAsTaskConfig, exemplar: Exemplar | None, first: str
) -> list[Message]:
    """The example as the conversation that another proposal could have been."""
    start, uses, turns = read_look(environment.name, exemplar)
    focus = SUGGESTION.format(tools=" and ".join(uses)) if uses and config.suggested_tools else ""
    messages = [Message("user", fill(first, {"start": start, "focus": focus}).strip())]
    for action, observation in turns[: config.exploration_steps if config.exploration else 0]:
        messages += [
            Message("assistant", f"Action:\n{action}\nEnd Action"),
            Message("user", observation),
        ]
    task = write_example(environment.name, exemplar and exemplar.without_look(), config.parts_left_out)
    return [*messages, Message("assistant", f"Answer:\n{task}\nEnd Answer")]


def _describe_signature(environment: Environment) -> str:
    """How evaluate is defined, of which the task decides where it may be about an answer or about changes."""
    if not environment.answer_required:
        return "()"
    changes = any(not tool.only_reads for tool in environment.tools)
    # the environments with advice of their own change nothing but the page that is looked at
    may_choose = changes and not advice(environment.name)
    return (
        "(answer), or evaluate() where what changed counts and nothing is asked" if may_choose else "(answer)"
    )
