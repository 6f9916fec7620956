"""Can a class's members be used as its protocol uses them? Found when it is registered, not amid a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def find_signature_fault(
    protocol: Mapping[str, Any], offered: Mapping[str, Any], name: str, protocol_name: str
) -> str:
    """The first member that cannot be used as the protocol uses it, as a sentence with the cure.

    It is empty where there is none. Both are a class's attributes by name; ``name`` is the class's.
    """
    for member, declared in protocol.items():
        if member not in offered or (member.startswith("_") and member != "__init__"):
            continue
        given = offered[member]
        if isinstance(declared, property):
            fault = _find_property_fault(given, member)
        elif _find_function(declared) is not None:
            fault = _find_method_fault(declared, given, member, f"{protocol_name}.{member}")
        else:
            fault = ""
        if fault:
            return f"{name}.{member}{fault}"
    return ""


def _find_property_fault(given: Any, member: str) -> str:
    """A value will do, and a property; a method that nobody calls will not."""
    if inspect.isfunction(given) or isinstance(given, classmethod | staticmethod):
        return f" is a method, and it is read as {member}, without (); write @property above it."
    return ""


def _gives_iterator(declared: Any) -> bool:
    function = _find_function(declared)
    return function is not None and str(function.__annotations__.get("return", "")).startswith("Iterator[")


def _find_method_fault(declared: Any, given: Any, member: str, wanted: str) -> str:
    """What stands after the method's name in the sentence."""
    if isinstance(given, property) or not (callable(given) or isinstance(given, classmethod | staticmethod)):
        kind = "property" if isinstance(given, property) else type(given).__name__
        return f" is a {kind}, and it is called as {wanted}(…); write it as a method: def {member}(…)."
    function = _find_function(given)
    if function is None:
        return ""  # a callable that is no function of Python's own
    if isinstance(declared, classmethod) and not isinstance(given, classmethod):
        return f" must be a class method, as {wanted} is; write @classmethod above it."
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return " is async, and it is called without waiting; write it with def, and asyncio.run(…) inside."
    if inspect.isgeneratorfunction(function) and not _gives_iterator(declared):
        return " yields, so that calling it gives a generator and does nothing; return the value instead."
    asked, has = inspect.signature(_expect_function(declared)), inspect.signature(function)
    if isinstance(given, staticmethod) and not isinstance(declared, staticmethod):
        return " is a static method; take @staticmethod away, and give it self as its first parameter."
    try:
        has.bind(*_list_by_place(asked), **_list_by_name(asked))
    except TypeError as error:
        return f"{has} cannot be called as {wanted}{asked} is ({error}); give it these parameters."
    return ""


def _expect_function(declared: Any) -> Callable[..., Any]:
    function = _find_function(declared)
    assert function is not None, "a protocol's methods are functions"
    return function


def _find_function(attribute: Any) -> Callable[..., Any] | None:
    """The function of a method, with its ``self`` or ``cls``; None for what is none of Python's own."""
    function = attribute.__func__ if isinstance(attribute, classmethod | staticmethod) else attribute
    return function if inspect.isfunction(function) else None


def _list_by_place(asked: inspect.Signature) -> list[None]:
    return [None for one in asked.parameters.values() if one.kind in _BY_PLACE]


def _list_by_name(asked: inspect.Signature) -> dict[str, None]:
    return {name: None for name, one in asked.parameters.items() if one.kind is one.KEYWORD_ONLY}
