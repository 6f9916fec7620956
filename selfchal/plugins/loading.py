"""Loads every ``selfchal`` entry point, and the files that were named by hand.

What is wrong with one plugin is kept as data and harms no other.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path

import pluggy
from packaging.requirements import Requirement

from selfchal.core import hookspecs
from selfchal.core.errors import SelfchalError
from selfchal.pipeline.hooks import find_hook_fault
from selfchal.plugins.plugin_files import import_plugin_file, list_plugin_files

_OURS = f"{Path(__file__).parents[1]}{os.sep}"
DISABLE_VARIABLE = "SELFCHAL_DISABLED_PLUGINS"
FILE = "file"  # stands for the package of a plugin that has none


@dataclass(frozen=True)
class Failure:
    """Something of a plugin that is not there: which plugin, of which package, why, and the cure."""

    plugin: str
    package: str
    version: str
    message: str

    def __str__(self) -> str:
        return f"{describe_origin(self.plugin, self.package, self.version)}: {self.message}"


@dataclass(frozen=True)
class Source:
    """Where a plugin comes from. ``id`` tells apart equal entry-point names of two packages."""

    plugin: str
    package: str
    version: str

    @property
    def id(self) -> str:
        return f"{self.version if self.package == FILE else self.package}:{self.plugin}"

    def __str__(self) -> str:
        return describe_origin(self.plugin, self.package, self.version)

    def failure(self, message: str) -> Failure:
        return Failure(self.plugin, self.package, self.version, message)


def describe_origin(plugin: str, package: str, version: str) -> str:
    """Whose something is, as words. A plugin without a package has the path of its file as its version."""
    if package == FILE:
        return f"plugin {plugin!r} in the file {version}"
    return f"plugin {plugin!r} of package {package} {version}"


@dataclass(frozen=True)
class Loaded:
    """``sources`` by the id under which the manager knows the plugin."""

    manager: pluggy.PluginManager
    sources: dict[str, Source]
    failures: list[Failure]
    disabled: list[Source]


def load_entry_points() -> Loaded:
    """Import and register all plugins that are not disabled by name or package.

    What they print goes to stderr, for stdout belongs to the command.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded = Loaded(manager, {}, [], [])
    unwanted = {word.strip() for word in os.environ.get(DISABLE_VARIABLE, "").split(",") if word.strip()}
    for entry in sorted(entry_points(group=hookspecs.PROJECT), key=lambda entry: entry.name):
        source = _describe_source(entry)
        if unwanted & {source.plugin, source.package, source.id}:
            loaded.disabled.append(source)
            continue
        message = _register(manager, entry, source)
        if message:
            loaded.failures.append(source.failure(message))
        else:
            loaded.sources[source.id] = source
    for path in list_plugin_files():
        source = Source(path.stem, FILE, str(path))
        if message := _register_file(manager, path, source):
            loaded.failures.append(source.failure(message))
        else:
            loaded.sources[source.id] = source
    loaded.failures.extend(_find_unmet(unwanted, loaded.disabled))
    return loaded


def _describe_source(entry: EntryPoint) -> Source:
    if entry.dist is None:
        return Source(entry.name, "?", "?")
    return Source(entry.name, entry.dist.name, entry.dist.version)


def _register(manager: pluggy.PluginManager, entry: EntryPoint, source: Source) -> str:
    """Import one plugin and register it; what is wrong with it, or nothing."""
    named = f"its entry point {entry.name} = {entry.value!r} names"
    anew = f"correct its pyproject.toml and install {source.package} anew."
    if unmet := _find_unmet_version(entry):
        return f"{unmet} {_suggest_cure(source)}"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            plugin = importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        if f"{entry.module}.".startswith(f"{error.name}."):
            return f"{named} a module that is not there; {anew}"
        return (
            f"it needs the Python module {error.name!r}, which is not installed. "
            f"Install it, or reinstall {source.package} with what it needs."
        )
    except (Exception, SystemExit) as error:  # noqa: BLE001 — whatever a stranger's module does on import
        return f"{entry.module} cannot be imported ({describe_error(error)}). {_suggest_cure(source)}"
    for name in entry.attr.split(".") if entry.attr else ():
        try:
            plugin = getattr(plugin, name)
        except AttributeError:
            return f"{named} {name}, which {entry.module} does not have; {anew}"
    if inspect.isclass(plugin):
        return f"{named} the class {plugin.__name__}; name the module that holds the hooks."
    if other := manager.get_name(plugin):
        return f"{named} what {other} named before; keep one of the two."
    if fault := find_hook_fault(plugin):
        return f"{fault} {_suggest_cure(source)}"
    manager.register(plugin, name=source.id)
    return ""


def _register_file(manager: pluggy.PluginManager, path: Path, source: Source) -> str:
    """Import a plugin's file and register it; what is wrong with it, or nothing."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            plugin = import_plugin_file(path)
    except (Exception, SystemExit) as error:  # noqa: BLE001 — whatever a stranger's file does on import
        return f"it cannot be imported ({describe_error(error)})."
    if fault := find_hook_fault(plugin):
        return fault
    manager.register(plugin, name=source.id)
    return ""


def _find_unmet_version(entry: EntryPoint) -> str:
    """Does its package ask for another version of selfchal? pip says so and installs it all the same."""
    for text in (entry.dist and entry.dist.requires) or ():
        asked = Requirement(text)
        if asked.name == hookspecs.PROJECT and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
            here = version(hookspecs.PROJECT)
            if not asked.specifier.contains(here, prereleases=True):
                return f"it needs {hookspecs.PROJECT} {asked.specifier}, and this is {here}."
    return ""


def describe_error(error: BaseException) -> str:
    """Type and message of an error, and the plugin's own line that it came from.

    An error of selfchal's own says what to do in a sentence, so its type would say no more.
    """
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is selfchal's own
    code = [frame for frame in frames if not frame.filename.startswith(("<frozen", importlib.__file__))]
    code = [frame for frame in code if not frame.filename.startswith(_OURS)] or code
    where = f", line {code[-1].lineno} of {code[-1].filename}" if code else ""
    kind = "" if isinstance(error, SelfchalError) else f"{type(error).__name__}: "
    return f"{kind}{' '.join(str(error).split())}{where}"


def _suggest_cure(source: Source) -> str:
    return (
        f"Update or uninstall {source.package}, or set {DISABLE_VARIABLE}={source.plugin} to go on without."
    )


def _find_unmet(unwanted: set[str], disabled: Iterable[Source]) -> Iterable[Failure]:
    met = {word for source in disabled for word in (source.plugin, source.package, source.id)}
    for word in sorted(unwanted - met):
        yield Failure(word, "?", "?", f"{DISABLE_VARIABLE} names it, but no installed plugin is called so.")
