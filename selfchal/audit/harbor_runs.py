"""Harbor tasks of strangers run in containers, where the user asks for it: the solution, and nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from selfchal.audit.call_trials import PLAYED
from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.strangers.containers import BuildError, ContainerEngine
from selfchal.strangers.harbor_tasks import (
    MOST_SECONDS,
    Texts,
    explain_not_run,
    read_context,
    run_verifier,
    take_texts,
)

_RUN = (CheckName.ORACLE, CheckName.REPEATED_ORACLE, CheckName.NO_OP)
_NOT_RUN = tuple(check for check in PLAYED if check not in _RUN)


def find_by_running(number: int, folder: Path, texts: Texts, engine: ContainerEngine) -> Iterator[Finding]:
    """Findings of three runs: nothing, the solution, and the solution again."""
    yield from skip_checks(number, _NOT_RUN, "Somebody else's solution has no calls that could be altered.")
    if why := explain_not_run(texts):
        yield from skip_checks(number, _RUN, f"It was not run: {why}.")
        return
    try:
        with engine.build(read_context(folder), texts["environment/Dockerfile"] or "") as image:
            yield from _find_in_image(number, image, texts, engine)
    except BuildError as error:
        yield from skip_checks(number, _RUN, f"It was not run: {error}.")


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
            container.put(take_texts(texts, "solution"), "/solution")
            if container.run(["/solution/solve.sh"], MOST_SECONDS) is None:
                return None
        return run_verifier(container, texts)
