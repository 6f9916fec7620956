"""Names for the functions of the loss, and the functions of a name. Light: nothing here imports torch.

A name of the manifest is one of those below, or ``package.module:function`` of an installed package: a
function with the arguments that the seam's own functions have.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Any

from pydantic import AfterValidator

from selfchal.core.errors import PluginError

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_ROOM = "selfchal.builtin_trainers.policy_loss"


@dataclass(frozen=True, eq=False)  # each is itself, so that what was found for it can be remembered
class Seam:
    """One decision of the loss: the option's name, its functions' arguments, and those that come with us."""

    name: str
    arguments: tuple[str, ...]
    module: str
    functions: Mapping[str, str]  # by the name in the manifest


ADVANTAGE = Seam(
    "advantage",
    ("rewards",),
    "advantages",
    {"normalised": "normalise", "centred": "centre", "leave_one_out": "leave_one_out"},
)
RATIO = Seam("ratio", ("log_ratios", "rows"), "ratios", {"token": "by_token", "sequence": "by_sequence"})
CLIP = Seam(
    "clip",
    ("ratios", "logprobs", "advantages", "low", "high"),
    "clips",
    {"ppo": "clip_pessimistically", "cispo": "clip_weight", "none": "leave_unclipped"},
)
AGGREGATION = Seam(
    "aggregation",
    ("lengths", "budget"),
    "aggregations",
    {"token": "weigh_by_token", "sequence": "weigh_by_sequence", "constant": "weigh_constantly"},
)


def check_name(seam: Seam, name: str) -> str:
    """The name as it is. Raises ValueError for one that cannot stand for a function of the seam."""
    if name in seam.functions or _DOTTED.fullmatch(name):
        return name
    near = difflib.get_close_matches(name, seam.functions, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    known = ", ".join(map(repr, seam.functions))
    raise ValueError(
        f"{name!r} is no {seam.name}; {hint}there are {known}, and package.module:function of your own"
    )


@cache
def find_function(seam: Seam, name: str) -> Callable[..., Any]:
    """Import it. Raises PluginError where there is no such function or its arguments are others."""
    if name in seam.functions:
        module, attribute = f"{_ROOM}.{seam.module}", seam.functions[name]
    else:
        module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise PluginError(
            f"trainer.{seam.name}: {name!r} cannot be imported: {type(error).__name__}: {error}; "
            "it must name a function of an installed module"
        ) from error
    if wrong := _find_mismatch(seam, found):
        raise PluginError(
            f"trainer.{seam.name}: {name!r} {wrong}; it is called with ({', '.join(seam.arguments)})"
        )
    return found  # type: ignore[no-any-return]  # a callable that takes the seam's arguments


def _find_mismatch(seam: Seam, found: object) -> str:
    """What is wrong with it as a function of the seam; empty where nothing is."""
    if not callable(found):
        return f"is no function but {found!r}"
    try:
        inspect.signature(found).bind(*seam.arguments)
    except (TypeError, ValueError) as error:
        return f"does not take its arguments ({error})"
    return ""


def find_seam_obstacle(*names: tuple[Seam, str]) -> str:
    """Why functions of other packages cannot be had, as a sentence; those that come with us always can."""
    try:
        for seam, name in names:
            if name not in seam.functions:
                find_function(seam, name)
    except PluginError as error:
        return str(error)
    return ""


AdvantageName = Annotated[str, AfterValidator(partial(check_name, ADVANTAGE))]
RatioName = Annotated[str, AfterValidator(partial(check_name, RATIO))]
ClipName = Annotated[str, AfterValidator(partial(check_name, CLIP))]
AggregationName = Annotated[str, AfterValidator(partial(check_name, AGGREGATION))]
