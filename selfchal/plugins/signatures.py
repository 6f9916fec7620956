"""Can a class's methods be called as its protocol calls them? Found when it is registered, not amid a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def find_signature_fault(
    protocol: Mapping[str, Any], offered: Mapping[str, Any], name: str, protocol_name: str
) -> str:
    """The first method that cannot be called with the arguments that the protocol gives it, as a sentence.

    It is empty where there is none. Both are a class's attributes by name; ``name`` is the class's.
    """
    for method, declared in protocol.items():
        wanted, given = _find_function(declared), _find_function(offered.get(method))
        if wanted is None or given is None or (method.startswith("_") and method != "__init__"):
            continue
        asked, has = inspect.signature(wanted), inspect.signature(given)
        if type(declared) is not type(offered[method]) and isinstance(declared, classmethod):
            return f"{name}.{method} must be a class method, as {protocol_name}.{method} is."
        try:
            has.bind(*_list_by_place(asked), **_list_by_name(asked))
        except TypeError as error:
            return (
                f"{name}.{method}{has} cannot be called as {protocol_name}.{method}{asked} is ({error}); "
                "give it these parameters."
            )
    return ""


def _find_function(attribute: Any) -> Callable[..., Any] | None:
    """The function of a method, with its ``self`` or ``cls``; None for what is none of Python's own."""
    function = attribute.__func__ if isinstance(attribute, classmethod | staticmethod) else attribute
    return function if inspect.isfunction(function) else None


def _list_by_place(asked: inspect.Signature) -> list[None]:
    return [None for one in asked.parameters.values() if one.kind in _BY_PLACE]


def _list_by_name(asked: inspect.Signature) -> dict[str, None]:
    return {name: None for name, one in asked.parameters.items() if one.kind is one.KEYWORD_ONLY}
