"""A validated manifest: the core's sections, and for each plugin section the class and its options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from selfchal.core.world import Json
from selfchal.hosting import Reserve
from selfchal.pipeline.manifest.redaction import redact
from selfchal.pipeline.manifest.sections import EnvironmentSection, ManifestModel
from selfchal.pipeline.requirements import check_installed, find_follower, find_hosted, find_needed
from selfchal.pipeline.uninterrupted import import_whole

Kind = Literal["environment", "synthesizer", "sandbox", "model", "trainer", "check", "engine", "watcher"]


class Catalog(Protocol):
    """What plugins there are. One that is pickled is, in another process, what plugins there are there."""

    def find(self, kind: Kind, name: str) -> Any:
        """The class of that name. Raises PluginError naming what there is and what failed to load."""
        ...


@dataclass(frozen=True)
class Choice:
    """A plugin class and its validated config; ``make`` creates it. ``kind`` and ``catalog`` say where the
    class was found, so that another process finds it too."""

    name: str
    plugin: Any
    config: BaseModel
    kind: Kind | None = field(default=None, compare=False)
    catalog: Catalog | None = field(default=None, compare=False, repr=False)

    def make(self) -> Any:
        """The plugin itself. Raises PluginError where something that it requires is not installed."""
        self._import_needed()
        return self.plugin(self.config)

    def make_follower(self) -> Any:
        """A model for a process that only trains: one that holds weights and opens nothing to sample from,
        where its class makes that difference. Raises PluginError like ``make``."""
        self._import_needed()
        return find_follower(self.plugin)(self.config)

    def make_hosted(self, reserve: Reserve) -> Any:
        """A model whose servers may live where ``reserve`` finds room. Raises PluginError like ``make``."""
        self._import_needed()
        return find_hosted(self.plugin)(self.config, reserve)

    def _import_needed(self) -> None:
        check_installed([(self.plugin, self.config)])
        import_whole(one.module for one in find_needed(self.plugin, self.config))

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickled as what the manifest says: a class that a function made cannot be looked up in a module."""
        if self.catalog is None:
            return Choice, (self.name, self.plugin, self.config)
        return _find_again, (self.catalog, self.kind, self.name, self.config.model_dump())


def _find_again(catalog: Catalog, kind: Kind, name: str, options: dict[str, Any]) -> Choice:
    plugin = catalog.find(kind, name)
    return Choice(name, plugin, plugin.Config.model_validate(options), kind, catalog)


@dataclass(frozen=True)
class Manifest:
    """A validated manifest. ``settings`` are the sections of core, the rest the chosen plugins."""

    settings: ManifestModel
    environments: tuple[Choice, ...]
    model: Choice
    sandbox: Choice
    engine: Choice
    synthesizer: Choice | None = None
    trainer: Choice | None = None
    challenger: Choice | None = None
    teacher: Choice | None = None
    user: Choice | None = None
    evaluation_user: Choice | None = None
    judge: Choice | None = None
    checks: tuple[Choice, ...] = ()  # all that judge, the standard ones too
    watchers: tuple[Choice, ...] = ()

    @property
    def environment_sections(self) -> tuple[EnvironmentSection, ...]:
        """What core reads of each environment, in the order of ``environments``."""
        named = self.settings.environments
        return named or tuple(EnvironmentSection(name=choice.name) for choice in self.environments)

    @property
    def splits(self) -> tuple[str | None, ...]:
        """The held-out split that each environment is asked for; None: its first one."""
        usual = self.settings.evaluation.split
        return tuple(section.split or usual for section in self.environment_sections)

    def name_environments(self) -> str:
        """The names of all of them in one text."""
        return ", ".join(choice.name for choice in self.environments)

    def resolved(self) -> dict[str, Json]:
        """Every option with its value, defaults included, secrets taken out: what is stored with the run.

        Sections that say nothing here are left out: how much to propose, where nothing is proposed.
        """
        rows: dict[str, Json] = self.settings.model_dump(mode="json", by_alias=True)
        rows |= self._dump_environments()
        for section in PLUGIN_KINDS:
            choice: Choice | None = getattr(self, section)
            rows[section] = choice and _dump(choice)
        switched_off = [section.name for section in self.settings.checks if not section.enabled]
        rows["checks"] = [
            *(_dump(choice) for choice in self.checks),
            *({"name": name, "enabled": False} for name in switched_off),
        ]
        rows["watchers"] = [_dump(choice) for choice in self.watchers]
        if self.synthesizer is None:
            rows |= dict.fromkeys(PROPOSING)
        return {key: redact(value) for key, value in rows.items() if value is not None}

    def _dump_environments(self) -> dict[str, Json]:
        """One environment stands under ``environment``, however the manifest wrote it."""
        dumped = [_dump(choice) for choice in self.environments]
        if len(dumped) == 1 and self.environment_sections[0].split is None:
            return {"environment": dumped[0], "environments": None}
        core = [{"share": one.share, "split": one.split} for one in self.environment_sections]
        merged = [{**row, **own} for row, own in zip(dumped, core, strict=True)]
        return {"environment": None, "environments": merged}


# The sections that name one plugin, and its kind.
PLUGIN_KINDS: dict[str, Kind] = {
    "model": "model",
    "challenger": "model",
    "teacher": "model",
    "user": "model",
    "evaluation_user": "model",
    "judge": "model",
    "synthesizer": "synthesizer",
    "sandbox": "sandbox",
    "engine": "engine",
    "trainer": "trainer",
}
PROPOSING = ("challenge",)  # the sections that say how much is proposed


def _dump(choice: Choice) -> dict[str, Json]:
    return {"name": choice.name, **choice.config.model_dump(mode="json")}
