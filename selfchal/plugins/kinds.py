"""What can be registered: each kind, the hook that registers it, and the protocol its classes fulfil."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from selfchal.core import engine, environment, judge, model, sandbox, synthesizer, trainer, watcher
from selfchal.core.requirement import Requirement
from selfchal.pipeline.hooks import WATCHING, find_hook_fault
from selfchal.plugins.signatures import find_signature_fault


@dataclass(frozen=True)
class Kind:
    """``alternative`` is another protocol that a class of this kind may fulfil instead."""

    name: str
    hook: str
    protocol: type[Any]
    alternative: type[Any] | None = None


KINDS = (
    Kind("environment", "register_environments", environment.Environment),
    Kind("synthesizer", "register_synthesizers", synthesizer.Synthesizer),
    Kind("sandbox", "register_sandboxes", sandbox.Sandbox),
    Kind("model", "register_models", model.Model),
    Kind("trainer", "register_trainers", trainer.Trainer),
    Kind("check", "register_checks", judge.Check, judge.ComparingCheck),
    Kind("engine", "register_engines", engine.Engine),
    Kind("watcher", "register_watchers", watcher.Watcher),
)
_BY_NAME = {kind.name: kind for kind in KINDS}

_NAME = re.compile(r"[a-z][a-z0-9_.-]*")


class _Optional(Protocol):
    """What a class may have and need not (docs/plugins.md): how it is used where it is there."""

    @classmethod
    def find_obstacle(cls, config: Any) -> str: ...

    @classmethod
    def find_unreachable(cls, config: Any) -> str: ...

    @classmethod
    def asks_model(cls, config: Any) -> bool | None: ...

    @classmethod
    def frozen_config(cls, config: Any) -> Any: ...

    @classmethod
    def make_follower(cls, config: Any) -> Any: ...

    @classmethod
    def prices(cls, config: Any) -> Any: ...

    @classmethod
    def knows(cls, config: Any) -> Any: ...

    @classmethod
    def plan_memory(cls, config: Any) -> Any: ...

    def close(self) -> None: ...

    def starting_model(self) -> Any: ...

    @property
    def notes(self) -> Any: ...


_OF_CONFIG = [  # a protocol has private ones of its own from Python 3.12 on
    name
    for name, value in vars(_Optional).items()
    if isinstance(value, classmethod) and not name.startswith("_")
]


def fault(kind: Kind, offered: object) -> str:
    """Why this object cannot be registered as that kind, as a sentence with the cure; empty when it can."""
    if not inspect.isclass(offered):
        return f"{kind.hook} offers {offered!r}, which is not a class; return the class itself, without ()."
    attributes = vars_of(offered)
    protocol = _choose_protocol(kind, attributes)
    return (
        _find_declaration_fault(offered.__name__, attributes)
        or _find_member_fault(protocol, offered, attributes)
        or _find_optional_fault(offered.__name__, attributes)
        or _find_fault_of_kind(kind, offered, attributes)
    )


def _find_declaration_fault(cls: str, attributes: Mapping[str, Any]) -> str:
    """What is wrong with the name, the Config or the requirements, which every kind has."""
    name, config, requires = attributes.get("name"), attributes.get("Config"), attributes.get("requires", ())
    if not isinstance(name, str):
        return f"{cls} has no name; add `name: ClassVar[str] = …`, the word used in manifests."
    if not _NAME.fullmatch(name):
        return f"{cls}.name is {name!r}; use lower-case letters, digits, '_', '.' and '-'."
    if not (inspect.isclass(config) and issubclass(config, BaseModel)):
        return f"{cls} has no Config; add `Config = …`, the pydantic model of its manifest section."
    if config is BaseModel:
        own = 'class Options(BaseModel, extra="forbid"): …'
        return f"{cls}.Config is pydantic's BaseModel itself; make a class of your own: `{own}`."
    if not (isinstance(requires, tuple) and all(isinstance(one, Requirement) for one in requires)):
        return f"{cls}.requires must be a tuple of selfchal.Requirement."
    return ""


def _find_member_fault(protocol: type[Any], offered: type[Any], attributes: Mapping[str, Any]) -> str:
    cls, wanted = offered.__name__, vars_of(protocol)
    missing = [
        member
        for member in members(protocol)  # what comes from the protocol itself, as its subclass, does nothing
        if member not in attributes or (member in wanted and attributes[member] is wanted[member])
    ]
    if missing:
        return f"{cls} lacks {', '.join(missing)}; see {protocol.__name__} in the docs."
    if abstract := sorted(getattr(offered, "__abstractmethods__", ())):  # only classes under ABC have it
        return f"{cls} leaves {', '.join(abstract)} abstract, so that none can be made; write it."
    return find_signature_fault(wanted, attributes, cls, protocol.__name__)


def _find_optional_fault(cls: str, attributes: Mapping[str, Any]) -> str:
    """What a class may have beyond its protocol must be as it is used, too."""
    for name in _OF_CONFIG:
        if name in attributes and not isinstance(attributes[name], classmethod):
            return f"{cls}.{name} is asked of the class; write `@classmethod` and `def {name}(cls, config)`."
    wanted = vars_of(_Optional)
    return find_signature_fault(
        {name: value for name, value in wanted.items() if not name.startswith("_")}, attributes, cls, "Plugin"
    )


def _find_fault_of_kind(kind: Kind, offered: type[Any], attributes: Mapping[str, Any]) -> str:
    cls = offered.__name__
    if kind.name == "trainer" and not _is_set_of_capabilities(attributes["needs"]):
        wanted = "a frozenset of selfchal.Capability"
        return f"{cls}.needs is {attributes['needs']!r}, and not {wanted}."
    if kind.name == "check" and attributes["stage"] not in judge.OF_CHECKS:
        stages = ", ".join(map(repr, map(str, judge.OF_CHECKS)))
        return f"{cls}.stage is {attributes['stage']!r}; a check stands at one of {stages}."
    if kind.protocol is watcher.Watcher and (wrong := find_hook_fault(offered, WATCHING)):
        return f"{cls} cannot watch: {wrong}"
    return ""


def _is_set_of_capabilities(needs: object) -> bool:
    return isinstance(needs, set | frozenset) and all(isinstance(one, model.Capability) for one in needs)


def find_fault(kind: str, offered: object) -> str:
    """``fault`` for a kind by its name."""
    return fault(_BY_NAME[kind], offered)


def list_lacking(kind: str, made: object) -> list[str]:
    """The methods that an object which is made already lacks to be used as this kind."""
    has = dir(made)
    methods = [name for name, value in vars_of(_BY_NAME[kind].protocol).items() if inspect.isfunction(value)]
    return sorted(name for name in methods if not name.startswith("_") and name not in has)


def _choose_protocol(kind: Kind, attributes: Mapping[str, Any]) -> type[Any]:
    """The one that a class is written for: the alternative where it has what only that one demands."""
    if kind.alternative is None:
        return kind.protocol
    own = set(members(kind.alternative)) - set(members(kind.protocol))
    return kind.alternative if own & attributes.keys() else kind.protocol


def members(protocol: type[Any]) -> list[str]:
    """Methods and class variables that a protocol demands of a class.

    Properties are left out: a class may set them as attributes of its instances.
    """
    found = {name for name, value in vars_of(protocol).items() if _is_method(value)}
    for cls in protocol.__mro__:
        found |= {name for name, hint in inspect.get_annotations(cls).items() if "ClassVar" in str(hint)}
    return sorted(name for name in found if not name.startswith("_"))


def vars_of(cls: type[Any]) -> dict[str, Any]:
    """The class's attributes, inherited ones too, not yet bound."""
    merged: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        merged |= vars(base)
    return merged


def _is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, classmethod | staticmethod)
