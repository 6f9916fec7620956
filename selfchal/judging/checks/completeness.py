"""Complete: does the instruction hold what the solution needs and evaluate demands?

Every value that the solution hands to a tool must be said in the instruction (or in what the agent is
shown first), be the result of an earlier call, be settled by the records at hand, or be forced: no other
value works and is accepted by evaluate too. A value that an agent has to look up (an order, a variant, a
payment method) must be told apart from those that it stands beside. The paper leaves this open; 30 % of its
kept tasks punish correct behaviour because of it.

There are three outcomes. A value is said, or missing, or *unsure*: it may be said in words that no exact
comparison knows. Readers decide what is unsure, where the options ask for them; the rest is kept and marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from selfchal.core.errors import PluginError
from selfchal.core.evidence import Evidence, TaskRunner
from selfchal.core.judge import Finding, Stage
from selfchal.core.requirement import Requirement
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.checks.derived import is_derived, literals
from selfchal.judging.checks.hidden_values import hidden_values
from selfchal.judging.checks.lookups import blurred
from selfchal.judging.checks.needs import Need, counts_answer, is_counted, is_told, needs_of
from selfchal.judging.checks.undetermined import find_undetermined
from selfchal.judging.checks.visited_pages import Walk, strayed
from selfchal.judging.reading.attempts import decide_by_attempts
from selfchal.judging.reading.model_reader import ModelReader
from selfchal.judging.reading.question import Question, Reader, Reading
from selfchal.judging.reading.sentences import PACKAGE, SentenceReader
from selfchal.judging.wording import Wording

_MOST_NUMBERS = 100  # different ones in a solution; to look for one takes as long as the results are


class CompletenessConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    literals: bool = Field(True, description="Also ask of numbers in the solution's own arithmetic.")
    encoder: bool = Field(
        False, description="Let a sentence encoder recognise paraphrases (pip install 'selfchal[encoder]')."
    )
    reader: bool = Field(
        False, description="Ask the judge model which choice the instruction means, where that is unsure."
    )
    attempts: int = Field(
        0,
        ge=0,
        le=1_000,
        description="Attempts by the agent's model at a task in which something is still unsure, and as "
        "many more with the values told. Fewer than 3 can find that values are said, and never that they are "
        "missing.",
    )


def _asks_encoder(config: CompletenessConfig) -> bool:
    return config.encoder


@dataclass(frozen=True)
class Completeness:
    """The instruction holds what the solution needs and evaluate demands."""

    config: CompletenessConfig = field(default_factory=CompletenessConfig)
    name: ClassVar[str] = "completeness"
    stage: ClassVar[Stage] = Stage.COMPLETE
    Config: ClassVar[type[BaseModel]] = CompletenessConfig
    requires: ClassVar[tuple[Requirement, ...]] = tuple(
        Requirement(module, "selfchal[encoder]", _asks_encoder)
        for module in ("torch", "transformers", PACKAGE)
    )

    @classmethod
    def asks_model(cls, config: CompletenessConfig) -> bool:
        return config.reader

    def check(self, task: Task, runner: TaskRunner, evidence: Evidence) -> Finding:
        """Raises PluginError where the options ask for a model and none is loaded."""
        environment = runner.environment
        told = " ".join(str(value) for value in task.context.values())
        wording = Wording(
            f"{task.instruction}\n{told}\n{environment.initial_observation(task.context)}",
            task.instruction,
        )
        by_answer = counts_answer(task, environment)
        needs = needs_of(environment, evidence.solution.execution.calls, by_answer)
        is_said = is_told if by_answer else is_counted
        open_needs = [need for need in needs if not is_said(need, wording)]
        if by_answer:
            missing, questions = self._find_unsaid(task, runner, evidence, open_needs, wording)
        else:
            missing, questions = find_undetermined(task, runner, evidence, needs, open_needs, wording)
        diagnostics: dict[str, Json] = {"looked_up": len(open_needs) - len(missing)}
        if questions and not missing:
            missing, unsure, readings = self._decide(task, runner, questions)
            diagnostics |= {"readings": readings} if readings else {}
            diagnostics |= {"unsure": unsure} if unsure else {}
        if not missing:
            return Finding.passed(**diagnostics)
        named = "; ".join(missing[:4])
        return Finding.failed(
            f"the instruction does not say {named}",
            f"The agent only gets the instruction, and it does not say {named}. "
            "Rewrite the instruction so that it says everything that evaluate demands.",
            **diagnostics,
            missing=missing,
        )

    def _find_unsaid(
        self,
        task: Task,
        runner: TaskRunner,
        evidence: Evidence,
        open_needs: Sequence[Need],
        wording: Wording,
    ) -> tuple[list[str], list[Question]]:
        """Where the answer counts: arguments that neither the instruction nor an earlier result holds. Then
        what the words alone cannot decide."""
        calls = evidence.solution.execution.calls
        missing = []
        for need in open_needs:
            seen = [call.value for call in calls[: need.call]]
            if not is_derived(need.value, seen, wording):
                missing.append(f"{need.value!r} ({need.parameter} of {calls[need.call].name})")
        if self.config.literals:
            results = [call.value for call in calls]
            missing += hidden_values(task.solution, wording, "\n".join(map(str, results)))
            missing += _find_unsaid_numbers(task.solution, results, wording)
        unclear, questions = blurred(calls, evidence.solution.execution.value, wording)
        if missing:
            return missing, []
        walk = Walk(calls, runner.environment.tools, partial(runner.environment.open, task.context))
        unnamed, roles = strayed(walk, wording)
        return [*unnamed, *unclear], [*questions, *roles]

    def _decide(
        self, task: Task, runner: TaskRunner, questions: Sequence[Question]
    ) -> tuple[list[str], list[str], list[Json]]:
        """What is missing, what remains unsure, and who found what. The first reader that can tell decides;
        attempts decide what no reader can tell."""
        readings: list[Json] = []
        missing: list[str] = []
        unsure = list(questions)
        for reader in self._list_readers(runner):
            answers = {question: reader.read(task.instruction, question) for question in unsure}
            readings += [
                {"value": question.label, "by": reader.name, "reading": str(one.reading), "why": one.why}
                for question, one in answers.items()
            ]
            missing += [q.label for q, answer in answers.items() if answer.reading is Reading.MISSING]
            unsure = [q for q, answer in answers.items() if answer.reading is Reading.UNSURE]
        if unsure and not missing and self.config.attempts:
            if runner.solver is None:
                raise PluginError("the attempts of the check 'completeness' need a model that is loaded")
            answer = decide_by_attempts(runner.solver, task, unsure, self.config.attempts)
            readings.append({"by": "attempts", "reading": str(answer.reading), "why": answer.why})
            missing += [q.label for q in unsure if answer.reading is Reading.MISSING]
            unsure = unsure if answer.reading is Reading.UNSURE else []
        return missing, [question.label for question in unsure], readings

    def _list_readers(self, runner: TaskRunner) -> Iterator[Reader]:
        if self.config.encoder:
            yield SentenceReader()
        if self.config.reader:
            if runner.chat is None:
                raise PluginError("the reader of the check 'completeness' needs a judge model that is loaded")
            yield ModelReader(runner.chat)


def _find_unsaid_numbers(source: str, results: Sequence[Json], wording: Wording) -> list[str]:
    """Numbers of the solution's own arithmetic that are neither said nor worked out of results."""
    numbers = list(dict.fromkeys(literals(source)))
    missing = [
        f"{value!r}"
        for value in numbers[:_MOST_NUMBERS]
        if not wording.says(value) and not is_derived(value, results, wording)
    ]
    return [*missing, f"one of {len(numbers)} numbers"] if len(numbers) > _MOST_NUMBERS else missing
