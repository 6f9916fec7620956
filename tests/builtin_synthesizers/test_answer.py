"""The grammar of the challenger's answer: what is read, what is forgiven, what is refused; and fuzz."""

from __future__ import annotations

import random
import time

import pytest

from selfchal.builtin_synthesizers.answer import MAX_ANSWER, Draft, Refusal, looks_like_answer, parse_answer
from selfchal.rollout.actions import parse_turn

PLAIN = """Thought: good.
Answer:
<instruction>Cancel it.</instruction>
<evaluation_function>
def evaluate():
    return get_order("W102")["status"] == "cancelled"
</evaluation_function>
<solution>
cancel_order("W102", "x")
</solution>
<failure_case>
cancel_order("W101", "x")
</failure_case>
<failure_case>
pass
</failure_case>
<failure_case>
get_order("W102")
</failure_case>
End Answer"""
DRAFT = parse_answer(PLAIN)


def test_plain_answer() -> None:
    assert isinstance(DRAFT, Draft)
    assert DRAFT.instruction == "Cancel it."
    assert DRAFT.solution == 'cancel_order("W102", "x")'
    assert DRAFT.failures == ('cancel_order("W101", "x")', "pass", 'get_order("W102")')
    assert DRAFT.forgiven == ()


FORGIVEN = {
    "fence": PLAIN.replace("<solution>", "<solution>\n```python").replace("</solution>", "```\n</solution>"),
    "indentation": PLAIN.replace('\ncancel_order("W102", "x")\n', '\n    cancel_order("W102", "x")\n'),
    "missing end tag": PLAIN.replace("</solution>\n", "").replace("</failure_case>\n", ""),
    "<evaluate>": PLAIN.replace("evaluation_function>", "evaluate>"),
    "<failure>": PLAIN.replace("failure_case>", "failure>"),
    "entities": PLAIN.replace('"cancelled"', "&quot;cancelled&quot;"),
    "several tasks": PLAIN.replace("Cancel it.", "Another.") + "\nOn second thought:\n" + PLAIN,
}  # fmt: skip


@pytest.mark.parametrize("what", FORGIVEN)
def test_forgiven_departures_give_the_same_task_and_are_listed(what: str) -> None:
    draft = parse_answer(FORGIVEN[what])
    assert isinstance(draft, Draft)
    assert isinstance(DRAFT, Draft)
    assert what in draft.forgiven
    parts = (draft.instruction, draft.evaluate, draft.solution, draft.failures)
    assert parts == (DRAFT.instruction, DRAFT.evaluate, DRAFT.solution, DRAFT.failures)


def test_upper_case_and_carriage_returns_are_read() -> None:
    text = PLAIN.replace("\n", "\r\n").replace("<instruction>", "<INSTRUCTION>")
    draft = parse_answer(text)
    assert isinstance(draft, Draft)
    assert draft.solution == 'cancel_order("W102", "x")'


@pytest.mark.parametrize("tag", ["instruction", "evaluation_function", "solution"])
def test_a_missing_part_is_named(tag: str) -> None:
    start, end = PLAIN.index(f"<{tag}>"), PLAIN.index(f"</{tag}>") + len(tag) + 3
    refusal = parse_answer(PLAIN[:start] + PLAIN[end:])
    assert isinstance(refusal, Refusal)
    assert f"<{tag}>" in refusal.reason


def test_too_long_is_refused() -> None:
    assert isinstance(parse_answer(PLAIN + "x" * MAX_ANSWER), Refusal)


def test_an_action_is_no_answer() -> None:
    assert not looks_like_answer("Action:\nprint(1)\nEnd Action")
    assert looks_like_answer(PLAIN)


def mutated(rng: random.Random) -> str:
    """A model output gone wrong: cut, repeated, nested, spliced with noise, blown up."""
    text = PLAIN
    for _ in range(rng.randint(1, 6)):
        at, to = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        noise = rng.choice(NOISE)
        kind = rng.randrange(7)
        if kind == 0:
            text = text[:at]
        elif kind == 1:
            text = text[:at] + noise + text[at:]
        elif kind == 2:
            text = text[:at] + text[to:]
        elif kind == 3:
            text = text[:to] + text[at:]
        elif kind == 4:
            text = text[:at] + text[at:to] * rng.choice((2, 5, 200)) + text[to:]
        elif kind == 5:
            text = text[:at] + noise * rng.choice((1, 100, 5_000)) + text[at:]
        else:
            text = "".join(
                rng.choice("<>/()[]{}'\"\\ \n\t") if rng.random() < 0.05 else c for c in text[:5000]
            )
        text = text[:3_000_000]
    return text


NOISE = [
    "<instruction>", "</instruction>", "<solution>", "</failure_case>", "<failure_case>", "```", "```python\n",
    "\x00", "\ud800", "\U0001f600", "\u202e", "\ufeff", "((((", "))))", "[", "{", "'''", "\\", "not ", "-",
    "\n" + " " * 50, " ", "\t", "Action:", "End Action", "Answer:", "End Answer", "&lt;", "f'{", "9**9**9**9",
    "if x:\n", "# coding: utf-7\n", "# system\n", "<" * 50, "< instruction 1>", "<failure_case_3>", "lambda:",
]  # fmt: skip


@pytest.mark.slow
def test_ten_thousand_mutated_outputs_are_parsed_or_refused_within_a_second_each() -> None:
    rng = random.Random(5)
    slowest, kinds = 0.0, {Draft: 0, Refusal: 0}
    for _ in range(10_000):
        text = mutated(rng)
        started = time.thread_time()
        parse_turn(text)
        looks_like_answer(text)
        kinds[type(parse_answer(text))] += 1
        slowest = max(slowest, time.thread_time() - started)
    assert slowest < 1.0
    assert min(kinds.values()) > 500, "the mutations should give both"


def test_failure_cases_that_are_written_on_and_on_count_once_each_and_the_cut_one_not() -> None:
    cases = ["a = 1", "a = 2", "a = 3", "a = 1", "a = 2"]
    text = "".join(f"<failure_case>\n{case}\n</failure_case>\n" for case in cases)
    parts = "<instruction>Do it.</instruction>\n<evaluation_function>\ndef evaluate(): return True\n"
    parts += f"</evaluation_function>\n<solution>\na = 0\n</solution>\n{text}"
    draft = parse_answer(f"{parts}<failure_case>\na = (4\n</")
    assert isinstance(draft, Draft)
    assert draft.failures == ("a = 1", "a = 2", "a = 3")
    assert "cut failure case" in draft.forgiven
    whole = parse_answer(f"{parts}<failure_case>\na = (4\n</failure_case>")
    assert isinstance(whole, Draft)
    assert len(whole.failures) == 4, "one that was written to its end is the challenger's fault"


def test_endless_failure_cases_are_cut_and_the_task_is_read() -> None:
    task = "<instruction>Do it.</instruction><evaluation_function>def evaluate():\n    return True\n"
    task += "</evaluation_function><solution>result = 1</solution>"
    cases = "".join(f"<failure_case>result = {number % 5}</failure_case>" for number in range(3_000))
    draft = parse_answer(task + cases)
    assert isinstance(draft, Draft)
    assert draft.failures == tuple(f"result = {number}" for number in range(5))
    assert "endless failure cases" in draft.forgiven
