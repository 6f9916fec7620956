"""Checks everything about a manifest that can be checked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfchal.core.errors import ManifestError
from selfchal.core.judge import STANDARD_CHECKS
from selfchal.core.model import Capability
from selfchal.pipeline.manifest.choices import PLUGIN_KINDS, Catalog, Choice, Kind, Manifest
from selfchal.pipeline.manifest.parsing import parse_config
from selfchal.pipeline.manifest.sections import CheckSection, ManifestModel, PluginSection


def validate(rows: Mapping[str, Any], catalog: Catalog, *, trains: bool = True) -> Manifest:
    """Check everything that can be checked without loading a model. Raises ManifestError, PluginError.

    ``trains``: False where the model is only measured, so that it may be one that cannot be trained.
    """
    settings: ManifestModel = parse_config(ManifestModel, rows, "")
    choices: dict[str, Any] = {}
    for section, kind in PLUGIN_KINDS.items():
        chosen: PluginSection | None = getattr(settings, section)
        choices[section] = chosen and choose(catalog, kind, chosen, section)
    checks = choose_checks(catalog, settings.checks, "checks")
    watchers = tuple(choose(catalog, "watcher", w, f"watchers.{i}") for i, w in enumerate(settings.watchers))
    manifest = Manifest(settings=settings, checks=checks, watchers=watchers, **choices)
    if trains:
        _check_pairs(manifest)
    return manifest


def choose_checks(catalog: Catalog, sections: Sequence[CheckSection], path: str) -> tuple[Choice, ...]:
    """All checks that judge: the standard ones, unless a section switches one off or sets its options, and
    those that the sections add. None takes the place of another because both stand at one stage.

    Raises ManifestError for one that is named twice, and what ``choose`` raises.
    """
    chosen: dict[str, Choice | None] = {}
    for i, section in enumerate(sections):
        if section.name in chosen:
            raise ManifestError(
                f"{path}.{i}.name: check {section.name!r} is named before; give its options in one section"
            )
        choice = choose(catalog, "check", section, f"{path}.{i}")
        chosen[section.name] = choice if section.enabled else None
    standard = {
        name: chosen[name] if name in chosen else choose(catalog, "check", CheckSection(name=name), path)
        for name in STANDARD_CHECKS
    }
    return tuple(choice for choice in (standard | chosen).values() if choice is not None)


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
