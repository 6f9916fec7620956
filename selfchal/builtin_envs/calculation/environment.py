"""The Calculation environment: four families of tools, tasks whose answer is one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from selfchal.builtin_envs import toolset
from selfchal.builtin_envs.answers import same_answer
from selfchal.builtin_envs.calculation import compat, tools
from selfchal.builtin_envs.calculation.travel import TravelTables, own_tables, travel_tools
from selfchal.builtin_envs.calculation.world import CalculationWorld
from selfchal.builtin_envs.m3tooleval import answers, data, functions, observation
from selfchal.core.environment import Chat, ExampleCalls, User
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask
from selfchal.core.world import Json, ToolSpec, World
from selfchal.tools.tool import tool

Family = Literal[
    "message_decoder",
    "cryptobotanists_plant_dna_sequencer",
    "trade_calculator",
    "travel_itinerary_planning",
]
FAMILIES: tuple[str, ...] = get_args(Family)
ORIGINAL = "original"
_SHORT = dict(zip(FAMILIES, ("message", "dna", "trade", "travel"), strict=True))  # as the held-out tasks say

_POLICY = (
    "Solve the task with the tools, then give the answer alone: a number, a string or a JSON list, "
    "without units or other words. Round a number that is no integer to two decimals."
)


class CalculationConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    profile: Literal["fixed", "compat"] | None = Field(
        None,
        description="fixed: mended tools and answer check; compat: M3ToolEval's, quirk for quirk. "
        "Default: fixed with our own data, compat where the original's is given",
    )
    family: Literal["all"] | Family = Field("all", description="offer the tools and tasks of one family only")
    data: Path | None = Field(
        None, description="folder with M3ToolEval's data as JSON: its travel tables and its tasks are used"
    )


class Calculation:
    """Decoding messages, DNA, trade and travel, by small tools.

    The tool ``sum`` of the travel family hides Python's own in an agent's code, so ``fixed`` offers it,
    with ``max`` and ``min``, only where that family is asked for alone.
    """

    name: ClassVar[str] = "calculation"
    Config: ClassVar[type[BaseModel]] = CalculationConfig
    # Of tools that no held-out task uses, and whose arguments no random call finds.
    example_calls: ClassVar[ExampleCalls] = (
        ("find_max_nucleotide", {"args": ["A", 3, "C", 5]}),
        ("find_flights", {"from_location": "Oslo", "to_location": "Rome", "date": "2025-06-03"}),
        ("book_hotel", {"location": "Oslo"}),
        ("maximum_value", {"args": [1, 2]}),
        ("minimum_value", {"args": [1, 2]}),
    )

    @classmethod
    def asks_model(cls, config: CalculationConfig) -> bool:
        return False

    def __init__(self, config: CalculationConfig) -> None:
        self._data = None if config.data is None else data.data_directory(config.data.expanduser())
        self._compat = (config.profile or ("compat" if self._data else "fixed")) == "compat"
        self._families = FAMILIES if config.family == "all" else (config.family,)
        tables = _choose_tables(self._data)
        offered = _mend_tables(tables, self._families, hide_builtins=config.family == "all")
        if self._compat:
            everything = _mend_tables(tables, self._families, hide_builtins=False)
            self._world = _open_compat_world(tables, self._families)
            self._tools = _describe_tools(self._data, self._families, everything.specs)
        else:
            names = _drop_python_builtins(offered.names)
            self._world = CalculationWorld(names, partial(offered.call, ()), toolset.shown)
            self._tools = offered.specs

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return self._tools

    @property
    def policy(self) -> str:
        return _POLICY

    @property
    def answer_required(self) -> bool:
        return True

    def open(self, context: Mapping[str, Json]) -> CalculationWorld:
        """All worlds are alike, whatever the context."""
        return self._world.fork()

    def initial_observation(self, context: Mapping[str, Json]) -> str:
        return ""

    def exploration_context(self, seed: int) -> dict[str, Json]:
        return {}

    def redact(self, instruction: str, context: Mapping[str, Json]) -> str:
        return instruction

    def splits(self) -> Sequence[str]:
        """With the original's data its tasks alone: our own need our own travel tables."""
        return ("test", "dev") if self._data is None else (ORIGINAL,)

    def test_tasks(self, split: str) -> Sequence[TestTask]:
        """Raises EnvironmentDataError for a split that this configuration does not have."""
        if split not in self.splits():
            raise EnvironmentDataError(
                f"calculation has no split {split!r} here; it has {', '.join(self.splits())}"
            )
        if self._data is not None:
            return data.tasks(self._data, "calculation", self._families)
        from selfchal.builtin_envs.calculation import heldout

        wanted = {_SHORT[family] for family in self._families}
        tasks = heldout.test_tasks(split)
        return [task for task in tasks if task.family.partition("/")[0] in wanted]

    def grade(self, task: TestTask, world: World, answer: str | None, replies: Sequence[str]) -> bool:
        if self._compat and answer is not None:
            return answers.check(task.truth["answer"], task.truth.get("type"), answer)
        return same_answer(task.truth["answer"], answer)

    def oracle(self, task: TestTask) -> Sequence[str]:
        """Of the original's tasks, which come without a solution, the answer alone."""
        turns: Sequence[str] | None = task.truth.get("turns")
        if turns is not None:
            return turns
        return (f"Answer: {answers.spelt(task.truth['answer'], task.truth.get('type'))}",)

    def user(self, instruction: str, context: Mapping[str, Json], chat: Chat | None) -> User | None:
        return None


def _choose_tables(folder: Path | None) -> TravelTables:
    if folder is None:
        return own_tables()
    tables = data.read(folder, "travel_tables.json")
    try:
        return TravelTables(tables["locations"], tables["flights"], tables["hotels"])
    except (KeyError, TypeError) as error:
        message = f"{folder / 'travel_tables.json'} needs locations, flights and hotels: {error}"
        raise EnvironmentDataError(message) from error


def _mend_tables(tables: TravelTables, families: Sequence[str], *, hide_builtins: bool) -> toolset.Toolset:
    travel = (*travel_tools(tables), *(() if hide_builtins else tools.TRAVEL_BUILTINS))
    by_family = dict(zip(FAMILIES, (tools.MESSAGE_DECODER, tools.DNA, tools.TRADE, travel), strict=True))
    return toolset.Toolset([tool(function) for family in families for function in by_family[family]])


def _open_compat_world(tables: TravelTables, families: Sequence[str]) -> CalculationWorld:
    by_family = compat.families(tables)
    known = {function.__name__: function for family in families for function in by_family[family]}
    return CalculationWorld(_drop_python_builtins(known), partial(functions.call, known), observation.shown)


def _drop_python_builtins(names: Iterable[str]) -> tuple[str, ...]:
    """The names that an agent's code gets from the world. The tools ``max`` and ``min`` are what Python has
    under these names anyway, and Python's own take generators too, which no call to a world can."""
    return tuple(name for name in names if name not in ("max", "min"))


def _describe_tools(
    folder: Path | None, families: tuple[str, ...], own: Sequence[ToolSpec]
) -> Sequence[ToolSpec]:
    if folder is None:
        return own
    return data.specs(folder, families, {spec.name: spec for spec in own})
