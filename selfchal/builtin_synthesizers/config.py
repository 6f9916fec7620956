"""Settings of the synthesizers; each ablation of the paper is one of these lines."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator

from selfchal.core.judge import Filter


class Prompt(StrEnum):
    """How a challenger is told what to write."""

    DESCRIBED = "described"
    SHOWN = "shown"


class CodeAsTaskConfig(BaseModel):
    """The paper's challenger; ``exploration``, ``filters`` and ``failures`` switch its parts off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exploration: bool = Field(True, description="Explore before answering; false answers at once.")
    exploration_steps: int = Field(10, ge=1, description="Exploring turns at most, misshapen turns included.")
    revisions: int = Field(3, ge=0, description="How often a rejected task goes back with its traceback.")
    filters: Filter = Field(
        Filter.FULL,
        description="What decides: none, verifier, solution, paper (the paper's three), full (ours too).",
    )
    failures: bool = Field(True, description="Ask for failure cases; false leaves them out of the prompt.")
    prompt: Prompt = Field(
        Prompt.DESCRIBED,
        description="described (the form of an answer, and a finished task; the embedded models know it) or "
        "shown (an example is played turn by turn; for real models, see docs/real_models.md).",
    )
    suggested_tools: int = Field(
        0, ge=0, description="Tools that each proposal is asked to use, drawn for it; 0 names none."
    )
    complete_drafts: bool = Field(
        False,
        description="Complete what a small model leaves out: assign the last value to result where nothing "
        "is, leave out failure cases that do not run or end as the solution does, and draw close attempts "
        "with the solution's tools where fewer than three are left.",
    )
    write_checks: bool = Field(
        False,
        description="The program writes evaluate and the failure cases, from what the solution answers or "
        "changes and from its calls; the challenger writes instruction and solution alone. Not the paper's: "
        "a help for models of one or two billion weights. It needs prompt: shown.",
    )
    footprint: bool = Field(
        False, description="Episodes that change rows which the solution leaves alone get no reward."
    )
    observation_chars: int = Field(4_000, ge=100, description="Characters of an observation that are shown.")

    @model_validator(mode="after")
    def _check_prompt(self) -> CodeAsTaskConfig:
        if self.write_checks and self.prompt is not Prompt.SHOWN:
            raise ValueError("write_checks needs prompt: shown; the other prompt asks for all four parts")
        return self

    @property
    def parts_left_out(self) -> tuple[str, ...]:
        """The tags of the parts that the challenger does not write."""
        if self.write_checks:
            return ("evaluation_function", "failure_case")
        return () if self.failures else ("failure_case",)


class PaeConfig(BaseModel):
    """Proposer-agent-evaluator: instructions alone, judged by the model itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)
