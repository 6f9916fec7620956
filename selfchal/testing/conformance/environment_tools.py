"""Rules for the tools of an environment: what is said of them, and what their calls give."""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping
from typing import Any

from selfchal.core.world import ToolResult, ToolSpec
from selfchal.judging.tool_errors import SLIPS, count_calls, describe_errors
from selfchal.plugins.loading import describe_error
from selfchal.small_envs.world import READER_WROTE
from selfchal.testing.conformance.case import demand, demand_type
from selfchal.testing.conformance.environment_calls import demand_result
from selfchal.testing.conformance.environment_subject import Subject

MOST_SHOWN = 100_000  # characters of one observation: more than any context holds


def tools_are_described(kit: Subject) -> None:
    environment = kit.environment()
    listed = list(environment.tools)
    for spec in listed:
        demand_type(spec, ToolSpec, "tools")
    specs = {spec.name: spec for spec in listed}
    demand(specs, "it has no tool")
    demand(len(specs) == len(listed), f"two tools have one name: {[spec.name for spec in listed]}")
    offered = set(environment.open({}).tool_names)
    demand(set(specs) == offered, f"it describes {sorted(specs)}, and its worlds offer {sorted(offered)}")
    for spec in specs.values():
        _demand_described(spec)


def _demand_described(spec: ToolSpec) -> None:
    name, schema = spec.name, spec.parameters
    callable_name = name.isidentifier() and not keyword.iskeyword(name)
    demand(callable_name, f"no code can call a tool named {name!r}: use letters, digits and '_'")
    demand(spec.description.strip(), f"{name} has no description: give it a docstring")
    demand(schema.get("type") == "object", f"{name}.parameters is no JSON schema object")
    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{name}.parameters is no JSON: {error}") from error
    properties = schema.get("properties", {})
    unknown = [one for one in schema.get("required", ()) if one not in properties]
    demand(not unknown, f"{name}.parameters requires {', '.join(unknown)}, which its properties lack")
    untyped = [one for one, inner in properties.items() if not isinstance(inner, Mapping) or not inner]
    demand(not untyped, f"{name}.parameters says nothing of {', '.join(untyped)}: give it a type")
    demand(spec.signature.startswith(f"{name}("), f"the signature of {name} is {spec.signature!r:.80}")
    hidden = [one for one in properties if one not in spec.signature]
    demand(not hidden, f"the signature {spec.signature!r:.80} lacks {', '.join(hidden)}")


def tools_work(kit: Subject) -> None:
    made = [*(call for one in kit.played for call in one.calls), *kit.fitting]
    counts = count_calls(made)
    slips = [call for call in made if call.error in SLIPS]
    if slips:
        (said, *_) = describe_errors({slips[0].name: counts[slips[0].name]})
        demand(False, f"{said}: {slips[0].value}")
    worked = {call.name for call in made if call.ok}
    for name in counts:
        demand(
            name in worked,
            f"no call of {name} worked in {counts[name]['calls']} tries; the last one gave "
            f"{[call.value for call in made if call.name == name][-1]!r:.200}. Mend the tool, or give "
            "a held-out task whose solution uses it, or a call of it in the attribute example_calls",
        )
    writers = [spec.name for spec in kit.environment().tools if spec.writes]
    changed = {call.name for call in made if call.changed}
    demand(
        not writers or changed,
        f"no call of {', '.join(writers)} ever changed a world: its state lies elsewhere, or digest() "
        "does not tell it",
    )


def calls_never_raise(kit: Subject) -> None:
    world = kit.environment().open({})
    ending = {spec.name for spec in kit.environment().tools if spec.ends_episode}
    result = world.call("no_such_tool", (), {})
    demand_type(result, ToolResult, "a call of an unknown tool")
    demand(not result.ok, "an unknown tool's result must not be ok")
    for name, args, kwargs in kit.list_all_calls():
        try:
            result = world.call(name, args, kwargs)
            shown = world.show(result)
        except Exception as error:
            what = describe_error(error)
            raise AssertionError(f"{name}(*{args!r:.80}, **{kwargs!r:.80}) raised {what}") from error
        _demand_answer(name, demand_result(name, result), shown)
        demand(
            name not in ending or not result.ok or world.ended,
            f"{name} is declared to end the episode, and world.ended is False after it",
        )


def _demand_answer(name: str, result: Any, shown: Any) -> None:
    demand_type(shown, str, f"show() of a result of {name}")
    demand(len(shown) <= MOST_SHOWN, f"show() gives {len(shown):,} characters for a result of {name}")
    told = result.ok or not result.raises or isinstance(result.value, str)
    demand(told, f"{name} refused a call without saying why: its value is {result.value!r:.60}")


def readers_change_nothing(kit: Subject) -> None:
    environment = kit.environment()
    readers = {spec.name for spec in environment.tools if not spec.writes}
    world = environment.open({})
    for name, args, kwargs in kit.list_all_calls():
        before = world.digest()
        result = world.call(name, args, kwargs)
        wrote = name in readers and (world.digest() != before or result.error == READER_WROTE)
        demand(not wrote, f"{name} changed the state but is not declared as a tool that writes")
