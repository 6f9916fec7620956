"""Checks before anything is loaded that the packages which the chosen plugins need are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from selfchal.core.errors import PluginError
from selfchal.core.model import Prices
from selfchal.core.requirement import Requirement
from selfchal.hosting import Reserve


def requirements_of(plugin: type[Any]) -> tuple[Requirement, ...]:
    """All that a plugin class may need, whatever its options."""
    return tuple(getattr(plugin, "requires", ()))  # a plugin need not have it


def find_needed(plugin: type[Any], config: Any) -> list[Requirement]:
    """What the plugin needs with these options."""
    return [one for one in requirements_of(plugin) if one.when is None or one.when(config)]


def find_missing(plugin: type[Any], config: Any) -> list[Requirement]:
    """What the plugin needs with these options and this Python does not have."""
    return [one for one in find_needed(plugin, config) if not one.installed]


def find_obstacle(plugin: type[Any], config: Any) -> str:
    """What will stop this plugin when it is made, as far as its class can tell; empty where nothing will."""
    find = getattr(plugin, "find_obstacle", None)  # a plugin need not have it
    return "" if find is None else str(find(config))


def find_unreachable(plugin: type[Any], config: Any) -> str:
    """What over the network is in this plugin's way, as far as its class can tell; empty where nothing is."""
    find = getattr(plugin, "find_unreachable", None)  # a plugin need not have it
    return "" if find is None else str(find(config))


def find_unfit_checks(sandbox: type[Any]) -> tuple[str, ...]:
    """The checks of the judge that cannot be made in this sandbox, and would refuse every task."""
    return tuple(getattr(sandbox, "unfit_checks", ()))  # a sandbox need not have it


def find_prices(plugin: type[Any], config: Any) -> Prices | None:
    """What a model's tokens cost: nothing where its class has no ``prices``, None where it is not known."""
    find = getattr(plugin, "prices", None)  # a model need not have it
    prices: Prices | None = Prices() if find is None else find(config)
    return prices


def find_known_environments(plugin: type[Any], config: Any) -> frozenset[str] | None:
    """The environments that a model can act in with these options; None where it says nothing of it."""
    knows = getattr(plugin, "knows", None)  # a model need not have it
    return None if knows is None else frozenset(knows(config))


def find_staleness_obstacle(plugin: type[Any], config: Any, *, hosted: bool = False) -> str | None:
    """Why a model cannot be sampled from while it is updated, or a trainer cannot learn from what was sampled
    so; empty where it can, None where its class says nothing of it. ``hosted``: the engine has room for the
    servers of a model, which then do not live on this machine."""
    find = getattr(plugin, "find_staleness_obstacle", None)  # a model or a trainer need not have it
    if hosted:
        find = getattr(plugin, "find_hosted_staleness_obstacle", find)  # one without servers has it not
    return None if find is None else str(find(config))


def find_asks_model(plugin: type[Any], config: Any) -> bool | None:
    """Does an environment let a model play its users, does a synthesizer leave the rating of episodes to a
    model, does a check ask one? None where the class says nothing of it."""
    asks = getattr(plugin, "asks_model", None)  # a plugin need not have it
    found: bool | None = None if asks is None else asks(config)
    return found


def find_frozen_config(plugin: type[Any], config: Any) -> Any | None:
    """The options of a second model that keeps the weights which this one begins with; None where there can
    be none beside it. The same options where a class says nothing of it."""
    find = getattr(plugin, "frozen_config", None)  # a model need not have it
    return config if find is None else find(config)


def find_follower(plugin: type[Any]) -> Callable[[Any], Any]:
    """How a model is made of its options where it only trains: the class itself where it says nothing."""
    make: Callable[[Any], Any] = getattr(plugin, "make_follower", plugin)  # a model need not have it
    return make


def find_hosted(plugin: type[Any]) -> Callable[[Any, Reserve], Any]:
    """How a model is made whose servers may live on other machines: as ever where a class says nothing."""
    make: Callable[[Any, Reserve], Any] | None = getattr(plugin, "make_hosted", None)  # it need not have it
    return make or (lambda config, reserve: plugin(config))


def find_hosts_servers(engine: type[Any], config: Any) -> bool:
    """Has the engine room for the servers of a model, so that they do not live on this machine?"""
    hosts = getattr(engine, "hosts_servers", None)  # an engine need not have it
    return hosts is not None and bool(hosts(config))


def check_installed(plugins: Iterable[tuple[type[Any], Any]]) -> None:
    """Raise PluginError if one of these plugins, each with its config, needs what is not installed.

    The message is one sentence that names the plugins, the modules and the pip command for all of them.
    """
    missing = {plugin.name: found for plugin, config in plugins if (found := find_missing(plugin, config))}
    if not missing:
        return
    modules = dict.fromkeys(one.module for found in missing.values() for one in found)
    wanted = dict.fromkeys(one.install for found in missing.values() for one in found)
    raise PluginError(
        f"{_join_words(map(repr, missing))} {'need' if len(missing) > 1 else 'needs'} "
        f"the Python module{'s' if len(modules) > 1 else ''} {_join_words(modules)}, "
        f"which {'are' if len(modules) > 1 else 'is'} not installed: "
        f"pip install {' '.join(map(repr, wanted))}"
    )


def _join_words(words: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
