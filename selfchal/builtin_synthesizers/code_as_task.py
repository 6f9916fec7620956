"""The paper's synthesizer: explores, writes a Code-as-Task, gets tracebacks back, revises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel

from selfchal.builtin_synthesizers.challenge_scene import ChallengeScene
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig
from selfchal.core.synthesizer import ProposalContext, ProposalRequest


@dataclass(frozen=True)
class CodeAsTask:
    """The paper's challenger: explores, then proposes instruction, verifier, solution and failure cases."""

    config: CodeAsTaskConfig
    name: ClassVar[str] = "code_as_task"
    Config: ClassVar[type[BaseModel]] = CodeAsTaskConfig

    def scene(self, request: ProposalRequest, proposal_context: ProposalContext) -> ChallengeScene:
        return ChallengeScene(request, proposal_context, self.config)
