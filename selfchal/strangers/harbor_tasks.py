"""A Harbor task on disk: its texts, what its image is built with, and the verifier, run in a container.

As Harbor does, the tests come into the container when the agent has ended.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from selfchal.strangers.containers import BuildError, TaskContainer, read_reward
from selfchal.strangers.files import (
    list_files,
    list_folders,
    list_links,
    read_strange_bytes,
    read_strange_text,
)
from selfchal.strangers.toml_text import parse_toml

CONFIG = "task.toml"
MOST_SECONDS = 900.0  # that a solution or a verifier may take
DEEPEST = 3  # folders between a path and a task
_MOST_CHARACTERS = 32 * 2**20  # of the files of one task
_MOST_CONTEXT = 256 * 2**20  # bytes of the files that an image is built with
Texts = Mapping[str, str | None]


def list_task_folders(folder: Path, depth: int = DEEPEST) -> Iterator[Path]:
    """The folder where it is a task, otherwise the tasks below it, in order. Raises OSError."""
    if (folder / CONFIG).is_file():
        yield folder
    elif depth:
        for inner in list_folders(folder):
            yield from list_task_folders(inner, depth - 1)


def read_texts(folder: Path) -> dict[str, str | None]:
    """The texts of a task's files by path, None for links and what is no text. Raises TooManyFilesError,
    OSError."""
    texts: dict[str, str | None] = dict.fromkeys(list_links(folder))
    left = _MOST_CHARACTERS
    for name, path in list_files(folder).items():
        text = read_strange_text(path) if left > 0 else None
        texts[name] = text
        left -= len(text or "")
    return texts


def explain_not_run(texts: Texts) -> str:
    """What the task needs that is not had here; empty for one that can run."""
    if texts.get("environment/Dockerfile") is None:
        return "there is no environment/Dockerfile"
    if texts.get("tests/test.sh") is None:
        return "there is no tests/test.sh"
    if any(name.startswith("environment/docker-compose") for name in texts):
        return "it needs several containers"
    separate = re.search(r"^environment_mode\s*=\s*.separate", texts.get(CONFIG) or "", re.MULTILINE)
    return "its verifier has a container of its own" if separate or "tests/Dockerfile" in texts else ""


def read_context(folder: Path) -> dict[str, bytes]:
    """The regular files below environment/. Raises BuildError where they are too many."""
    context: dict[str, bytes] = {}
    left = _MOST_CONTEXT
    for name, path in list_files(folder / "environment").items():
        data = read_strange_bytes(path, left)
        if data is None:
            raise BuildError(f"environment/{name[:80]} cannot be read, or there are more than 256 MiB")
        context[name] = data
        left -= len(data)
    return context


def run_verifier(container: TaskContainer, texts: Texts) -> float | None:
    """The reward that the tests write in this container; None where they write none in time."""
    container.put({".keep": ""}, "/logs/verifier")
    container.put(take_texts(texts, "tests"), "/tests")
    if container.run(["/tests/test.sh"], _read_seconds(texts)) is None:
        return None
    reward = read_reward(container)
    return reward if reward is not None and math.isfinite(reward) else None


def take_texts(texts: Texts, folder: str) -> dict[str, str]:
    """The texts of a folder by their path in it."""
    return {
        name.removeprefix(f"{folder}/"): text
        for name, text in texts.items()
        if text is not None and name.startswith(f"{folder}/")
    }


def _read_seconds(texts: Texts) -> float:
    """How long the verifier may take, as the task says, within bounds."""
    asked = parse_toml(texts.get(CONFIG) or "").get("verifier", {})
    seconds = asked.get("timeout_sec", MOST_SECONDS) if isinstance(asked, dict) else MOST_SECONDS
    counts = isinstance(seconds, int | float) and seconds > 0
    return float(min(seconds, MOST_SECONDS)) if counts else MOST_SECONDS  # no float holds 400 digits
