"""M3ToolEval's tools as it calls them: by position, unchecked; what a tool raises becomes one sentence."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfchal.builtin_envs.arithmetic import CalculatorError, evaluate
from selfchal.builtin_envs.m3tooleval.observation import (
    Observed,
    failure_seen,
    unknown_seen,
    value_seen,
)
from selfchal.core.world import Json
from selfchal.tools.arguments import spread

Function = Callable[..., Any]


def call(
    functions: Mapping[str, Function], name: str, args: Sequence[Json], kwargs: Mapping[str, Json]
) -> Observed:
    """Answer one call. Arguments given by name (which the original does not have) go to their places."""
    function = functions.get(name)
    if function is None:
        return unknown_seen(name)
    try:
        given, named = copy.deepcopy(spread(function, args, kwargs))
    except RecursionError as error:
        return failure_seen(name, ("…",), error)
    try:
        return value_seen(function(*given, **named))
    except Exception as error:  # noqa: BLE001 — whatever a tool raises is an observation (CONTRIBUTING.md#invariant-3)
        return failure_seen(name, _bind_arguments(function, given, named), error)


def _bind_arguments(function: Function, args: Sequence[Json], kwargs: Mapping[str, Json]) -> Sequence[Json]:
    """The arguments as the original would have been given them, by position."""
    if not kwargs:
        return args
    try:
        return inspect.signature(function).bind(*args, **kwargs).args
    except TypeError:
        return (*args, *kwargs.values())


def calculator(expression: Any) -> Any:
    """The calculator of the trade and web families: the original's ``eval``, without what it leaks.

    It reads no variables and runs no code, so expressions that look into the original's own module fail.
    """
    try:
        if isinstance(expression, str):
            return evaluate(expression)
    except CalculatorError:
        pass  # told below, as for what is no text
    return f"Failed to evaluate expression: {expression}"
