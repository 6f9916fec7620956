"""Harbor tasks of strangers run in containers, where the user asks for it: the solution, and nothing.

As Harbor does, the tests come into the container when the agent has ended.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from selfchal.audit.call_trials import PLAYED
from selfchal.audit.containers import BuildError, ContainerEngine, read_reward
from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.audit.strange_files import list_files, read_strange_bytes

_SECONDS = 900.0  # that a solution or a verifier may take at most
_MOST_CONTEXT = 256 * 2**20  # bytes of the files that an image is built with
_RUN = (CheckName.ORACLE, CheckName.REPEATED_ORACLE, CheckName.NO_OP)
_NOT_RUN = tuple(check for check in PLAYED if check not in _RUN)
Texts = Mapping[str, str | None]


def find_by_running(number: int, folder: Path, texts: Texts, engine: ContainerEngine) -> Iterator[Finding]:
    """Findings of three runs: nothing, the solution, and the solution again."""
    yield from skip_checks(number, _NOT_RUN, "Somebody else's solution has no calls that could be altered.")
    dockerfile = texts.get("environment/Dockerfile")
    if dockerfile is None or (why := _explain_not_run(texts)):
        why = why if dockerfile is not None else "there is no environment/Dockerfile"
        yield from skip_checks(number, _RUN, f"It was not run: {why}.")
        return
    try:
        with engine.build(_read_context(folder), dockerfile) as image:
            yield from _find_in_image(number, image, texts, engine)
    except BuildError as error:
        yield from skip_checks(number, _RUN, f"It was not run: {error}.")


def _explain_not_run(texts: Texts) -> str:
    """What the task needs that is not had here; empty for one that can run."""
    if "tests/test.sh" not in texts:
        return "there is no tests/test.sh"
    if any(name.startswith("environment/docker-compose") for name in texts):
        return "it needs several containers"
    separate = re.search(r"^environment_mode\s*=\s*.separate", texts.get("task.toml") or "", re.MULTILINE)
    return "its verifier has a container of its own" if separate or "tests/Dockerfile" in texts else ""


def _read_context(folder: Path) -> dict[str, bytes]:
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


def _find_in_image(number: int, image: str, texts: Texts, engine: ContainerEngine) -> Iterator[Finding]:
    nothing = _run(image, texts, engine, solve=False)
    if nothing is not None and nothing >= 1:
        yield Finding(number, CheckName.NO_OP, Grade.CERTAIN, f"Doing nothing earns {nothing:g}.")
    elif nothing is None or nothing > 0:
        earns = "no reward is written" if nothing is None else f"the reward is {nothing:g}"
        yield Finding(number, CheckName.NO_OP, Grade.DOUBTFUL, f"After doing nothing {earns}.")
    if texts.get("solution/solve.sh") is None:
        return
    first = _run(image, texts, engine, solve=True)
    if first is None or first < 1:
        earns = "No reward is written" if first is None else f"The reward is {first:g}"
        yield Finding(number, CheckName.ORACLE, Grade.CERTAIN, f"{earns} after the task's own solution.")
    again = _run(image, texts, engine, solve=True)
    if again != first:
        reason = f"Of two runs of the solution one earns {_write(first)} and one {_write(again)}."
        yield Finding(number, CheckName.REPEATED_ORACLE, Grade.CERTAIN, reason)


def _write(reward: float | None) -> str:
    return "nothing" if reward is None else f"{reward:g}"


def _run(image: str, texts: Texts, engine: ContainerEngine, solve: bool) -> float | None:
    """The reward of a fresh container; None where none is written in time. Raises BuildError."""
    with engine.open(image) as container:
        if solve:
            container.put(_take(texts, "solution"), "/solution")
            if container.run(["/solution/solve.sh"], _SECONDS) is None:
                return None
        container.put({".keep": ""}, "/logs/verifier")
        container.put(_take(texts, "tests"), "/tests")
        if container.run(["/tests/test.sh"], _read_seconds(texts)) is None:
            return None
        reward = read_reward(container)
        return reward if reward is not None and math.isfinite(reward) else None


def _take(texts: Texts, folder: str) -> dict[str, str]:
    """The texts of a folder by their path in it."""
    return {
        name.removeprefix(f"{folder}/"): text
        for name, text in texts.items()
        if text is not None and name.startswith(f"{folder}/")
    }


def _read_seconds(texts: Texts) -> float:
    """How long the verifier may take, as the task says, within bounds."""
    asked = tomllib.loads(texts.get("task.toml") or "").get("verifier", {})
    seconds = asked.get("timeout_sec", _SECONDS) if isinstance(asked, dict) else _SECONDS
    return min(float(seconds), _SECONDS) if isinstance(seconds, int | float) and seconds > 0 else _SECONDS
