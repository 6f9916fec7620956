"""The typed face of the plugins: a kind and a name in, a class out; and who watches runs.

Registered classes are collected once, a kind at a time and when it is first asked for, since a hook may
import much. A plugin whose hook raises, or a class that does not
fulfil its protocol, becomes a ``Failure``; the message that a name is unknown tells those failures.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from selfchal.core import hookspecs
from selfchal.core.errors import PluginError
from selfchal.pipeline.watch import Watchers
from selfchal.plugins.kinds import KINDS, Kind, fault
from selfchal.plugins.loading import (
    DISABLE_VARIABLE,
    FILE,
    Failure,
    Loaded,
    Source,
    describe_error,
    describe_origin,
    load_entry_points,
)


@dataclass(frozen=True)
class Registered:
    """One class that a manifest can ask for. ``module`` is the one that registers it."""

    kind: str
    name: str
    package: str
    version: str
    plugin: str
    summary: str
    cls: type[Any]
    module: str


class Plugins:
    """All plugins that are installed and not disabled."""

    def __init__(self, loaded: Loaded) -> None:
        self._manager = loaded.manager
        self._sources = loaded.sources
        self.disabled: tuple[Source, ...] = tuple(loaded.disabled)
        self._failures = list(loaded.failures)
        self._offers: dict[str, dict[str, list[Registered]]] = {}  # by kind and name, once asked for

    def __reduce__(self) -> tuple[Callable[[], Plugins], tuple[()]]:
        return load_plugins, ()  # another process loads its own

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What did not load, clashes, or went wrong since."""
        self._collect_all()
        return tuple(self._failures)

    def all(self) -> list[Registered]:
        """Every class that can be asked for, by kind and name."""
        return [found for kind in KINDS for found in self._list_kind(kind.name)]

    def names(self, kind: str) -> list[str]:
        """The names that a manifest can use for this kind, sorted."""
        return [item.name for item in self._list_kind(kind)]

    def find(self, kind: str, name: str) -> type[Any]:
        """The class of this kind and name. Raises PluginError, which says what exists and what failed."""
        offers = self._collect(kind).get(name, [])
        if len(offers) == 1:
            return offers[0].cls
        if offers:
            raise PluginError(_describe_clash(offers).message)
        self._collect_all()
        known = self.names(kind)
        near = difflib.get_close_matches(name, known, n=1)
        lines = [
            f"no {kind} named {name!r}; {f'did you mean {near[0]!r}? ' if near else ''}"
            f"there are: {', '.join(known) or 'none'}",
            *(str(failure) for failure in self._failures),
            *(f"plugin {off.plugin!r} is disabled by {DISABLE_VARIABLE}" for off in self.disabled),
        ]
        raise PluginError("\n  ".join(lines))

    def watchers(self) -> Watchers:
        """The installed plugins, as listeners of a run: those with hooks that watch hear of it."""
        self._collect_all()
        watchers = Watchers()
        for source in self._sources.values():
            watchers.add(self._manager.get_plugin(source.id), str(source))
        return watchers

    def list_hooks(self) -> list[tuple[Source, list[str]]]:
        """The plugins whose own functions hear of every run, and the hooks that each of them implements."""
        self._collect_all()
        found = []
        for source in self._sources.values():
            callers = self._manager.get_hookcallers(self._manager.get_plugin(source.id)) or []
            hooks = [one.name for one in callers if not one.name.startswith("register_")]
            found += [(source, sorted(hooks))] if hooks else []
        return found

    def _list_kind(self, name: str) -> list[Registered]:
        """What can be asked for of this kind, by name."""
        found = [offers[0] for offers in self._collect(name).values() if len(offers) == 1]
        return sorted(found, key=lambda item: item.name)

    def _collect_all(self) -> None:
        for kind in KINDS:
            self._collect(kind.name)

    def _collect(self, name: str) -> dict[str, list[Registered]]:
        """What is offered of this kind, by name. What is wrong with it becomes failures, the first time."""
        if name not in self._offers:
            offered: dict[str, list[Registered]] = defaultdict(list)
            for kind in KINDS:
                if kind.name == name:
                    for source, classes in self._call_hook(kind.hook):
                        for registered in self._check(kind, source, classes):
                            offered[registered.name].append(registered)
            for offers in offered.values():
                self._failures += _keep_built_in(offers)
            self._failures += [_describe_clash(offers) for offers in offered.values() if len(offers) > 1]
            self._offers[name] = dict(offered)
        return self._offers[name]

    def _find_module(self, source: Source) -> str:
        plugin = self._manager.get_plugin(source.id)
        return plugin.__name__ if inspect.ismodule(plugin) else type(plugin).__module__

    def _call_hook(self, hook: str) -> Iterator[tuple[Source, Any]]:
        """What each plugin answers. One that raises is left out from then on, with a failure to show."""
        for implementation in list(getattr(self._manager.hook, hook).get_hookimpls()):
            source = self._sources[implementation.plugin_name]
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    answer = implementation.function()
                    given = tuple(answer) if _is_listing(answer) else answer  # a generator may raise too
            except (Exception, SystemExit) as error:  # noqa: BLE001 — a stranger's hook must not take the run down
                self._manager.unregister(name=source.id)
                message = f"its hook {hook} raised {describe_error(error)}; it is left out now."
                self._failures.append(source.failure(message))
            else:
                yield source, given

    def _check(self, kind: Kind, source: Source, classes: Any) -> Iterator[Registered]:
        if not isinstance(classes, tuple):
            message = f"its hook {kind.hook} must return a list of classes, not {classes!r}."
            missing = " Does it lack a return? Where there is nothing to add, return []."
            if inspect.iscoroutine(classes):
                classes.close()  # or Python would warn that nobody waited for it
                message = f"its hook {kind.hook} is async, and hooks are called without waiting; use def."
            self._failures.append(source.failure(message + (missing if classes is None else "")))
            return
        for cls in classes:
            wrong = fault(kind, cls)
            if wrong:
                self._failures.append(source.failure(wrong))
            else:
                yield Registered(
                    kind.name,
                    cls.name,
                    source.package,
                    source.version,
                    source.plugin,
                    _read_summary(cls),
                    cls,
                    self._find_module(source),
                )


def _is_listing(answer: object) -> bool:
    """Can it hold classes? A class that is returned bare may be iterable itself, as an enum is."""
    return isinstance(answer, Iterable) and not isinstance(answer, type | str)


def _read_summary(cls: type[Any]) -> str:
    """The first line of the class's docstring; what dataclass writes there by itself is none."""
    first = (inspect.getdoc(cls) or "").partition("\n")[0]
    return "" if first.startswith(f"{cls.__name__}(") else first


def _keep_built_in(offers: list[Registered]) -> list[Failure]:
    """Take out of ``offers`` what has the name of a built-in, for whose manifests nothing may change; why."""
    built_in = [item for item in offers if item.package == hookspecs.PROJECT]
    if len(built_in) != 1:
        return []
    left_out = [item for item in offers if item is not built_in[0]]
    offers[:] = built_in
    return [
        Failure(
            item.plugin,
            item.package,
            item.version,
            f"its {item.kind} {item.name!r} is left out: one that comes with {hookspecs.PROJECT} has that "
            f"name. Give {item.cls.__name__} another name.",
        )
        for item in left_out
    ]


def _describe_clash(offers: list[Registered]) -> Failure:
    who = " and ".join(describe_origin(item.plugin, item.package, item.version) for item in offers)
    last = offers[-1]
    cure = f"Uninstall {last.package}, or set {DISABLE_VARIABLE}={last.package}."
    if len({(item.package, item.plugin) for item in offers}) == 1:
        cure = f"Give {last.cls.__name__} another name."
    elif last.package == FILE:
        cure = "Give the one in the file another name, or leave the file out."
    message = f"{last.kind} {last.name!r} is offered twice, by {who}: neither is used. {cure}"
    return Failure(last.plugin, last.package, last.version, message)


def load_plugins() -> Plugins:
    """Find, import and check every installed plugin. Never raises for what a plugin does."""
    return Plugins(load_entry_points())
