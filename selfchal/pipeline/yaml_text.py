"""YAML as people mean it: the scalars of YAML 1.2, no key twice, nothing that grows when it is read.

PyYAML follows YAML 1.1, in which ``yes`` is true, ``010`` is 8, ``1:30`` is 90 and ``1e-4`` is a text. Here
``true`` and ``false`` are the only truth values, numbers are decimal, and everything else is a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from selfchal.pipeline.yaml_errors import explain_yaml_error

_LARGEST = 100_000  # values, every use of an alias counted: aliases of aliases grow without bound
_DEEPEST = 50
_PREFIX = "tag:yaml.org,2002:"
# The core schema of YAML 1.2: what a plain scalar is, and the characters that it may begin with.
_SCALARS = (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?[0-9]+", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", [*"-+."]),
    ("merge", r"<<", ["<"]),
)


class YamlTextError(Exception):
    """A text cannot be read; the message says where and why."""


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 — PyYAML's own attribute

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and name in lines:
                raise YamlTextError(f"{name!r} is written twice, in lines {lines[name]} and {line}")
            lines[name] = line
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 — PyYAML's own attribute


def _read_integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    try:
        return int(node.value)
    except ValueError:  # Python reads no number of thousands of digits
        line = node.start_mark.line + 1
        raise YamlTextError(f"line {line} holds a number of {len(node.value):,} digits") from None


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write a text in double quotes where PyYAML would write a line break that it reads as a space."""
    style = '"' if any(one in text for one in "\x85\u2028\u2029") else None
    return dumper.represent_scalar(_PREFIX + "str", text, style)


for _kind in (_Loader, _Dumper):
    for _name, _pattern, _first in _SCALARS:
        _kind.add_implicit_resolver(_PREFIX + _name, re.compile(f"^(?:{_pattern})$"), _first)
_Loader.add_constructor(_PREFIX + "int", _read_integer)
_Dumper.add_representer(str, _write_text)


def read_yaml(text: str) -> Any:
    """The value of one document. Raises YamlTextError."""
    try:
        _refuse_deep_flow(text)
        value = yaml.load(text, _Loader)
        _count(value, {}, 0)
    except yaml.YAMLError as error:
        raise YamlTextError(explain_yaml_error(error, text)) from error
    except ValueError as error:
        raise YamlTextError(str(error)) from error
    except RecursionError:
        raise YamlTextError(f"it is nested too deeply, {_DEEPEST} levels are allowed") from None
    return value


def _refuse_deep_flow(text: str) -> None:
    """Brackets beyond any manifest's: PyYAML takes seconds until it finds them too deep."""
    depth = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        if depth > _DEEPEST:
            raise RecursionError


def write_yaml(value: Mapping[str, Any]) -> str:
    """The value as ``read_yaml`` reads it."""
    return yaml.dump(dict(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _count(value: Any, counted: dict[int, int], depth: int) -> int:
    """Count the values in it. One that is used several times counts each time."""
    if depth > _DEEPEST:
        raise RecursionError
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in counted:
        inner = value.values() if isinstance(value, dict) else value
        counted[id(value)] = 1 + sum(_count(one, counted, depth + 1) for one in inner)
    if counted[id(value)] > _LARGEST:
        raise YamlTextError(f"it holds more than {_LARGEST:,} values")
    return counted[id(value)]
