"""The paper's baseline PAE: proposer, agent, evaluator. An instruction alone; a model rates the episodes.

There is no exploration, no code and no filter: whatever has an instruction is kept. The rating is asked
for in ``selfchal.judging.model_grader`` when an episode ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pydantic import BaseModel

from selfchal.builtin_synthesizers.answer import INSTRUCTION, Draft, parse_answer
from selfchal.builtin_synthesizers.config import PaeConfig
from selfchal.builtin_synthesizers.prompting import describe_start, describe_tools, fill, prompt_sections
from selfchal.core.episode import End, SceneResult
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.synthesizer import Proposal, ProposalContext, ProposalRequest
from selfchal.core.task import Task, task_id
from selfchal.core.world import Json


@dataclass
class InstructionScene:
    request: ProposalRequest
    proposal_context: ProposalContext
    context: dict[str, Json] = field(init=False)
    proposal: Proposal = field(init=False)

    def __post_init__(self) -> None:
        self.context = dict(self.proposal_context.arena.environment.exploration_context(self.request.seed))
        self.proposal = self._make_proposal(
            Verdict(Outcome.FAILED, Stage.PARSED, "no instruction was proposed")
        )

    @property
    def name(self) -> str:
        return f"proposal-{self.request.round}-{self.request.index}"

    @property
    def environment(self) -> str:
        return self.proposal_context.arena.environment.name

    def start(self) -> Sequence[Message]:
        environment = self.proposal_context.arena.environment
        sections = prompt_sections("pae", environment.name)
        system = {"policy": environment.policy, "tools": describe_tools(environment.tools)}
        focus = ", ".join(self.request.focus)
        first = {
            "start": describe_start(environment, self.context),
            "focus": f"Tasks so far leave these out: {focus}.\n" if focus else "",
        }
        return [
            Message("system", fill(sections["system"], system)),
            Message("user", fill(sections["first"], first).strip()),
        ]

    def step(self, text: str) -> Message | None:
        draft = parse_answer(text, INSTRUCTION)
        if not isinstance(draft, Draft):
            verdict = Verdict(Outcome.FAILED, Stage.PARSED, draft.reason)
            self.proposal = self._make_proposal(verdict, raw=text)
            return None
        environment = self.proposal_context.arena.environment
        instruction = environment.redact(draft.instruction, self.context)
        task = Task(
            id=task_id(self.context, instruction),
            environment=environment.name,
            context=self.context,
            instruction=instruction,
            evaluate="",
            solution="",
            failures=(),
            provenance={"synthesizer": "pae", "round": self.request.round, "index": self.request.index},
        )
        verdict = Verdict(Outcome.PASSED, Stage.PARSED)
        self.proposal = self._make_proposal(verdict, task, text, draft.forgiven)
        return None

    def _make_proposal(
        self, verdict: Verdict, task: Task | None = None, raw: str = "", forgiven: tuple[str, ...] = ()
    ) -> Proposal:
        return Proposal(self.request.index, self.request.round, verdict, task, raw, 0, forgiven)

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        if cut is End.REFUSED:
            reason = f"no instruction was proposed: {refusal}"
            self.proposal = replace(self.proposal, verdict=replace(self.proposal.verdict, reason=reason))
        verdict = self.proposal.verdict
        return SceneResult(cut or End.ANSWER, float(verdict.passed), verdict.reason, steps=1)


@dataclass(frozen=True)
class Pae:
    """Proposer-agent-evaluator, the baseline of the paper: instructions alone, judged by the model itself."""

    config: PaeConfig
    name: ClassVar[str] = "pae"
    Config: ClassVar[type[BaseModel]] = PaeConfig

    @classmethod
    def asks_model(cls, config: PaeConfig) -> bool:
        return True

    def scene(self, request: ProposalRequest, proposal_context: ProposalContext) -> InstructionScene:
        return InstructionScene(request, proposal_context)
