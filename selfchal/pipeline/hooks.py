"""What is wrong with the hooks that a plugin or a watcher implements, as one sentence with the cure.

pluggy finds the same faults, but says them in its own words and over several lines.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Iterator, Mapping

import pluggy

from selfchal.core import hookspecs

# Every hook with the names of its arguments.
HOOKS: Mapping[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(hook).parameters)
    for name, hook in vars(hookspecs).items()
    if inspect.isfunction(hook)
}
WATCHING = {name: arguments for name, arguments in HOOKS.items() if not name.startswith("register_")}


def find_hook_fault(plugin: object, hooks: Mapping[str, tuple[str, ...]] = HOOKS) -> str:
    """Why this module, object or class cannot be called for its hooks; empty where it can.

    ``hooks`` are those that it may implement. A sentence begins with "it", for the caller says whose it is.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    marked = {name: manager.parse_hookimpl_opts(plugin, name) for name in dir(plugin)}
    found = {name: options for name, options in marked.items() if options is not None}
    if unmarked := _find_unmarked(plugin, found, hooks):
        return f"{unmarked} is named as a hook and is not marked; write @selfchal.hookimpl above it."
    if not found:
        return f"it implements no hook; mark its functions with selfchal.hookimpl. {_list_hooks(hooks)}"
    for function, options in found.items():
        name = options["specname"] or function
        if options["wrapper"] or options["hookwrapper"]:
            return f"its hook {name} is marked as a wrapper, and selfchal calls none; use hookimpl alone."
        if name not in hooks:
            return f"it implements the hook {name}, which there is not. {_name_nearest(name, hooks)}"
        if wrong := _find_unheard(plugin, function, name):
            return wrong
        unknown = [each for each in _list_arguments(plugin, function) if each not in hooks[name]]
        if unknown:
            any_of = ", any of which it may leave out" if hooks[name] else ""
            return (
                f"its hook {name} takes {', '.join(unknown)}, which it is not given; "
                f"the signature is {_format_signature(name, hooks)}{any_of}."
            )
    return ""


def _find_unmarked(plugin: object, marked: Iterable[str], hooks: Iterable[str]) -> str:
    """A function of the plugin's own that has a hook's name and no mark. A ``note`` may be anything."""
    own = vars(plugin) if inspect.isclass(plugin) or inspect.ismodule(plugin) else {}
    return next(
        (name for name in hooks if name in own and name not in marked and name != "note"
         and inspect.isfunction(own[name])),
        "",
    )  # fmt: skip


def _list_arguments(plugin: object, function: str) -> Iterator[str]:
    """The arguments that must be given; ``self`` is none of them."""
    parameters = list(inspect.signature(getattr(plugin, function)).parameters.values())
    if inspect.isclass(plugin) and inspect.isfunction(inspect.getattr_static(plugin, function)):
        parameters = parameters[1:]
    for each in parameters:
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            yield each.name


def _find_unheard(plugin: object, function: str, name: str) -> str:
    """A hook of a watcher that is called and does nothing: one that is waited for, or read, by nobody."""
    called = inspect.unwrap(getattr(plugin, function))
    if name.startswith("register_"):
        return ""  # what these give is looked at when it is read
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        return f"its hook {name} is async, and it is called without waiting; write it with def."
    if inspect.isgeneratorfunction(called):
        return f"its hook {name} yields, so that calling it does nothing; take the yield away."
    return ""


def _name_nearest(name: str, hooks: Mapping[str, tuple[str, ...]]) -> str:
    near = difflib.get_close_matches(name, hooks, n=1)
    return f"Did it mean {_format_signature(near[0], hooks)}?" if near else _list_hooks(hooks)


def _list_hooks(hooks: Iterable[str]) -> str:
    return f"The hooks: {', '.join(hooks)}."


def _format_signature(name: str, hooks: Mapping[str, tuple[str, ...]]) -> str:
    return f"{name}({', '.join(hooks[name])})"
