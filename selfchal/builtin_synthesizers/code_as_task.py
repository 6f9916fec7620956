"""The paper's synthesizer: explores, writes a Code-as-Task, gets tracebacks back, revises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel

from selfchal.builtin_synthesizers.challenge_scene import ChallengeScene
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig
from selfchal.builtin_synthesizers.exemplar import Exemplar, make_exemplar
from selfchal.builtin_synthesizers.prompting import has_own_example
from selfchal.core.environment import Environment
from selfchal.core.synthesizer import ProposalContext, ProposalRequest


@dataclass(frozen=True)
class CodeAsTask:
    """The paper's challenger: explores, then proposes instruction, verifier, solution and failure cases."""

    config: CodeAsTaskConfig
    _exemplars: dict[int, tuple[Environment, Exemplar | None]] = field(default_factory=dict, compare=False)
    name: ClassVar[str] = "code_as_task"
    Config: ClassVar[type[BaseModel]] = CodeAsTaskConfig

    @classmethod
    def asks_model(cls, config: CodeAsTaskConfig) -> bool:
        return False

    def scene(self, request: ProposalRequest, proposal_context: ProposalContext) -> ChallengeScene:
        exemplar = self._find_exemplar(proposal_context)
        return ChallengeScene(request, proposal_context, self.config, exemplar)

    def _find_exemplar(self, context: ProposalContext) -> Exemplar | None:
        """Made once for each environment, which is kept beside it so that no other one gets its id."""
        environment = context.arena.environment
        if has_own_example(environment):
            return None
        if id(environment) not in self._exemplars:
            self._exemplars[id(environment)] = (
                environment,
                make_exemplar(environment, context.solves_held_out),
            )
        return self._exemplars[id(environment)][1]
