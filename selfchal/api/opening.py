"""Plugins ready for use: an environment, a sandbox, a model, each by name or by its class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from selfchal.api.arguments import describe_value
from selfchal.core.environment import Environment, close_environment
from selfchal.core.errors import PluginError
from selfchal.core.model import Model
from selfchal.core.sandbox import Sandbox
from selfchal.core.watcher import Watcher
from selfchal.core.world import Json
from selfchal.pipeline.manifest import Choice, Kind, PluginSection, choose, parse_config
from selfchal.plugins import load_plugins
from selfchal.plugins.kinds import find_fault, list_lacking

Named = str | Mapping[str, Json]  # a plugin's name, or its section of a manifest: {"name": …, option: …}
EnvironmentLike = Named | type[Environment] | Environment
SandboxLike = Named | type[Sandbox] | Sandbox
ModelLike = Named | type[Model] | Model
_PLAIN = (int, float, bytes, Sequence, type(None))  # nobody takes these for a plugin
WatcherLike = Named | type[Watcher] | object  # an object marks the hooks that it implements with hookimpl


def open_environment(environment: EnvironmentLike, /, **options: Json) -> Environment:
    """An environment ready for use.

    ``environment`` is the name of an installed one (``"retail"``), its section of a manifest
    (``{"name": "retail", …}``), a class, or an instance, which is returned as it is. ``options`` are those
    of its ``Config``, as in a manifest (docs/manifest.md). What holds processes (``mcp``) is closed by
    ``using_environment``; opened here, it ends with this Python.

    Raises PluginError for an unknown name, ManifestError for an option that it does not have,
    EnvironmentDataError where its data cannot be loaded, TypeError for options beside an instance.
    """
    made: Environment = open_part("environment", environment, options)
    return made


@contextmanager
def using_environment(environment: EnvironmentLike, /, **options: Json) -> Iterator[Environment]:
    """An environment for the length of a ``with`` block; what it holds, servers for one, ends with it.

        with selfchal.using_environment("mcp", servers="mcp.json", state=…) as environment:
            world = environment.open({})

    Arguments and errors are those of ``open_environment``; an instance belongs to the caller and stays open.
    """
    made = open_environment(environment, **options)
    try:
        yield made
    finally:
        if made is not environment:
            close_environment(made)


@contextmanager
def open_sandbox(sandbox: SandboxLike = "process", /, **options: Json) -> Iterator[Sandbox]:
    """A sandbox for the length of a ``with`` block, and closed at its end.

    ``sandbox`` is a name, a section, a class or an instance as for ``open_environment``; an instance
    belongs to the caller and stays open.

        with selfchal.open_sandbox("process") as sandbox:
            execution = sandbox.run(selfchal.Program("result = 6 * 7"), None, selfchal.Limits())

    Raises SandboxUnavailableError where this machine cannot give what the sandbox promises, and PluginError,
    ManifestError and TypeError as ``open_environment`` does.
    """
    made: Sandbox = open_part("sandbox", sandbox, options)
    try:
        yield made
    finally:
        if made is not sandbox:
            made.close()


@contextmanager
def open_model(model: ModelLike, /, **options: Json) -> Iterator[Model]:
    """A model for the length of a ``with`` block, and closed at its end.

    ``model`` is a name, a section, a class or an instance as for ``open_environment``; an instance belongs
    to the caller and stays open.

    Raises ModelError where weights, tokenizer or server cannot be used, and PluginError, ManifestError and
    TypeError as ``open_environment`` does.
    """
    made: Model = open_part("model", model, options)
    try:
        yield made
    finally:
        if made is not model:
            made.close()


def open_part(kind: Kind, wanted: Any, options: Mapping[str, Json]) -> Any:
    """The plugin of this kind that is meant by a name, a section or a class; an instance as it is."""
    if isinstance(wanted, str | Mapping | type):
        return choose_part(kind, wanted, options).make()
    expect_part(kind, wanted)
    if options:
        given = ", ".join(options)
        raise TypeError(f"{given}: options go with a {kind}'s name or class; this one is made already")
    return wanted


def expect_part(kind: Kind, wanted: Any) -> None:
    """Raise TypeError for what is neither a name, a section, a class nor an instance of this kind."""
    if isinstance(wanted, str | Mapping | type):
        return
    lacking = ", ".join(list_lacking(kind, wanted))
    if lacking and isinstance(wanted, AbstractContextManager):
        opening = "using_environment" if kind == "environment" else f"open_{kind}"
        opened = f"with selfchal.{opening}(…) as {kind}:"
        raise TypeError(f"the {kind} is not open yet; open it by a block that begins: {opened}")
    if lacking or isinstance(wanted, _PLAIN):
        needed = f"a name, a section, a class or an instance of {kind} is needed"
        why = f", which lacks {lacking}" if lacking and not isinstance(wanted, _PLAIN) else ""
        raise TypeError(f"{needed}, not {describe_value(wanted)}{why}")


def choose_part(kind: Kind, wanted: Named | type[Any], options: Mapping[str, Json]) -> Choice:
    """The plugin class of this kind and its validated options. Raises PluginError, ManifestError."""
    if isinstance(wanted, type):
        if wrong := find_fault(kind, wanted):
            raise PluginError(f"this class is no {kind}: {wrong} docs/plugins.md has examples.")
        return Choice(wanted.name, wanted, parse_config(wanted.Config, options, wanted.name))
    section = {"name": wanted} if isinstance(wanted, str) else wanted
    chosen = parse_config(PluginSection, {**section, **options}, kind)
    return choose(load_plugins(), kind, chosen, chosen.name)
