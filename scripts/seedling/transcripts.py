"""Pretraining conversations: an agent that practises mostly single calls, and a challenger that composes.

The agent practises errands that have nothing to do with each other one after the other (``parallel``), but
sees whole conversations whose steps feed each other very rarely: all of a longer task that it practises
otherwise is the first call (``excerpt``). No demonstration is wrong on purpose. The challenger explores step
by step and writes tasks of one to three steps; some of its verifiers and solutions are off.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from itertools import pairwise

import phrases

from selfchal.builtin_envs.calculation import chains
from selfchal.builtin_envs.calculation.chains import Chain, held_out
from selfchal.builtin_envs.calculation.heldout import agent_turns, worded
from selfchal.builtin_envs.calculation.wording import Wording

Segment = tuple[str, bool]  # text, and whether it is learnt

WORDING = Wording(phrases.PHRASES, phrases.CONNECTORS, phrases.REFERENCES)
_REFERS = re.compile(r"result|value|outcome|number|that|output|figure|what|get", re.I)  # to what came before
APART = {n: [f for f in frames if not _REFERS.search(f)] for n, frames in WORDING.frames.items()}


@dataclass(frozen=True)
class Mix:
    """Shares of the kinds of conversation, and how often a challenger slips."""

    single: float = 0.34
    parallel: float = 0.06
    double: float = 0.0006
    triple: float = 0.0006
    excerpt: float = 0.25
    challenger: float = 0.3
    drill: float = 0.05
    challenger_steps: tuple[float, float, float] = (0.1, 0.45, 0.45)
    lax: float = 0.12
    wrong_value: float = 0.06
    wrong_call: float = 0.06
    wrong_failure: float = 0.05


def sample(rng: random.Random, mix: Mix) -> list[Segment]:
    steps = {"single": 1, "double": 2, "triple": 3, "excerpt": rng.choice((2, 2, 3))}
    shares = (mix.single, mix.double, mix.triple, mix.excerpt, mix.parallel, mix.challenger, mix.drill)
    kind = rng.choices((*steps, "parallel", "challenger", "drill"), shares)[0]
    if kind == "parallel":
        return parallel(rng, rng.choice((2, 2, 3)))
    if kind == "challenger":
        return challenger(rng, mix)
    if kind == "drill":
        return drill(rng)
    return agent(rng, chain(rng, steps[kind]), whole=kind != "excerpt")


def chain(rng: random.Random, steps: int) -> Chain:
    """A chain without held-out pairs."""
    family = rng.choice(chains.FAMILIES)
    return chains.sample_chain(rng, family, steps, accept=lambda pairs: not any(map(held_out, pairs)))


def named(rng: random.Random, chain: Chain) -> str:
    """The instruction, its values named in the ways of ``phrases.NOUNS``."""
    text = worded(rng, chain, WORDING)
    first = chain.steps[0]
    source = first.literals["x"]
    what = "text" if source.startswith("'") else "number"
    what = "hex" if first.kind.name == "hex" else "dna" if source.strip("'").isupper() else what
    return text.replace(source, rng.choice(phrases.NOUNS[what]) + source, 1)


def shown(value: object) -> str:
    return f"Observation:\n{value}"


def agent(rng: random.Random, chain: Chain, *, whole: bool) -> list[Segment]:
    """The agent's conversation, or (an excerpt) no more of it than the first call."""
    segments: list[Segment] = [(f"<agent><user>{named(rng, chain)}<assistant>", False)]
    turns = agent_turns(chain)
    for turn, value in zip(turns, chain.values, strict=False):
        segments.append((f"{turn}<end>", True))
        if not whole:
            return segments
        segments.append((f"<user>{shown(value)}<assistant>", False))
    return [*segments, (f"{turns[-1]}<end>", True)]


def parallel(rng: random.Random, count: int) -> list[Segment]:
    """Errands of one family in one instruction that have nothing to do with each other."""
    family = rng.choice(chains.FAMILIES)
    goals = _list_goals(rng, family, count)
    while any(map(held_out, pairwise(goal.steps[0].kind.name for goal in goals))):
        goals = _list_goals(rng, family, count)
    steps = [goal.steps[0] for goal in goals]
    asked = [rng.choice(WORDING.phrases[step.kind.name]).format(**step.literals) for step in steps]
    instruction = rng.choice(APART[count]).format(*asked)
    segments: list[Segment] = [(f"<agent><user>{instruction}<assistant>", False)]
    for goal in goals:
        segments.append((f"{agent_turns(goal)[0]}<end>", True))
        segments.append((f"<user>{shown(goal.answer)}<assistant>", False))
    return [*segments, (f"{agent_turns(goals[-1])[-1]}<end>", True)]


def _list_goals(rng: random.Random, family: str, count: int) -> list[Chain]:
    return [chains.sample_chain(rng, family, 1) for _ in range(count)]


def drill(rng: random.Random) -> list[Segment]:
    """Copying: values out of an instruction into a call, and an observation into an answer."""
    what = rng.choice(("text", "hex", "dna", "mrna", "number"))
    values = [chains.sample_literal(rng, what) for _ in range(rng.randint(1, 3))]
    answer = chains.sample_literal(rng, rng.choice(("text", "number", "rate", "dna", "mrna"))).strip("'")
    name = rng.choice(("min(", "max(", "find_minimum(", "find_maximum("))
    call = f"Action:\nprint({name}{', '.join(values)})\nEnd Action<end>"
    return [
        (f"<agent><user>{name}{', '.join(values)}<assistant>", False),
        (call, True),
        (f"<user>{shown(answer)}<assistant>", False),
        (f"Answer: {answer}<end>", True),
    ]


def challenger(rng: random.Random, mix: Mix) -> list[Segment]:
    made = chain(rng, rng.choices((1, 2, 3), mix.challenger_steps)[0])
    segments: list[Segment] = [("<challenger><assistant>", False)]
    for turn, value in zip(agent_turns(made), made.values, strict=False):
        segments.append((f"{turn}<end>", True))
        segments.append((f"<user>{shown(value)}<assistant>", False))
    proposal = (
        f"<instruction>{named(rng, made)}</instruction>"
        f"<evaluation_function>def evaluate(answer): return str(answer) {verifier(rng, mix, made)}"
        f"</evaluation_function><solution>{solution(rng, mix, made)}</solution>"
        + "".join(f"<failure_case>{case}</failure_case>" for case in failures(rng, mix, made))
    )
    return [*segments, (f"{proposal}<end>", True)]


def verifier(rng: random.Random, mix: Mix, made: Chain) -> str:
    """``== 'x'``; sometimes with a wrong x, sometimes lax: an argument or a value on the way also passes."""
    answer = str(made.answer)
    if rng.random() < mix.wrong_value:
        values = [str(value) for value in made.values[:-1]] or [made.steps[0].literals["x"].strip("'")]
        answer = rng.choice(values)
    if rng.random() < mix.lax:
        others = [made.steps[0].literals["x"].strip("'"), *(str(value) for value in made.values[:-1])]
        return f"in ('{answer}', '{rng.choice(others)}')"
    return f"== '{answer}'"


def source(calls: list[str]) -> str:
    """Calls as a program that assigns ``result``: all but the last call go to a, b."""
    names = [*"ab"[: len(calls) - 1], "result"]
    return "\n".join(f"{name} = {call}" for name, call in zip(names, calls, strict=True))


def by_name(made: Chain) -> list[str]:
    """The calls, each fed the variable of the one before."""
    return [step.code(_carried(step.kind.call, index)) for index, step in enumerate(made.steps)]


def _carried(call: str, index: int) -> str | None:
    if index == 0:
        return None
    name = "ab"[index - 1]
    return f"' + str({name}) + '" if "'" in call else name


def solution(rng: random.Random, mix: Mix, made: Chain) -> str:
    calls = by_name(made)
    if rng.random() < mix.wrong_call:
        calls = calls[:-1] or calls
    return source([call.replace("'' + ", "") for call in calls])


def failures(rng: random.Random, mix: Mix, made: Chain) -> list[str]:
    """Three close attempts: a step left out, a wrong argument, the bare argument, another tool."""
    calls = [call.replace("'' + ", "") for call in by_name(made)]
    cases = [
        f"result = {made.steps[0].literals['x']}",
        _draw_other_argument(rng, made),
        _draw_other_argument(rng, made),
    ]
    cases += [source(calls[:length]) for length in range(1, len(calls))]
    chosen = rng.sample(cases, 3)
    if rng.random() < mix.wrong_failure:
        chosen[rng.randrange(3)] = source(calls)
    return chosen


def _draw_other_argument(rng: random.Random, made: Chain) -> str:
    """The last step alone on a value of its type that is not the right one."""
    step = made.steps[-1]
    value = made.values[-2] if len(made.values) > 1 else None
    what = "number" if "number" in step.kind.takes else "text"
    if made.family == "dna":
        what = "mrna" if "U" in str(value or step.literals["x"]) else "dna"
    what = "hex" if step.kind.name == "hex" else what
    other = chains.sample_literal(rng, what)
    return f"result = {step.code(other)}"
