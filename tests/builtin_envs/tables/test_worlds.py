"""10,000 random calls an environment: nothing escapes, no world changes another, digest and difference
agree with a full recomputation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfchal.builtin_envs.airline.environment import AIRLINE
from selfchal.builtin_envs.retail.environment import RETAIL
from selfchal.builtin_envs.service.sources import Domain
from selfchal.builtin_envs.tables.database import Answers, Database
from selfchal.builtin_envs.tables.difference import differences
from selfchal.builtin_envs.tables.world import TableWorld
from selfchal.core.world import Change, Json, ToolResult
from selfchal.tools.tool import Tool
from tests.support.fuzz import examples

DOMAINS = {"retail": RETAIL, "airline": AIRLINE}
PROFILES = ("compat", "fixed")
CALLS = 25  # a sequence
SEQUENCES = examples(80)  # a profile: two profiles of 2,000 calls
USERS = 4

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=4),
    st.just("\ud800"),
    st.just(10**5000),
    st.just(object()),
    st.lists(st.sampled_from(["a", 1, None]), max_size=2),
    st.dictionaries(st.sampled_from(["a", "flight_number", "date", "amount"]), st.integers(), max_size=2),
    st.just({1: 2}),
)


@cache
def small_world(name: str) -> tuple[Database, tuple[str, ...]]:
    """A few users of our own world with what is theirs, and the words that tools may be asked about."""
    tables = DOMAINS[name].generate(1)
    users = {key: row for key, row in tables["users"].items() if row.get("orders") or row.get("reservations")}
    users = dict(list(users.items())[:USERS])
    kept: dict[str, Any] = {"users": users}
    if name == "retail":
        kept["orders"] = {key: row for key, row in tables["orders"].items() if row["user_id"] in users}
        sold = {item["product_id"] for row in kept["orders"].values() for item in row["items"]}
        kept["products"] = {key: tables["products"][key] for key in sorted(sold)}
    else:
        mine = {key: row for key, row in tables["reservations"].items() if row["user_id"] in users}
        flown = {leg["flight_number"] for row in mine.values() for leg in row["flights"]}
        kept |= {"reservations": mine, "flights": {key: tables["flights"][key] for key in sorted(flown)}}
    return Database(kept), tuple(sorted(set(words(kept))))


def words(value: Json) -> Iterator[str]:
    """Every string of the tables: ids, names, dates, cabins."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for part in value.values():
            yield from words(part)
    elif isinstance(value, list):
        for part in value:
            yield from words(part)


KEYS = {"user_id": "users", "order_id": "orders", "product_id": "products", "reservation_id": "reservations"}


def argument(
    name: str, schema: dict[str, Any], database: Database, known: tuple[str, ...]
) -> st.SearchStrategy[Any]:
    """A value for a parameter: mostly a key of the table that its name speaks of."""
    anything = fitting(schema, known)
    if name in KEYS:
        return st.sampled_from(list(database.rows(KEYS[name]))) | anything
    return anything


def fitting(schema: dict[str, Any], known: tuple[str, ...]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string":
            return st.sampled_from(known)
        case "integer" | "number":
            return st.integers(0, 200)
        case "array":
            return st.lists(fitting(schema["items"], known), max_size=3)
        case "object":
            return st.fixed_dictionaries(
                {k: fitting(part, known) for k, part in schema["properties"].items()}
            )
    return junk


def calls_to(
    tool: Tool, database: Database, known: tuple[str, ...]
) -> st.SearchStrategy[tuple[str, list[Any], dict[str, Any]]]:
    properties = tool.spec.parameters["properties"]
    valid = st.fixed_dictionaries(
        {key: argument(key, schema, database, known) for key, schema in properties.items()}
    )
    one_off = st.builds(
        lambda kwargs, key, value: {**kwargs, key: value},
        valid,
        st.sampled_from([*properties, "data", "extra"]),
        junk,
    )
    name = st.just(tool.spec.name)
    by_name = st.tuples(name, st.just([]), st.one_of(valid, valid, one_off))
    return st.one_of(by_name, by_name, st.tuples(name, st.lists(junk, max_size=4), st.just({})))


def aimed(database: Database, name: str) -> st.SearchStrategy[tuple[str, list[Any], dict[str, Any]]]:
    """Calls that often succeed: on rows that exist, with what belongs to them."""
    if name == "airline":
        return st.builds(
            lambda row, bags: (
                "update_reservation_baggages",
                [row["reservation_id"], bags, 0, row["payment_history"][0]["payment_id"]],
                {},
            ),
            st.sampled_from(list(database.rows("reservations").values())),
            st.integers(0, 9),
        ) | st.builds(
            lambda row: ("cancel_reservation", [row], {}),
            st.sampled_from(list(database.rows("reservations"))),
        )
    orders = list(database.rows("orders").values())
    return (
        st.builds(
            lambda row, reason: ("cancel_pending_order", [row["order_id"], reason], {}),
            st.sampled_from(orders),
            st.sampled_from(["no longer needed", "ordered by mistake", "-"]),
        )
        | st.builds(
            lambda row: (
                "return_delivered_order_items",
                [
                    row["order_id"],
                    [item["item_id"] for item in row["items"]],
                    row["payment_history"][0]["payment_method_id"],
                ],
                {},
            ),
            st.sampled_from(orders),
        )
        | st.builds(
            lambda user, number: (
                "modify_user_address",
                [user, f"{number} Elm Street", "Suite 2", "Austin", "TX", "USA", "78701"],
                {},
            ),
            st.sampled_from(list(database.rows("users"))),
            st.integers(1, 99),
        )
    )


def state_of(world: TableWorld, database: Database) -> dict[str, dict[str, Any]]:
    """The whole state, row by row."""
    return {
        name: {key: world.overlay[name][key] for key in [*table.rows, *world.overlay[name].changed]}
        for name, table in database.tables.items()
    }


def whole_text(state: Json) -> str:
    return json.dumps(state, sort_keys=True, separators=(",", ":"))


def leaves(value: Json, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], str]:
    """Every leaf of a value as text by path; empty dicts and lists are leaves."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: dict[tuple[Any, ...], str] = {}
    for key, part in parts:
        found |= leaves(part, (*path, key))
    return found or {path: whole_text(value)}


def patched(start: dict[tuple[Any, ...], str], changes: tuple[Change, ...]) -> dict[tuple[Any, ...], str]:
    """The start's leaves with the changes made to them; an absent value is recognised by being None."""
    result = dict(start)
    for change in changes:
        depth = len(change.path)
        result = {path: text for path, text in result.items() if path[:depth] != change.path}
        result |= leaves(change.after, change.path)
    return result


def check_difference(world: TableWorld, database: Database, start: dict[tuple[Any, ...], str]) -> None:
    """A removed part shows as None, and so does null: both sides are compared without nulls and empties."""
    changes = world.difference()
    assert list(changes) == sorted(changes, key=lambda change: change.path)
    now = leaves(state_of(world, database))
    hollow = {"null", "[]", "{}"}
    assert {p: t for p, t in patched(start, changes).items() if t not in hollow} == {
        p: t for p, t in now.items() if t not in hollow
    }
    assert all(
        whole_text(change.before) != whole_text(change.after) or change.before is None for change in changes
    )


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", DOMAINS)
def test_random_calls(name: str, profile: str) -> None:
    domain: Domain = DOMAINS[name]
    database, known = small_world(name)
    toolset = domain.find_toolset(profile)
    pristine = whole_text({table: dict(database.rows(table)) for table in domain.tables})
    start = leaves(json.loads(pristine))
    call = st.one_of(
        *(calls_to(tool, database, known) for tool in toolset.tools.values()),
        aimed(database, name),
        aimed(database, name),
    )
    texts: dict[str, str] = {}  # canonical text by digest, over all sequences
    changed = 0

    @settings(
        max_examples=SEQUENCES,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.tuples(st.booleans(), call), min_size=CALLS, max_size=CALLS))
    def run(steps: list[tuple[bool, Any]]) -> None:
        nonlocal changed
        worlds = (TableWorld(database, toolset), TableWorld(database, toolset))
        for second, (tool, args, kwargs) in steps:
            world, other = worlds[second], worlds[not second]
            fresh_digest, copy = other.digest(), world.fork()
            before = copy.digest()
            result = world.call(tool, args, kwargs)
            assert isinstance(result, ToolResult)
            assert isinstance(world.show(result), str)
            json.dumps(result.value, allow_nan=False)
            text = whole_text(state_of(world, database))
            assert texts.setdefault(world.digest(), text) == text
            assert world.canonical_sha256() == sha256(text.encode()).hexdigest()
            assert (other.digest(), copy.digest()) == (fresh_digest, before)
            changed += world.digest() != before
            if not result.ok and profile == "fixed":
                assert world.digest() == before  # a failed call leaves nothing behind
        for world in worlds:
            check_difference(world, database, start)
            world.reset()
            assert world.digest() == TableWorld(database, toolset).digest()

    run()
    assert len(set(texts.values())) == len(texts)  # different states, different digests
    assert changed > SEQUENCES
    assert whole_text({table: dict(database.rows(table)) for table in domain.tables}) == pristine


@pytest.mark.parametrize("name", DOMAINS)
def test_what_a_caller_gave_or_got_is_not_the_worlds(name: str) -> None:
    database, _ = small_world(name)
    world = TableWorld(database, DOMAINS[name].find_toolset("compat"))
    user_id = next(iter(database.rows("users")))
    row = world.call("get_user_details", (user_id,), {}).value
    row["name"]["first_name"] = "Mallory"
    assert world.call("get_user_details", (user_id,), {}).value["name"]["first_name"] != "Mallory"
    if name == "airline":
        passengers: list[Any] = []
        booking = (user_id, "A", "B", "one_way", "economy", [], passengers, [], 0, 0, "no")
        assert world.call("book_reservation", booking, {}).ok
        passengers.append({"first_name": "Mallory"})
        assert world.call("get_reservation_details", ("HATHAT",), {}).value["passengers"] == []


def test_a_row_changed_back_is_no_change() -> None:
    database, _ = small_world("retail")
    world = TableWorld(database, RETAIL.find_toolset("compat"))
    user_id, user = next(iter(database.rows("users").items()))
    start = world.digest()
    world.call("modify_user_address", (user_id, "1", "", "", "", "", ""), {})
    assert world.digest() != start
    world.call("modify_user_address", (user_id,), dict(user["address"]))
    assert world.digest() == start
    assert world.difference() == ()


def test_fork_and_origin_go_their_own_ways() -> None:
    database, _ = small_world("retail")
    world = TableWorld(database, RETAIL.find_toolset("compat"))
    user_id = next(iter(database.rows("users")))
    world.call("modify_user_address", (user_id, "1", "", "", "", "", ""), {})
    copy = world.fork()
    assert copy.digest() == world.digest()
    copy.call("modify_user_address", (user_id, "2", "", "", "", "", ""), {})
    world.call("modify_user_address", (user_id, "3", "", "", "", "", ""), {})
    address = ("users", user_id, "address", "address1")
    assert [c.after for c in copy.difference() if c.path == address] == ["2"]
    assert [c.after for c in world.difference() if c.path == address] == ["3"]


def test_a_read_row_and_the_row_that_is_changed_are_copies_of_their_own() -> None:
    """A loaded row is written out once and copied from that: no copy may reach the row or another copy."""
    database, _ = small_world("retail")
    one, other = (TableWorld(database, RETAIL.find_toolset("fixed")) for _ in range(2))
    user_id, user = next(iter(database.rows("users").items()))
    address = dict(user["address"])
    one.call("get_user_details", (user_id,), {}).value["address"]["city"] = "read"
    one.call("modify_user_address", (user_id, "1", "", "written", "", "", ""), {}).value["address"][
        "city"
    ] = "x"
    assert one.call("get_user_details", (user_id,), {}).value["address"]["city"] == "written"
    assert other.call("get_user_details", (user_id,), {}).value["address"] == address
    assert user["address"] == address


@pytest.mark.parametrize(
    ("before", "after"), [(1, 1.0), (1, True), (0.0, -0.0), ("1", 1), ([], {}), (None, 0)]
)
def test_equal_values_of_two_types_differ_however_deep_they_stand(before: Json, after: Json) -> None:
    same = {"same": [{"x": 1}]}
    old, new = ({"row": [same, {"deep": {"value": value}}]} for value in (before, after))
    changes = list(differences(old, new))
    assert [change.path for change in changes] == [("row", 1, "deep", "value")]
    assert [repr((change.before, change.after)) for change in changes] == [repr((before, after))]


def test_the_order_of_keys_is_no_difference() -> None:
    assert list(differences({"a": {"x": 1, "y": [2]}}, {"a": {"y": [2], "x": 1}})) == []


def test_a_remembered_answer_is_that_of_the_very_same_arguments_and_tools() -> None:
    """1, 1.0 and True are equal in Python, and one database may be offered with other tools."""
    database, _ = small_world("retail")
    world = TableWorld(database, RETAIL.find_toolset("fixed"))
    for _ in range(2):
        answers = [world.call("get_user_details", (value,), {}).value for value in (1, 1.0, True)]
        assert [answer.rpartition("not ")[2] for answer in answers] == ["1", "1.0", "True"]
    other = TableWorld(database, RETAIL.find_toolset("compat"))
    assert other.call("get_user_details", (1,), {}).value != answers[0]


def test_what_is_remembered_of_a_database_is_bounded() -> None:
    answers = Answers()
    for number in range(10_000):
        answers.put(number, (True, b""))
    known = sum(answers.get(number) is not None for number in range(10_000))
    assert 0 < known < 5_000
    assert answers.get(9_999) == (True, b"")
