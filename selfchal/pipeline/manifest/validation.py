"""Checks everything about a manifest that can be checked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfchal.core.errors import ManifestError
from selfchal.core.judge import STANDARD_CHECKS
from selfchal.pipeline.manifest.choices import PLUGIN_KINDS, Catalog, Choice, Kind, Manifest
from selfchal.pipeline.manifest.conflicts import list_conflicts, list_strangers
from selfchal.pipeline.manifest.faults import explain_plugin_section
from selfchal.pipeline.manifest.parsing import find_unknown, parse_config
from selfchal.pipeline.manifest.sections import CheckSection, ManifestModel, PluginSection
from selfchal.pipeline.requirements import check_installed

DEFAULT_SYNTHESIZER = PluginSection(name="code_as_task")


def validate(
    rows: Mapping[str, Any], catalog: Catalog, *, trains: bool = True, loads_model: bool = True
) -> Manifest:
    """Check everything that can be checked without loading a model. Raises ManifestError, PluginError.

    ``trains``: False where the model is only measured, so that it may be one that cannot be trained.
    ``loads_model``: False where no model is loaded either, because the oracle acts, or nobody.
    What is not used need not be installed.
    """
    settings: ManifestModel = parse_config(ManifestModel, rows, "")
    choices: dict[str, Any] = {"environments": _choose_environments(settings, catalog)}
    for section, kind in PLUGIN_KINDS.items():
        chosen: PluginSection | None = getattr(settings, section)
        if section == "synthesizer" and chosen is None and settings.tasks is None:
            chosen = DEFAULT_SYNTHESIZER
        choices[section] = chosen and choose(catalog, kind, chosen, section)
    checks = choose_checks(catalog, settings.checks, "checks")
    watchers = tuple(choose(catalog, "watcher", w, f"watchers.{i}") for i, w in enumerate(settings.watchers))
    manifest = Manifest(settings=settings, checks=checks, watchers=watchers, **choices)
    conflicts = list(list_conflicts(manifest)) if trains else []
    conflicts += list_strangers(manifest) if loads_model else []
    if conflicts:
        raise ManifestError("; ".join(conflicts))
    unused = {"trainer": not trains, "model": not loads_model}
    sections = [choices[section] for section in PLUGIN_KINDS if choices[section] and not unused.get(section)]
    used: list[Choice] = [*choices["environments"], *sections]
    check_installed((choice.plugin, choice.config) for choice in [*used, *checks, *watchers])
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


def _choose_environments(settings: ManifestModel, catalog: Catalog) -> tuple[Choice, ...]:
    if settings.environment and settings.environments:
        raise ManifestError("environment and environments: write one of the two")
    if settings.environments:
        names = [section.name for section in settings.environments]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ManifestError(
                f"environments: {', '.join(twice)} is named twice, and its tasks could not be told apart; "
                "give one section the options of both, or make a run of each"
            )
        return tuple(
            choose(catalog, "environment", section, f"environments.{i}")
            for i, section in enumerate(settings.environments)
        )
    if settings.environment is None:
        raise ManifestError(f"environment: is missing; {explain_plugin_section('environment')}")
    return (choose(catalog, "environment", settings.environment, "environment"),)


def choose(catalog: Catalog, kind: Kind, section: PluginSection, path: str) -> Choice:
    """The plugin that the section names; the options that it keeps for others must be valid too."""
    shared, configs = section.model_extra or {}, {}
    for name in {section.name: None, **section.only}:
        options, where = section.only.get(name, {}), path if name == section.name else f"{path}.only.{name}"
        config = catalog.find(kind, name).Config
        if name != section.name and (strange := find_unknown(config, shared)):
            raise ManifestError(
                f"{path}.{strange}: {name!r}, whose options {path}.only holds too, has no such option; write "
                f"it in {path}.only.{section.name}"
            )
        configs[name] = parse_config(config, {**shared, **options}, where)
    return Choice(section.name, catalog.find(kind, section.name), configs[section.name], kind, catalog)
