"""Will this manifest start here? Everything that would stop a run is asked for, short of loading a model.

The environment and the sandbox are made and closed again, since only that tells whether they can be. Models
and trainers say what is in their way (``find_obstacle``), and endpoints are asked whether they answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack

from selfchal.core.errors import ManifestError, SelfchalError, TrainingError
from selfchal.pipeline.environments import open_environment
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.manifest.choices import PLUGIN_KINDS, Choice
from selfchal.pipeline.requirements import find_obstacle, find_unreachable
from selfchal.pipeline.test_sets import list_test_tasks
from selfchal.processes import count_processes


def check_startable(manifest: Manifest) -> None:
    """Raise one ManifestError that lists every obstacle with its section."""
    obstacles = _find_plugin_obstacles(manifest)
    _raise_where_any(
        [
            *_find_half_launch(),
            *obstacles.values(),
            *_ask_endpoints(manifest, obstacles),
            *_try_environment(manifest),
            *_try_sandbox(manifest),
        ]
    )


def check_plugins_startable(manifest: Manifest) -> None:
    """The same for what plugins say is in their way before they are made: keys, paths, hub names. It takes no
    time, so a run asks for it before it makes anything."""
    _raise_where_any([*_find_half_launch(), *_find_plugin_obstacles(manifest).values()])


def _raise_where_any(obstacles: Sequence[str]) -> None:
    if obstacles:
        raise ManifestError("; ".join(obstacles))


def _list_choices(manifest: Manifest) -> Iterator[tuple[str, Choice]]:
    """The sections that name a plugin, each with what stands there."""
    for section in PLUGIN_KINDS:
        choice: Choice | None = getattr(manifest, section)
        if choice:
            yield section, choice


def _find_half_launch() -> Iterator[str]:
    """Images of clusters set WORLD_SIZE where nobody launched several processes."""
    try:
        count_processes()
    except TrainingError as error:
        yield str(error)


def _find_plugin_obstacles(manifest: Manifest) -> dict[str, str]:
    """By section, what its plugin says is in its way."""
    return {
        section: f"{section} {choice.name!r}: {obstacle}"
        for section, choice in _list_choices(manifest)
        if (obstacle := find_obstacle(choice.plugin, choice.config))
    }


def _ask_endpoints(manifest: Manifest, blocked: Collection[str]) -> Iterator[str]:
    """Sections with another obstacle are not asked, and an endpoint that several name is asked once."""
    asked: list[Choice] = []
    for section, choice in _list_choices(manifest):
        if choice in asked or section in blocked:
            continue
        asked.append(choice)
        if unreachable := find_unreachable(choice.plugin, choice.config):
            yield f"{section} {choice.name!r}: {unreachable}"


def _try_environment(manifest: Manifest) -> Iterator[str]:
    for choice, split in zip(manifest.environments, manifest.splits, strict=True):
        try:
            with ExitStack() as closing:
                environment = open_environment(choice, closing)
                list_test_tasks(environment, split, manifest.settings.evaluation.tasks)
        except SelfchalError as error:
            yield f"environment {choice.name!r}: {error}"


def _try_sandbox(manifest: Manifest) -> Iterator[str]:
    try:
        manifest.sandbox.make().close()
    except SelfchalError as error:
        yield f"sandbox {manifest.sandbox.name!r}: {error}"
