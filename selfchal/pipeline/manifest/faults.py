"""Says what is wrong with options, for somebody who writes YAML and has never heard of pydantic."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from selfchal.pipeline.manifest.sections import PluginSection

_MOST_BITS = 256  # of a number that is told digit by digit
# What a value must be, by how pydantic's name of the fault begins; in braces what the fault carries.
_WANTED = {
    "int_": "a whole number",
    "float_": "a number",
    "bool_": "true or false",
    "string_type": "a text",
    "path_type": "a path",
    "date_": "a date, as 2026-11-28,",
    "dict_type": "a mapping, as {{KEY: VALUE}},",
    "list_type": "a list, as [A, B],",
    "tuple_type": "a list, as [A, B],",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
}
# The value has not even the form of what is wanted. Where several forms are allowed, these are told together.
_FORMS = ("model_type", "dict_type", "literal_error", "list_type", "string_type", "path_type")


def list_faults(found: Sequence[Any], config: type[BaseModel], path: str) -> Iterator[str]:
    """A sentence for each key at which pydantic found faults, with its path.

    Of several allowed forms pydantic tells what each of them lacks. Where the value has one of them, what is
    wrong within it is told alone.
    """
    located = [(_list_keys(fault["loc"]), fault) for fault in found]
    told = {keys[:depth] for keys, fault in located for depth in range(len(keys) + 1) if not _is_form(fault)}
    faults: dict[tuple[str, ...], list[Any]] = {}
    for keys, fault in located:
        if not (_is_form(fault) and keys in told):
            faults.setdefault(keys, []).append(fault)
    hides = config.model_config.get("hide_input_in_errors")  # a key may stand in a wrong field
    for keys, group in faults.items():
        where = ".".join(part for part in (path, *keys) if part)
        said = ", or ".join(dict.fromkeys(_explain_fault(fault, where, keys, config) for fault in group))
        speaks = hides or _is_of_key(group[0]) or (_is_form(group[0]) and group[0]["input"] is None)
        yield f"{where}: {said}" + ("" if speaks else f" (given: {format_given(group[0]['input'])})")


def format_given(value: Any) -> str:
    """A value as it is shown in a message: short, whatever it is."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:  # Python refuses to write very long ones
        return f"a whole number of about {value.bit_length() * 3 // 10:,} digits"
    return json.dumps(value, default=str, ensure_ascii=False)[:80]


def _is_form(fault: Any) -> bool:
    return fault["type"] in _FORMS


def _is_of_key(fault: Any) -> bool:
    """Is the key wrong, and no value?"""
    return fault["type"] in ("missing", "extra_forbidden")


def _list_keys(location: Sequence[int | str]) -> tuple[str, ...]:
    """The keys in the manifest. Pydantic adds which of several forms it tried, as ``literal['x']``."""
    return tuple(str(part) for part in location if "[" not in str(part))


def _explain_fault(fault: Any, where: str, keys: Sequence[str], config: type[BaseModel]) -> str:
    kind = fault["type"]
    if kind == "extra_forbidden":
        sections = _find_sections_at(config, keys[:-1])
        known = sorted({name for section in sections for name in _map_fields(section)})
        near = difflib.get_close_matches(keys[-1], known, n=1)
        return f"no such key; {f'did you mean {near[0]!r}?' if near else f'there are: {_join(known)}'}"
    if kind == "missing":
        return f"is missing{_describe_missing(where, keys, config)}"
    if kind == "model_type":
        return _describe_form(fault["input"], where, _find_sections_at(config, keys))
    if kind == "string_pattern_mismatch":
        return f"a text that matches {fault['ctx']['pattern']} is needed{_quote_description(keys, config)}"
    for beginning, wanted in _WANTED.items():
        if kind.startswith(beginning):
            return f"{wanted.format(**fault.get('ctx', {}))} is needed"
    said: str = fault["msg"].removeprefix("Value error, ")
    return f"{said[0].lower()}{said[1:]}"


def _describe_missing(where: str, keys: Sequence[str], config: type[BaseModel]) -> str:
    """What the key that is missing is for, or the section that is to be written."""
    for section in _find_sections_at(config, keys[:-1]):
        info = _map_fields(section).get(keys[-1])
        if info and PluginSection in _find_sections(info.annotation):
            return f"; {explain_plugin_section(where)}"
        if issubclass(section, PluginSection):
            return "; it says which plugin is meant: `selfchal plugins list` shows their names"
    return _quote_description(keys, config)


def _quote_description(keys: Sequence[str], config: type[BaseModel]) -> str:
    """What the documentation says of the key."""
    for section in _find_sections_at(config, keys[:-1]):
        info = _map_fields(section).get(keys[-1])
        if info and info.description:
            return f". The documentation says: {' '.join(info.description.split())}"
    return ""


def explain_plugin_section(where: str) -> str:
    """How a section that names a plugin is written."""
    return f"write {where}: {{name: NAME}}; `selfchal plugins list` shows the names"


def _describe_form(given: Any, where: str, sections: Sequence[type[BaseModel]]) -> str:
    names = [name for section in sections for name in _map_fields(section)]
    if isinstance(given, str) and any(issubclass(section, PluginSection) for section in sections):
        return f"a section that names the plugin is needed; write {{name: {given}}}"
    if given is None:
        return f"is empty; write options below it ({_join(names)}), or leave it out"
    return f"a mapping of options is needed ({_join(names)})"


def _find_sections_at(config: type[BaseModel], keys: Sequence[str]) -> list[type[BaseModel]]:
    """The option classes that may stand there. A key that is no field is an index, or a name in a mapping."""
    found = [config]
    for key in keys:
        fields = {
            info.alias or name: info for section in found for name, info in section.model_fields.items()
        }
        found = _find_sections(fields[key].annotation) if key in fields else found
    return found


def _find_sections(annotation: Any) -> list[type[BaseModel]]:
    """The option classes within ``Section | None``, ``tuple[Section, ...]``, ``dict[str, Section]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for inner in get_args(annotation) for section in _find_sections(inner)]


def _map_fields(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by the keys under which they are written."""
    return {info.alias or name: info for name, info in section.model_fields.items()}


def _join(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
