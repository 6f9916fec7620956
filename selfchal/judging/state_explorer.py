"""Finds what an agent could read by calling read tools on ids, starting from what a task is about.

It runs on the trusted side, on a throw-away world. From each observation come ids to read next, and what
describes each id: the record that it stands in, and what reading it shows.
"""

from __future__ import annotations

import marshal
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, product

from selfchal.core.world import Json, ToolSpec, World
from selfchal.judging.floats import take_float
from selfchal.judging.named_records import find_named_records, is_name, list_same_fields
from selfchal.judging.wording import features

_READS = 60  # observations
_ATTEMPTS = 400
_MISSES = 3  # a tool that refused so many ids of one shape gets only those that go by its parameter's name
_COMBINATIONS = 8
_LONGEST_NAME = 60  # characters of a text that may name something
_SCALARS = frozenset({str, int, float, bool, type(None)})


def leaves(value: Json) -> Iterator[Json]:
    """The scalars in a value, keys left out."""
    if value.__class__ in _SCALARS:  # most are, and an isinstance of two types takes its time
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            if inner.__class__ in _SCALARS:
                yield inner
            else:
                yield from leaves(inner)
    else:
        yield value


@lru_cache(maxsize=8192)
def shape(text: str) -> str:
    """``credit_card_123`` and ``credit_card_987`` have one shape; so have ``#W1234567`` and ``#W7654321``."""
    return re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", lambda digits: f"9{min(len(digits[0]), 4)}", text))


@lru_cache(maxsize=8192)
def is_id(text: str) -> bool:
    """A name that is looked up, like ``#W123``, ``credit_card_12``, ``ZFA04Y`` or ``AYFPWR``."""
    return len(text) >= 4 and " " not in text and (any(map(str.isdigit, text)) or text.isupper())


@dataclass
class ReadToolExplorer:
    """``described`` maps an id to the scalars that describe it, ``shown`` to those that reading it shows;
    ``siblings`` to ids it stands beside; ``seen`` holds every text and ``numbers`` every number (and
    length of a list) that was read."""

    world: World
    tools: Sequence[ToolSpec]
    described: dict[str, list[Json]] = field(default_factory=dict)
    shown: dict[str, list[Json]] = field(default_factory=dict)
    siblings: dict[str, set[str]] = field(default_factory=dict)
    readable: dict[str, set[str]] = field(default_factory=dict)  # ids, and the tools that show them
    seen: set[str] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)  # names of records that a list gives to whoever asks
    linked: dict[str, set[str]] = field(default_factory=dict)  # texts that a list gives beside each other
    _features: dict[str, frozenset[str]] = field(default_factory=dict)  # asked for once all is read
    _fields: dict[str, dict[str, str]] = field(default_factory=dict)  # of a record, by name
    _names: dict[str, set[str]] = field(default_factory=dict)  # the fields that an id was found under

    def read(self, starts: Iterable[str], named: Mapping[str, set[Json]]) -> None:
        """Read on from these ids; ``named`` has values by parameter name, for tools of several parameters."""
        required = [(tool.name, _list_required(tool)) for tool in self._list_readers()]
        single = [(name, parameters[0]) for name, parameters in required if len(parameters) == 1]
        frontier = deque(dict.fromkeys(starts))
        met = set(frontier)
        for parameter, values in named.items():
            for value in values:
                self._names.setdefault(str(value), set()).add(parameter)
        misses: dict[tuple[str, str], int] = {}
        reads = attempts = 0
        for found in self._list_searches(named):
            self._take(found, frontier, met)
        self._read_lists()
        self._read_named(named, frontier, met)
        parameters = [parameter for _, parameter in single]
        while frontier and reads < _READS and attempts < _ATTEMPTS:
            text = frontier.popleft()
            kind = shape(text)
            for name, parameter in single:
                key = (name, kind)
                if misses.get(key, 0) >= _MISSES and parameter not in self._names.get(text, ()):
                    continue
                attempts += 1
                result = self.world.call(name, (), {parameter: text})
                if result.ok and isinstance(result.value, str) and is_id(result.value):
                    self.seen.add(result.value)  # found by an address, a name
                if not result.ok or not isinstance(result.value, dict | list):  # a calculator reads nothing
                    misses[key] = misses.get(key, 0) + 1
                    continue
                reads += 1
                self.readable.setdefault(text, set()).add(name)
                observation = self._take(result.value, frontier, met)
                words = [one for one in list_same_fields(observation.names, parameters) if one not in met]
                met.update(words)
                frontier.extend(dict.fromkeys(words))
                self.described.setdefault(text, []).extend(observation.leaves)
                self.shown.setdefault(text, []).extend(observation.leaves)
                self._fields.setdefault(text, {}).update(observation.fields)

    def finds(self, record: str, told: Callable[[str], bool]) -> bool:
        """Does some tool give this record for fields of it that are told (an e-mail address, a name)?"""
        return any(True for _ in self.list_finding(record, told))

    def list_finding(self, record: str, told: Callable[[str], bool]) -> Iterator[str]:
        """The fields by which tools give this record, where all that a tool needs are told."""
        fields = self._fields.get(record, {})
        for tool in self._list_readers():
            names = _list_required(tool)
            values = {name: fields[name] for name in names if name in fields}
            if len(values) < len(names) or record in values.values() or not all(map(told, values.values())):
                continue
            result = self.world.call(tool.name, (), values)
            if result.ok and record in leaves(result.value):
                yield from values.values()

    def read_field(self, record: str, name: str) -> str | None:
        """The text that reading this record shows under a name."""
        return self._fields.get(record, {}).get(name)

    def features(self, value: Json) -> frozenset[str]:
        """The words and numbers of a value, and of all that describes it."""
        name = str(value)
        if name not in self._features:
            described = self.described.get(name, ())
            beside = (other for leaf in described for other in self.linked.get(str(leaf), ()))
            self._features[name] = frozenset(features((*described, *beside)))
        return self._features[name] | features([value])

    def alike(self, one: str, other: str) -> bool:
        """Are these ids of one kind: of one shape, or shown by one tool?"""
        return shape(one) == shape(other) or bool(
            self.readable.get(one, set()) & self.readable.get(other, set())
        )

    def _read_lists(self) -> None:
        """What the tools without parameters list: codes beside names, as a list of airports has them."""
        for tool in self._list_readers():
            if tool.parameters.get("properties"):
                continue
            result = self.world.call(tool.name, (), {})
            for group in _list_linked(result.value) if result.ok else ():
                for text in group:
                    self.linked.setdefault(text, set()).update(other for other in group if other != text)

    def _read_named(self, named: Mapping[str, set[Json]], frontier: deque[str], met: set[str]) -> None:
        """The records that go by a word, of which the solution hands one over: those of the lists that need
        nothing to be read."""
        handed = {name: {value for value in values if is_name(value)} for name, values in named.items()}
        if all(is_id(str(value)) for values in handed.values() for value in values):
            return
        for tool in self._list_readers():
            result = None if _list_required(tool) else self.world.call(tool.name, (), {})
            for records in find_named_records(result.value, handed) if result and result.ok else ():
                self._take_records(records, tool.name)
                own = [
                    name for name in records if name not in met and any(name in v for v in handed.values())
                ]
                met.update(own)
                frontier.extend(own)

    def _take_records(self, records: Mapping[str, Json], tool: str) -> None:
        for name, record in records.items():
            scalars = tuple(islice(leaves(record), 60))
            self.described.setdefault(name, []).extend(scalars)
            self.siblings.setdefault(name, set()).update(other for other in records if other != name)
            self.readable.setdefault(name, set()).add(tool)
            self.seen.update(text for text in (name, *scalars) if isinstance(text, str))
            self.listed.add(name)

    def _list_readers(self) -> list[ToolSpec]:
        return [tool for tool in self.tools if tool.only_reads]

    def _list_searches(self, named: Mapping[str, set[Json]]) -> Iterator[Json]:
        """What tools of several parameters show for the values that go by their parameters' names."""
        for tool in self._list_readers():
            names = _list_required(tool)
            if len(names) < 2 or not all(named.get(name) for name in names):
                continue
            choices = product(*(sorted(named[name], key=str) for name in names))
            for values in islice(choices, _COMBINATIONS):
                result = self.world.call(tool.name, (), dict(zip(names, values, strict=True)))
                if result.ok:
                    yield result.value

    def _take(self, value: Json, frontier: deque[str], met: set[str]) -> Observation:
        observation = _observe(marshal.dumps(value, 2))
        self.seen |= observation.texts
        self.numbers |= observation.numbers
        for text, name in observation.names:
            self._names.setdefault(text, set()).add(name)
        for group in observation.groups:
            ids = {text for text, _ in group}
            for text, record in group:
                self.described.setdefault(text, []).extend(record)
                beside = self.siblings.setdefault(text, set())
                beside |= ids
                beside.discard(text)
                if text not in met:
                    met.add(text)
                    frontier.append(text)
        return observation


@dataclass(frozen=True)
class Observation:
    """What is taken from one reading. ``groups`` are the ids that stand together, each with the
    scalars of its record; ``fields`` the texts by the names that they have there."""

    leaves: tuple[Json, ...]
    texts: frozenset[str]
    numbers: frozenset[float]
    names: tuple[tuple[str, str], ...]
    fields: Mapping[str, str]
    groups: tuple[tuple[tuple[str, tuple[Json, ...]], ...], ...]


@lru_cache(maxsize=4096)
def _observe(data: bytes) -> Observation:
    """What one reading shows. It is cached, because many tasks read the same rows."""
    value = marshal.loads(data)
    scalars = list(leaves(value))
    within: dict[int, tuple[Json, ...]] = {}  # the scalars of a record, by its identity

    def inside(record: Json) -> tuple[Json, ...]:
        if not isinstance(record, dict | list):
            return (record,)
        if id(record) not in within:
            within[id(record)] = tuple(islice(leaves(record), 60))
        return within[id(record)]

    containers = list(_list_containers(value))
    named = [
        (inner, name)
        for container in containers
        if isinstance(container, dict)
        for name, inner in container.items()
        if isinstance(inner, str)
    ]
    numbers = {take_float(leaf) for leaf in scalars if isinstance(leaf, int | float)}
    groups = [
        tuple((name, inside(record)) for name, record in _group_ids(container)) for container in containers
    ]
    return Observation(
        tuple(scalars[:200]),
        frozenset(leaf for leaf in scalars if isinstance(leaf, str)),
        frozenset(numbers | {float(len(container)) for container in containers}),
        tuple(dict.fromkeys(named)),
        {name: inner for inner, name in reversed(named)},
        tuple(group for group in groups if group),
    )


def _list_linked(value: Json) -> Iterator[list[str]]:
    """The short texts that stand beside each other: a key and its value, or the texts of one row."""
    if isinstance(value, dict):
        yield from ([key, inner] for key, inner in value.items() if isinstance(inner, str))
    elif isinstance(value, list):
        for row in value:
            texts = row.values() if isinstance(row, dict) else row if isinstance(row, list) else ()
            yield [text for text in texts if isinstance(text, str) and len(text) <= _LONGEST_NAME]


def _list_required(tool: ToolSpec) -> list[str]:
    return list(tool.parameters.get("required", []))


def _list_containers(value: Json) -> Iterator[Json]:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _list_containers(inner)


def _group_ids(container: Json) -> list[tuple[str, Json]]:
    """The ids in a container with the record that describes each: keys, members, fields of members."""
    found: list[tuple[str, Json]] = []
    if isinstance(container, dict):
        found += [(key, inner) for key, inner in container.items() if isinstance(key, str) and is_id(key)]
        found += [
            (inner, container) for inner in container.values() if isinstance(inner, str) and is_id(inner)
        ]
        return found
    for member in container:
        if isinstance(member, str) and is_id(member):
            found.append((member, member))
        elif isinstance(member, dict):
            found += [(inner, member) for inner in member.values() if isinstance(inner, str) and is_id(inner)]
    return found
