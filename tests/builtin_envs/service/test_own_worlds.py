"""Our own worlds and held-out tasks: large enough, the same every time, solvable, not for free."""

from __future__ import annotations

import pytest

from selfchal.builtin_envs.airline.environment import AIRLINE, Airline
from selfchal.builtin_envs.retail.environment import RETAIL, Retail, redact
from selfchal.builtin_envs.service.environment import ServiceConfig, ServiceEnvironment
from selfchal.builtin_envs.tables.database import Database
from selfchal.core.arena import Arena
from selfchal.core.episode import End
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import TestTask
from selfchal.pipeline.measure import play_oracle
from selfchal.rollout.agent import AgentConfig

DESKS: dict[str, type[ServiceEnvironment]] = {"retail": Retail, "airline": Airline}
PROFILES = ("fixed", "compat")


def test_sizes() -> None:
    shop, generate_airline = RETAIL.generate(0), AIRLINE.generate(0)
    assert len(shop["users"]) >= 500
    assert len(shop["orders"]) >= 1_000
    assert len(shop["products"]) >= 50
    assert len(generate_airline["flights"]) >= 300
    assert {len(flight["dates"]) for flight in generate_airline["flights"].values()} == {30}
    assert len(generate_airline["reservations"]) >= 2_000
    assert len(generate_airline["users"]) >= 500


@pytest.mark.parametrize("domain", [RETAIL, AIRLINE], ids=lambda domain: domain.name)
def test_a_seed_is_a_world(domain: object) -> None:
    assert Database(domain.generate(3)).sha256 == Database(domain.generate(3)).sha256  # type: ignore[attr-defined]  # a Domain
    assert Database(domain.generate(3)).sha256 != Database(domain.generate(4)).sha256  # type: ignore[attr-defined]  # a Domain


def test_the_shops_books_are_in_order() -> None:
    shop = RETAIL.generate(0)
    for order in shop["orders"].values():
        user = shop["users"][order["user_id"]]
        assert order["order_id"] in user["orders"]
        paid = order["payment_history"][0]
        assert paid["payment_method_id"] in user["payment_methods"]
        assert paid["amount"] == round(sum(item["price"] for item in order["items"]), 2)
        for item in order["items"]:
            variant = shop["products"][item["product_id"]]["variants"][item["item_id"]]
            assert (item["price"], item["options"]) == (variant["price"], variant["options"])


def test_the_airlines_books_are_in_order() -> None:
    generate_airline = AIRLINE.generate(0)
    for row in generate_airline["reservations"].values():
        user = generate_airline["users"][row["user_id"]]
        assert row["reservation_id"] in user["reservations"]
        assert row["payment_history"][0]["payment_id"] in user["payment_methods"]
        legs = row["flights"]
        assert (legs[0]["origin"], legs[0]["destination"]) == (row["origin"], row["destination"])
        assert len(legs) == (2 if row["flight_type"] == "round_trip" else 1)
        assert all(leg["date"] in generate_airline["flights"][leg["flight_number"]]["dates"] for leg in legs)
        assert row["created_at"] < "2024-05-15T15:00:00"


@pytest.mark.parametrize(("name", "fewest"), [("retail", 100), ("airline", 50)])
@pytest.mark.parametrize("profile", PROFILES)
def test_tasks_are_solved_by_all_their_calls_only(name: str, fewest: int, profile: str) -> None:
    environment = DESKS[name](ServiceConfig(profile=profile))  # type: ignore[arg-type]  # one of the profiles
    tasks = environment.test_tasks("test")
    assert (
        len({task.instruction for task in tasks}) == len({task.id for task in tasks}) == len(tasks) >= fewest
    )
    for task in tasks:
        said = [environment.oracle(task)[-1]]
        assert not environment.grade(task, environment.open({}), None, ["ok"])
        assert solved(environment, task, task.truth["actions"], said)
        writes = [i for i, action in enumerate(task.truth["actions"]) if environment._writes(action["name"])]
        without = [action for i, action in enumerate(task.truth["actions"]) if i != writes[-1]]
        assert not solved(environment, task, without, said)
        if task.truth["outputs"]:
            assert not solved(environment, task, task.truth["actions"], ["Done."])


def solved(
    environment: ServiceEnvironment, task: TestTask, actions: list[dict[str, object]], said: list[str]
) -> bool:
    world = environment.open({})
    results = [world.call(str(action["name"]), (), action["kwargs"]) for action in actions]  # type: ignore[arg-type]  # JSON
    assert all(result.ok for result in results)
    return environment.grade(task, world, None, said)


@pytest.mark.slow
@pytest.mark.parametrize("name", DESKS)
def test_the_oracle_wins_whole_episodes_with_the_scripted_user(name: str, process_sandbox: Sandbox) -> None:
    environment = DESKS[name](ServiceConfig())
    tasks = environment.test_tasks("test")[:12]
    episodes = play_oracle(
        AgentConfig(Arena(environment, process_sandbox, Limits())), tasks, lambda done: None
    )
    assert [(episode.end, episode.reward) for episode in episodes] == [(End.STOP, 1.0)] * len(tasks)


def test_exploration_starts_at_a_user_with_something_to_do() -> None:
    environment = Retail(ServiceConfig())
    contexts = [environment.exploration_context(seed) for seed in range(50)]
    assert len({context["user_id"] for context in contexts}) > 30
    assert contexts == [environment.exploration_context(seed) for seed in range(50)]
    for context in contexts:
        assert environment.open(context).call("get_user_details", (context["user_id"],), {}).value["orders"]
        assert context["user_id"] in environment.initial_observation(context)


def test_order_numbers_are_redacted() -> None:
    assert (
        redact("Cancel order #W1234567 and orders #W7654321, please.") == "Cancel order and orders, please."
    )
    assert redact("You want #W1234567 returned.") == "You want the order returned."
    assert redact("Nothing of W12 here.") == "Nothing of W12 here."


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(EnvironmentDataError, match="no split 'dev'"):
        Retail(ServiceConfig()).test_tasks("dev")
