"""What an agent writes is an answer or an action, whatever it is: the environment's process survives it."""

from __future__ import annotations

import pytest

from selfchal.builtin_envs.m3tooleval import answers, formats, loop
from selfchal.core.sandbox import Limits, Sandbox

HOSTILE = {
    "a number too long to be written": "0x" + "f" * 5_000,
    "many numbers": "1," * 200_000,
    "many signs": "-" * 100_000 + "1",
    "many brackets": "[" * 100_000,
    "many texts": "'a'" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_wrong_and_no_more(name: str) -> None:
    assert not answers.check("181", "str", HOSTILE[name])
    assert formats.code_observation(HOSTILE[name]) is not None


def test_a_hostile_action_is_taken_apart_in_the_sandbox(process_sandbox: Sandbox) -> None:
    with process_sandbox.session(None, Limits(seconds=5)) as session:

        def run(source: str) -> str:
            done = session.run(source)
            return done.stdout + (done.error or "")

        act = loop.code_actions(run)
        assert act("x = 20\nx + 1") == "21"
        assert "<task>" in act("(" * 10_000)
        assert "more than 20,000 characters" in act("x" * 50_000)
        assert "IndentationError" in act(" x\ny")
        assert act("x") == "20"
        assert "Error" in act("-" * 19_000 + "1")
