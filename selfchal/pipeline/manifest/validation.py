"""Checks everything about a manifest that can be checked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfchal.core.errors import ManifestError
from selfchal.core.model import Capability
from selfchal.pipeline.manifest.choices import PLUGIN_KINDS, Catalog, Choice, Kind, Manifest
from selfchal.pipeline.manifest.parsing import parse_config
from selfchal.pipeline.manifest.sections import ManifestModel, PluginSection
from selfchal.pipeline.requirements import check_installed


def validate(
    rows: Mapping[str, Any], catalog: Catalog, *, trains: bool = True, loads_model: bool = True
) -> Manifest:
    """Check everything that can be checked without loading a model. Raises ManifestError, PluginError.

    ``trains``: False where the model is only measured, so that it may be one that cannot be trained.
    ``loads_model``: False where no model is loaded either, because the oracle acts, or nobody.
    What is not used need not be installed.
    """
    settings: ManifestModel = parse_config(ManifestModel, rows, "")
    choices: dict[str, Any] = {}
    for section, kind in PLUGIN_KINDS.items():
        chosen: PluginSection | None = getattr(settings, section)
        choices[section] = chosen and choose(catalog, kind, chosen, section)
    checks = tuple(choose(catalog, "check", c, f"checks.{i}") for i, c in enumerate(settings.checks))
    watchers = tuple(choose(catalog, "watcher", w, f"watchers.{i}") for i, w in enumerate(settings.watchers))
    manifest = Manifest(settings=settings, checks=checks, watchers=watchers, **choices)
    if trains:
        _check_pairs(manifest)
    unused = {"trainer": not trains, "model": not loads_model}
    used = [choice for section, choice in choices.items() if choice and not unused.get(section)]
    check_installed((choice.plugin, choice.config) for choice in [*used, *checks, *watchers])
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
