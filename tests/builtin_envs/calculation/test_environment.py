"""The Calculation environment: what is offered in each profile, mended tools, own tables, held-out tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from selfchal.builtin_envs.calculation.environment import FAMILIES, Calculation, CalculationConfig
from selfchal.builtin_envs.calculation.travel import CITIES, own_tables
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.sandbox import Limits, Sandbox

FIXED = Calculation(CalculationConfig())
COMPAT = Calculation(CalculationConfig(profile="compat"))
TRAVEL = Calculation(CalculationConfig(family="travel_itinerary_planning"))
PYTHONS_OWN = {"max", "min", "sum"}


def call(env: Calculation, name: str, *args: Any) -> Any:
    result = env.open({}).call(name, args, {})
    assert result.ok, result
    return result.value


def refusal(env: Calculation, name: str, *args: Any) -> str:
    result = env.open({}).call(name, args, {})
    assert (result.ok, result.raises) == (False, True)
    return str(result.value)


def test_fixed_offers_all_families_without_what_would_hide_python() -> None:
    names = {spec.name for spec in FIXED.tools}
    assert len(names) == 21
    assert not names & PYTHONS_OWN
    assert set(FIXED.open({}).tool_names) == names


def test_compat_and_the_travel_family_alone_offer_them() -> None:
    assert len(COMPAT.tools) == 24
    assert {spec.name for spec in TRAVEL.tools} >= PYTHONS_OWN
    assert len(TRAVEL.tools) == 6
    for env in (COMPAT, TRAVEL):
        assert "sum" in env.open({}).tool_names
        assert not {"max", "min"} & set(env.open({}).tool_names)  # Python's own do in an agent's code
        assert call(env, "max", 1, 5, 3) == 5


@pytest.mark.parametrize("family", FAMILIES)
def test_one_family_alone(family: Any) -> None:
    env = Calculation(CalculationConfig(family=family))
    assert len(env.tools) == 6
    assert {task.id for task in env.test_tasks("test")} < {task.id for task in FIXED.test_tasks("test")}


def test_every_tool_and_parameter_is_described() -> None:
    for spec in FIXED.tools:
        assert spec.description
        assert all(schema["description"] for schema in spec.parameters["properties"].values())


@pytest.mark.parametrize(
    ("name", "args", "value"),
    [
        ("convert_hex_to_ascii", ["48656c6c6f"], "Hello"),
        ("reverse_string", ["abc"], "cba"),
        ("caesar_decode", ["Khoor, Wroé!", 3], "Hello, Tolé!"),
        ("minimum_value", [3, 1.5], 1.5),
        ("maximum_value", [[3, 1.5]], 3),
        ("count_nucleotides", ["AGCTA"], {"A": 2, "G": 1, "C": 1, "T": 1}),
        ("transcribe_dna_to_mrna", ["AGCT"], "UCGA"),
        ("translate_mrna_to_amino_acid", ["AUGUUCAA"], "Methionine-Phenylalanine-X"),
        ("find_max_nucleotide", ["A", 2, "C", 5, "G", 5], ["C", 5]),
        ("is_valid_dna_sequence", ["AGCX"], False),
        ("reverse_transcribe_mrna_to_dna", ["UCGA"], "AGCT"),
        ("convert_currency", [120, 37], 4440),
        ("calculate_tariff", [200, 7.5], 15.0),
        ("estimate_final_value", [150, 7.5], 157.5),
        ("calculator", ["2 + (3 * 4)"], 14),
        ("find_minimum", [4, 2], 2),
        ("find_maximum", [4, 2], 4),
        ("budget_calculator", [165, 150, 3], 615),
    ],
)
def test_tools(name: str, args: list[Any], value: Any) -> None:
    assert call(FIXED, name, *args) == value


@pytest.mark.parametrize(
    ("name", "args", "says"),
    [
        ("reverse_string", [[1, 2]], "string must be a string"),
        ("convert_hex_to_ascii", ["zz"], "hexadecimal"),
        ("caesar_decode", ["abc", "3"], "shift must be an integer"),
        ("minimum_value", [], "at least one number"),
        ("find_maximum", ["3", "20"], "a number"),
        ("find_max_nucleotide", ["A", 1, "C"], "in turn"),
        ("convert_currency", ["5", 2], "base_price must be a number"),
        ("convert_currency", [1e308, 10], "no number to go on with"),
        ("calculator", ["2^3"], "2 ** 3"),
        ("calculator", ["1,000 + 1"], "1000, not 1,000"),
        ("calculator", ["9**9**9**9"], "too large"),
        ("calculator", ["__import__('os')"], "can be called"),
        ("find_flights", ["Atlantis", "Oslo", "2025-06-03"], "the locations are Athens"),
        ("nothing", [], "there is no tool 'nothing'; the tools are convert_hex_to_ascii"),
    ],
)
def test_refusals_say_what_is_wrong(name: str, args: list[Any], says: str) -> None:
    assert says in refusal(FIXED, name, *args)


def test_own_travel_tables_serve_every_city_and_route() -> None:
    tables = own_tables()
    assert {row["location"] for row in tables.hotels} == set(CITIES)
    routes = {(row["from_location"], row["to_location"]) for row in tables.flights}
    assert len(routes) == len(CITIES) * (len(CITIES) - 1)
    flight = tables.flights[7]
    found = call(
        FIXED, "find_flights", flight["from_location"].lower(), f'"{flight["to_location"]}"', flight["date"]
    )
    assert dict(flight) in found
    hotels = call(FIXED, "book_hotel", "Oslo", "WiFi")
    assert hotels
    assert all("wifi" in hotel["preferences"] for hotel in hotels)


def test_what_a_caller_does_to_a_result_or_an_argument_changes_nothing() -> None:
    world = FIXED.open({})
    hotels = world.call("book_hotel", ["Oslo"], {}).value
    before = json.dumps(hotels)
    hotels[0]["preferences"].append("sauna")
    hotels[0]["price_per_night"] = 0
    assert json.dumps(world.call("book_hotel", ["Oslo"], {}).value) == before


@pytest.mark.parametrize("split", ["test", "dev"])
def test_the_oracles_answer_is_right_and_nothing_is_not(split: str) -> None:
    world = FIXED.open({})
    for task in FIXED.test_tasks(split):
        said = FIXED.oracle(task)[-1].removeprefix("Answer: ")
        assert FIXED.grade(task, world, said, [])
        assert not FIXED.grade(task, world, None, [])
        assert not FIXED.grade(task, world, "", [])


def test_oracles_of_each_family_run_in_the_sandbox(process_sandbox: Sandbox) -> None:
    for task in FIXED.test_tasks("test")[::12]:
        with process_sandbox.session(FIXED.open({}), Limits()) as session:
            printed = [
                session.run(turn.split("\n", 1)[1].rsplit("\n", 1)[0]) for turn in FIXED.oracle(task)[:-1]
            ]
        assert all(done.ok for done in printed), task
        assert FIXED.grade(task, FIXED.open({}), printed[-1].stdout.strip(), []), task


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "does not exist"), ("[]", "locations, flights and hotels"), ("{}", "'locations'")],
)
def test_bad_data_is_named(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "travel_tables.json").write_text(content)
    with pytest.raises(EnvironmentDataError, match=says):
        Calculation(CalculationConfig(data=tmp_path))


def test_unknown_options_and_splits_are_errors() -> None:
    with pytest.raises(ValidationError):
        CalculationConfig(famly="all")  # type: ignore[call-arg]
    with pytest.raises(EnvironmentDataError, match="test, dev"):
        FIXED.test_tasks("original")
