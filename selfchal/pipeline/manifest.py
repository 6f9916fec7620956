"""The manifest: what a run is made of, validated before anything heavy is imported.

Each plugin section names its plugin; the rest of the section goes to that plugin's own ``Config``, so an
option that the plugin would ignore is an error. Errors carry the path and the nearest name.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import tomli
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from selfchal.core.errors import ManifestError
from selfchal.core.model import Capability
from selfchal.core.world import Json
from selfchal.pipeline.loggers import LoggerName
from selfchal.rollout.tool_calls import ActionFormat

Kind = Literal["environment", "synthesizer", "sandbox", "model", "trainer", "check"]


class Catalog(Protocol):
    """What plugins there are."""

    def find(self, kind: Kind, name: str) -> Any:
        """The class of that name. Raises PluginError naming what there is and what failed to load."""
        ...


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class RunSection(Section):
    name: str = Field("run", pattern=r"^[A-Za-z0-9._-]+$")
    """Names the run directory, ``runs/NAME``, where no --out is given."""
    seed: int = Field(0, ge=0)
    """Every random choice of the run follows from it."""
    loggers: tuple[LoggerName, ...] = ()
    """Where metrics go besides metrics.jsonl: trackio, wandb, tensorboard."""


class RolloutSection(Section):
    batch: int = Field(128, ge=1)
    """Episodes under way at once."""
    max_steps: int = Field(15, ge=1)
    """Turns of an episode (paper: 15)."""
    action_format: ActionFormat = "code"
    """How agents act: code (Python in the sandbox, as in the paper) or tools (one native tool call a turn).
    Challengers always act in code."""
    max_tokens: int = Field(512, ge=1)
    """Tokens of one turn of an agent."""
    challenge_tokens: int = Field(1024, ge=1)
    """Tokens of one turn of a challenger."""
    temperature: float = Field(1.0, gt=0)
    """Of the challenger and of training rollouts."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus of the challenger and of training rollouts; below 1 the ratios of GRPO and PPO are off."""
    observation_chars: int = Field(10_000, ge=100)
    """An observation is cut after so many characters."""
    lockstep: bool = True
    """Wait for every episode of a batch each turn: reproducible. False: go on with whoever is ready."""


class LimitsSection(Section):
    seconds: float = Field(5.0, gt=0)
    """Wall time of one execution."""
    memory_mb: int = Field(512, ge=16)
    """Memory of one execution."""
    calls: int = Field(1_000, ge=1)
    """Tool calls of one execution."""


class CurriculumSection(Section):
    validation: float = Field(0.1, ge=0, lt=1)
    """Share of the kept tasks that no trainer trains on: they choose among checkpoints."""
    band: tuple[float, float] | None = None
    """Pass rates of the present policy outside of which a task is set aside until the next round: 0.1 to 0.9
    where there is a next round, and (0, 1), which sets nothing aside, where there is only one."""
    band_samples: int = Field(8, ge=1)
    """Rollouts a task that its pass rate is estimated on."""
    train_challenger: bool = False
    """Train the policy as a challenger too, on the round's proposals: an invalid one earns 0, a valid one
    more the nearer its pass rate is to one half, less where others repeat it."""


class EvaluationSection(Section):
    samples: int = Field(4, ge=1)
    """Attempts at each held-out task."""
    temperature: float = Field(1.0, gt=0)
    """Of those attempts; a greedy attempt is measured besides."""
    split: str | None = None
    """Which held-out split; the environment's first where it is not said."""
    tasks: int | None = Field(None, ge=1)
    """At most so many held-out tasks."""
    baselines: bool = True
    """Also measure the untrained model with its first action forced: elicitation without training."""


class BudgetSection(Section):
    minutes: float | None = Field(None, gt=0)
    """Stop making proposals after so many minutes of a round's challenge."""
    tokens: int | None = Field(None, ge=1)
    """Stop making proposals after so many sampled tokens."""
    proposals: int | None = Field(None, ge=1)
    """Stop after so many proposals."""


class PluginSection(BaseModel):
    """A plugin by name; every other key is the plugin's own."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str
    only: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Options for when ``name`` is such and such, so that plugins are swapped by ``name`` alone."""


class ManifestModel(Section):
    run: RunSection = RunSection()
    environment: PluginSection
    model: PluginSection
    challenger: PluginSection | None = None
    """Another model that writes the tasks; the policy itself where it is not said."""
    teacher: PluginSection | None = None
    """Another model that makes the training rollouts (distillation)."""
    synthesizer: PluginSection = PluginSection(name="code_as_task")
    sandbox: PluginSection = PluginSection(name="process")
    trainer: PluginSection
    checks: tuple[PluginSection, ...] = ()
    """Further checks of the judge, by name."""
    rounds: int = Field(1, ge=1)
    """How often the policy challenges itself and trains."""
    rollout: RolloutSection = RolloutSection()
    limits: LimitsSection = LimitsSection()
    curriculum: CurriculumSection = CurriculumSection()
    evaluation: EvaluationSection = EvaluationSection()
    budget: BudgetSection = BudgetSection()


@dataclass(frozen=True)
class Choice:
    """A plugin class and its validated config; ``make`` creates it."""

    name: str
    plugin: Any
    config: BaseModel

    def make(self) -> Any:
        return self.plugin(self.config)


@dataclass(frozen=True)
class Manifest:
    """A validated manifest. ``settings`` are the sections of core, the rest the chosen plugins."""

    settings: ManifestModel
    environment: Choice
    model: Choice
    synthesizer: Choice
    sandbox: Choice
    trainer: Choice
    challenger: Choice | None = None
    teacher: Choice | None = None
    checks: tuple[Choice, ...] = field(default=())

    def resolved(self) -> dict[str, Json]:
        """Every option with its value, defaults included: what is stored with the run."""
        rows: dict[str, Json] = self.settings.model_dump(mode="json")
        for section in _PLUGIN_KINDS:
            choice: Choice | None = getattr(self, section)
            rows[section] = choice and _dump(choice)
        rows["checks"] = [_dump(choice) for choice in self.checks]
        return {key: value for key, value in rows.items() if value is not None}


_PLUGIN_KINDS: dict[str, Kind] = {
    "environment": "environment",
    "model": "model",
    "challenger": "model",
    "teacher": "model",
    "synthesizer": "synthesizer",
    "sandbox": "sandbox",
    "trainer": "trainer",
}


def _dump(choice: Choice) -> dict[str, Json]:
    return {"name": choice.name, **choice.config.model_dump(mode="json")}


def read_manifest(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The file's mapping (YAML, or TOML by its ending) with ``a.b=c`` overrides. Raises ManifestError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"cannot read the manifest {path}: {error}") from error
    try:
        rows = tomli.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (yaml.YAMLError, tomli.TOMLDecodeError) as error:
        language = "TOML" if path.suffix == ".toml" else "YAML"
        raise ManifestError(f"{path} is not valid {language}: {error}") from error
    if not isinstance(rows, dict):
        raise ManifestError(f"{path}: a manifest is a mapping of sections (run, environment, model, …)")
    apply_overrides(rows, overrides)
    return rows


def apply_overrides(rows: dict[str, Any], overrides: Sequence[str]) -> None:
    """Write each ``a.b=c`` (the value is YAML) into the nested mapping. Raises ManifestError."""
    for override in overrides:
        _apply_override(rows, override)


def _apply_override(rows: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ManifestError(f"--set {override}: write it as section.key=value")
    *parents, last = path.split(".")
    section = rows
    for parent in parents:
        inner = section.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ManifestError(f"--set {override}: {parent!r} is not a section but {inner!r}")
        section = inner
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ManifestError(f"--set {override}: the value is not valid YAML: {error}") from error


def validate(rows: Mapping[str, Any], catalog: Catalog, *, trains: bool = True) -> Manifest:
    """Check everything that can be checked without loading a model. Raises ManifestError, PluginError.

    ``trains``: False where the model is only measured, so that it may be one that cannot be trained.
    """
    settings: ManifestModel = parse_config(ManifestModel, rows, "")
    choices: dict[str, Any] = {}
    for section, kind in _PLUGIN_KINDS.items():
        chosen: PluginSection | None = getattr(settings, section)
        choices[section] = chosen and choose(catalog, kind, chosen, section)
    checks = tuple(choose(catalog, "check", c, f"checks.{i}") for i, c in enumerate(settings.checks))
    manifest = Manifest(settings=settings, checks=checks, **choices)
    if trains:
        _check_pairs(manifest)
    return manifest


def choose(catalog: Catalog, kind: Kind, section: PluginSection, path: str) -> Choice:
    """The plugin that the section names; the options that it keeps for others must be valid too."""
    shared, configs = section.model_extra or {}, {}
    for name in {section.name: None, **section.only}:
        options, where = section.only.get(name, {}), path if name == section.name else f"{path}.only.{name}"
        configs[name] = parse_config(catalog.find(kind, name).Config, {**shared, **options}, where)
    return Choice(section.name, catalog.find(kind, section.name), configs[section.name])


def _check_pairs(manifest: Manifest) -> None:
    """Refuse a trainer that needs what the model cannot give."""
    trainer, model = manifest.trainer, manifest.model
    missing = trainer.plugin.needs - model.plugin.provides(model.config)
    if missing:
        raise ManifestError(
            f"trainer {trainer.name!r} needs {', '.join(sorted(missing))} from the model, and model "
            f"{model.name!r} with these options does not give that; choose another model for this trainer "
            "(transformers, seedling, vllm), and this one as challenger, or as teacher of rft or dpo"
        )
    if manifest.settings.curriculum.train_challenger and manifest.challenger:
        raise ManifestError(
            "curriculum.train_challenger trains the policy as its own challenger; leave out challenger, the "
            "other model that writes the tasks"
        )
    if manifest.teacher and Capability.LOGPROBS in trainer.plugin.needs:
        raise ManifestError(
            f"trainer {trainer.name!r} learns from its own rollouts, so a teacher cannot make them; leave "
            "teacher out, or train with rft (distillation) or dpo"
        )


def parse_config(config: type[Any], rows: Mapping[str, Any], path: str) -> Any:
    """Validate ``rows`` as ``config``; one ManifestError that lists every fault with its path."""
    try:
        return config.model_validate(dict(rows))
    except ValidationError as error:
        faults = [_format_fault(fault, config, path) for fault in error.errors()]
        raise ManifestError("; ".join(faults)) from error


def _format_fault(fault: Any, config: type[BaseModel], path: str) -> str:
    where = ".".join(part for part in (path, *map(str, fault["loc"])) if part)
    if fault["type"] == "extra_forbidden":
        known = _list_fields_at(config, fault["loc"][:-1])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known)) or 'none'}"
        return f"{where}: no such key; {hint}"
    if fault["type"] == "missing":
        return f"{where}: is missing"
    given = json.dumps(fault["input"], default=str)
    return f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]} (given: {given[:80]})"


def _list_fields_at(config: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Names that are allowed where the fault lies, following nested sections."""
    for part in location:
        info = config.model_fields.get(str(part))
        inner = info.annotation if info else None
        if not isinstance(inner, type) or not issubclass(inner, BaseModel):
            return []
        config = inner
    return [info.alias or name for name, info in config.model_fields.items()]


def manifest_schema(catalog_configs: Mapping[str, Mapping[str, type[BaseModel]]]) -> dict[str, Json]:
    """JSON schema of manifests for editors; ``catalog_configs`` is kind -> plugin name -> Config."""
    schema = ManifestModel.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    for section, kind in _PLUGIN_KINDS.items():
        variants = []
        for name, config in sorted(catalog_configs.get(kind, {}).items()):
            variant = config.model_json_schema(ref_template=f"#/$defs/{kind}.{name}/$defs/{{model}}")
            definitions[f"{kind}.{name}"] = variant
            own = {"name": {"const": name}, "only": {"type": "object"}}
            variant["properties"] = {**own, **variant.get("properties", {})}
            variant["required"] = ["name", *variant.get("required", [])]
            variants.append({"$ref": f"#/$defs/{kind}.{name}"})
        nullable = [{"type": "null"}] if section in ("challenger", "teacher") else []
        schema["properties"][section] = {"anyOf": [*variants, *nullable]}
    return schema
