"""The exemplar of an environment that only answers: two calls, of which the second takes what the first gives."""

from __future__ import annotations

from selfchal.builtin_envs.calculation.environment import Calculation, CalculationConfig, Family
from selfchal.builtin_synthesizers.exemplar import Exemplar, make_exemplar
from selfchal.builtin_synthesizers.prompting import has_own_example
from selfchal.core.arena import Arena
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner


def make(family: Family) -> Exemplar:
    exemplar = make_exemplar(Calculation(CalculationConfig(family=family)), lambda tool, arguments: False)
    assert exemplar is not None
    return exemplar


def test_it_is_a_task_that_the_judge_keeps(process_sandbox: Sandbox) -> None:
    family: Family = "message_decoder"
    exemplar = make(family)
    environment = Calculation(CalculationConfig(family=family))
    task = Task(
        "t", "calculation", {}, exemplar.instruction, exemplar.evaluate, exemplar.solution, exemplar.failures
    )
    verdict = Judge(SandboxTaskRunner(Arena(environment, process_sandbox, Limits())))(task)
    assert verdict.passed, verdict.reason
    assert len(exemplar.uses) == 2
    assert all(f"{tool}(" in exemplar.solution for tool in exemplar.uses)
    assert exemplar.look is not None
    assert exemplar.look[0] in exemplar.solution


def test_held_out_calls_take_no_part() -> None:
    environment = Calculation(CalculationConfig(family="message_decoder"))
    exemplar = make_exemplar(environment, lambda tool, arguments: tool == "caesar_decode")
    assert exemplar is not None
    assert "caesar_decode" not in exemplar.solution


def test_the_example_that_was_written_counts_where_its_tools_are_offered() -> None:
    configs = [CalculationConfig(family="trade_calculator"), CalculationConfig(family="message_decoder")]
    own = [has_own_example(Calculation(config)) for config in [CalculationConfig(), *configs]]
    assert own == [True, True, False]
