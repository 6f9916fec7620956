"""Where a desk's tables, policy and tasks come from: our own generator, tau-bench's files, tau2-bench's.

Everything is loaded once a process and shared by all environments that ask for the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

from selfchal.builtin_envs.service import files, tau2
from selfchal.builtin_envs.service.goals import RawTask
from selfchal.builtin_envs.tables.database import Database, Row
from selfchal.builtin_envs.tables.world import TableWorld, Toolset
from selfchal.core.errors import EnvironmentDataError

SEED = 2506  # of our own worlds and tasks


@dataclass(frozen=True, eq=False)
class Domain:
    """What makes retail retail and airline airline."""

    name: str
    tables: tuple[str, ...]
    splits: tuple[str, ...]  # of tau-bench
    find_toolset: Callable[[str], Toolset]  # by profile
    generate: Callable[[int], dict[str, dict[str, Row]]]
    own_tasks: Callable[[Database, Toolset, int], list[RawTask]]
    policy: Path
    person: Callable[[Database, Random], str]  # the id of a user worth exploring
    redact: Callable[[str], str]
    paper_split: bool = False  # the paper leaves out the tasks that doing nothing solves


@dataclass(frozen=True)
class Source:
    """The tables, the policy, and by split how to get the tasks."""

    database: Database
    policy: str
    tasks: Mapping[str, Callable[[], Sequence[RawTask]]]


@cache
def source(domain: Domain, profile: str, data: Path | None) -> Source:
    """Raises EnvironmentDataError."""
    if data is None:
        if profile == "tau2":
            raise EnvironmentDataError(
                "The profile tau2 needs tau2-bench's data: set environment.data to a checkout of it."
            )
        return _make_own(domain, profile)
    if profile == "tau2":
        loaded = tau2.load(data, domain.name, domain.tables)
        tasks = {split: partial(list[RawTask], rows) for split, rows in loaded.tasks.items()}
        return Source(Database(loaded.tables), loaded.policy, tasks)
    return _read_tau_bench(domain, profile, data)


def _make_own(domain: Domain, profile: str) -> Source:
    database = _make_own_world(domain)
    make = cache(partial(domain.own_tasks, database, domain.find_toolset(profile), SEED))
    return Source(database, domain.policy.read_text(encoding="utf-8"), {"test": make})


@cache
def _make_own_world(domain: Domain) -> Database:
    return Database(domain.generate(SEED))


def _read_tau_bench(domain: Domain, profile: str, data: Path) -> Source:
    folder = files.domain_folder(data, domain.name)
    database = _read_tau_tables(domain, folder)
    present = [split for split in domain.splits if files.has_tasks(folder, split)]
    tasks: dict[str, Callable[[], Sequence[RawTask]]]
    tasks = {split: cache(partial(files.read_tasks, folder, split)) for split in present}
    if domain.paper_split and "test" in tasks:
        tasks["paper"] = cache(partial(_find_changing, tasks["test"], database, domain.find_toolset(profile)))
    return Source(database, files.read_policy(folder), tasks)


@cache
def _read_tau_tables(domain: Domain, folder: Path) -> Database:
    return Database(files.read_tables(folder, domain.tables))


def _find_changing(
    load: Callable[[], Sequence[RawTask]], database: Database, toolset: Toolset
) -> Sequence[RawTask]:
    """The tasks whose ground truth changes the database."""
    world, rows = TableWorld(database, toolset), []
    initial_digest = world.digest()
    for index, row in enumerate(load()):
        world.reset()
        for action in row["actions"]:
            world.call(action["name"], (), action["kwargs"])
        if world.digest() != initial_digest:
            rows.append({"index": index, **row})
    return rows
