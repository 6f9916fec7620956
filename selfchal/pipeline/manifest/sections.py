"""The sections of a manifest that belong to the core, each option with its default and what it means.

``docs/manifest.md`` is written from these classes. A section that names a plugin holds the plugin's own
options besides, which are not known here (``PluginSection``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from selfchal.rollout.tool_calls import ActionFormat


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class RunSection(Section):
    name: str = Field("run", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", max_length=100)
    """Names the run directory, ``runs/NAME``, where no --out is given: letters, digits, dots, dashes and
    underlines, of which a dot or a dash is not the first."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Every random choice of the run follows from it."""


class TasksSection(Section):
    """Tasks that are there already. They are judged like proposals, and take part in every round."""

    source: Path = Field(alias="from")
    """A JSONL file, one task a line as ``selfchal tasks judge`` reads them, or the directory of a run, of
    which the kept tasks are taken."""


PROPOSALS_A_TASK = 25


class ChallengeSection(Section):
    """How much a challenger proposes, whichever synthesizer it follows."""

    tasks: int = Field(800, ge=1)
    """Kept tasks wanted a round; proposing stops there (paper: 800)."""
    proposals: int | None = Field(None, ge=1)
    """Proposals made at most a round; without it 25 for each task that is wanted."""
    minutes: float | None = Field(None, gt=0)
    """No more is proposed after so many minutes of a round's challenge; a run goes on with what there is."""
    tokens: int | None = Field(None, ge=1, lt=2**63)
    """No more is proposed after so many tokens that challengers sampled, in all rounds together."""

    @property
    def most_proposals(self) -> int:
        return self.proposals or PROPOSALS_A_TASK * self.tasks


class BudgetSection(Section):
    """What a run may spend in all its stages together. What the last evaluation will take is kept back."""

    minutes: float | None = Field(None, gt=0)
    """Wall time, over all attempts of a run that was interrupted."""
    tokens: int | None = Field(None, ge=1)
    """Tokens that the models sample: proposing, rolling out, evaluating."""
    money: float | None = Field(None, gt=0)
    """What these tokens cost, by ``price_in`` and ``price_out`` of the endpoints, in their currency."""


class RolloutSection(Section):
    batch: int = Field(128, ge=1, le=100_000)
    """How many episodes are under way at once."""
    max_steps: int = Field(15, ge=1, le=1_000)
    """Turns of an episode, at most (paper: 15)."""
    action_format: ActionFormat = "code"
    """How agents act: code (Python in the sandbox, as in the paper) or tools (native tool calls).
    Challengers always act in code."""
    max_tokens: int = Field(512, ge=1, le=1_000_000)
    """Tokens of one turn of an agent, at most."""
    challenge_tokens: int = Field(1024, ge=1, le=1_000_000)
    """Tokens of one turn of a challenger, at most."""
    temperature: float = Field(1.0, gt=0)
    """Sampling temperature for the challenger and for training rollouts."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus sampling for the challenger and for training rollouts. Below 1 the probability ratios of GRPO
    and PPO are not exact."""
    observation_chars: int = Field(10_000, ge=100)
    """Characters of an observation that the agent sees; the rest is cut off."""
    lockstep: bool = True
    """Wait each turn for every episode of the batch, so that equal seeds give equal episodes. False goes on
    with those that are ready, which is faster where tools or users are slow."""
    staleness: int = Field(0, ge=0, le=16)
    """Roll out for the next batches while the network is updated: no episode is sampled with weights that are
    more than so many updates older than those it changes. 0: rollouts and updates take turns."""


class LimitsSection(Section):
    seconds: float = Field(5.0, ge=0.01, le=86_400)
    """Wall time of one execution, in seconds."""
    memory_mb: int = Field(512, ge=16, le=2**24)
    """Memory of one execution, in MiB."""
    calls: int = Field(1_000, ge=1)
    """Tool calls of one execution, at most."""


class CurriculumSection(Section):
    validation: float = Field(0.1, ge=0, lt=1)
    """Fraction of the kept tasks held out from training and used to pick the best checkpoint."""
    band: tuple[float, float] | None = None
    """Pass rates of the present policy outside of which a task is set aside until the next round: 0.1 to 0.9
    where there is a next round, and (0, 1), which sets nothing aside, where there is only one."""

    @field_validator("band")
    @classmethod
    def _order_band(cls, band: tuple[float, float] | None) -> tuple[float, float] | None:
        if band is not None and not 0 <= band[0] <= band[1] <= 1:
            raise ValueError("two pass rates are needed, from 0 to 1, the lower one first")
        return band

    band_samples: int = Field(8, ge=1, le=10_000)
    """Rollouts of each task, from which its pass rate is estimated."""
    train_challenger: bool = False
    """Train the policy as a challenger too, on the round's proposals. An invalid one earns 0. A valid one
    earns more the nearer its pass rate is to one half, and less where others repeat it."""


class EvaluationSection(Section):
    samples: int = Field(4, ge=1, le=10_000)
    """Attempts at each held-out task."""
    temperature: float = Field(1.0, gt=0)
    """Sampling temperature of those attempts. A greedy attempt at each task is measured besides."""
    split: str | None = None
    """The held-out split; without it the environment's first one."""
    tasks: int | None = Field(None, ge=1)
    """How many of the held-out tasks are used, at most: a draw that is always the same, each family of tasks
    with its share."""
    exam: int | None = Field(None, ge=1)
    """So many tasks that the challenger writes before anything is trained are set apart to measure with: an
    exam, for environments without held-out tasks or beside them."""
    every: int | None = Field(None, ge=1)
    """Measure every task once also with the weights of every so many updates, for a curve. They are kept
    until the training of their round is over."""
    baselines: bool = True
    """Also measure the untrained model with its first action forced, which shows what elicitation alone
    gives."""
    example: Path | None = None
    """A file with one episode, as `selfchal episodes show RUN EPISODE --json` prints it. The agent is shown
    it before every held-out task, which says what an example in the prompt gives."""


class PluginSection(BaseModel):
    """A plugin by name; every other key is the plugin's own."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str
    only: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Options for when ``name`` is such and such, so that plugins are swapped by ``name`` alone."""


class CheckSection(PluginSection):
    """A check of the judge by name, which may be one of those that judge anyway."""

    enabled: bool = True
    """False: the judge does without this check."""


class EnvironmentSection(PluginSection):
    """One of several environments; the plugin's own options besides."""

    share: float = Field(1.0, gt=0)
    """How much of the wanted tasks is of it, beside the shares of the others."""
    split: str | None = None
    """Its held-out split, in place of ``evaluation.split``."""


class ManifestModel(Section):
    run: RunSection = RunSection()
    plugins: tuple[Path, ...] = ()
    """Python files with plugins that no package holds yet, as after ``selfchal --plugin``."""
    environment: PluginSection | None = None
    """The tools, their worlds, and the held-out tasks. It or ``environments`` must be there."""
    environments: tuple[EnvironmentSection, ...] = ()
    """In place of ``environment``: a list, each with a share of the tasks. One model learns in all."""
    model: PluginSection
    """The policy: the model that is trained and measured."""
    challenger: PluginSection | None = None
    """Another model that writes the tasks; without it the policy itself."""
    teacher: PluginSection | None = None
    """Another model that makes the training rollouts (distillation)."""
    user: PluginSection | None = None
    """The model that plays simulated users, where a model plays those of the environment. Without it the
    policy with the weights that the run begins with, whatever is trained."""
    evaluation_user: PluginSection | None = None
    """Another model that plays these users in evaluations. Without it the one that plays all others."""
    judge: PluginSection | None = None
    """The model that rates the episodes of tasks without an ``evaluate`` (those of ``pae``). Without it the
    policy with the weights that the run begins with, whatever is trained."""
    synthesizer: PluginSection | None = None
    """How tasks are proposed; ``code_as_task`` where neither it nor ``tasks`` is said."""
    tasks: TasksSection | None = None
    """Tasks that are there already, beside those that are proposed or in their place."""
    challenge: ChallengeSection = ChallengeSection()
    budget: BudgetSection = BudgetSection()
    sandbox: PluginSection = PluginSection(name="process")
    """Where the code of tasks and agents runs."""
    engine: PluginSection = PluginSection(name="local")
    """Where scenes live and tasks are judged: in this process, in others, or on other machines. What comes of
    a run does not depend on it."""
    trainer: PluginSection | None = None
    """Who trains. Without one a run makes and judges tasks, measures the model, and ends there."""
    checks: tuple[CheckSection, ...] = ()
    """Checks of the judge, by name: standard ones with other options or switched off, and further ones."""
    watchers: tuple[PluginSection, ...] = ()
    """Who watches the run besides the progress display and metrics.jsonl, by name."""
    rounds: int = Field(1, ge=1, le=10_000)
    """How many times the policy proposes tasks and trains on them."""
    rollout: RolloutSection = RolloutSection()
    limits: LimitsSection = LimitsSection()
    curriculum: CurriculumSection = CurriculumSection()
    evaluation: EvaluationSection = EvaluationSection()
