"""Every argument of every function of the door is looked at: a value of no fitting type is a sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.core.errors import SelfchalError
from selfchal.testing.in_process import InProcessSandbox

TASK = {
    "instruction": "Reverse the string 'planet' and tell me the result.",
    "evaluate": "def evaluate(answer):\n    return answer == 'tenalp'",
    "solution": "result = reverse_string('planet')",
    "failures": ["result = 'planet'", "result = reverse_string('plane')", "result = 'tenalq'"],
}
MANIFEST = {
    "environment": {"name": "calculation"},
    "model": {"name": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"},
}


class Stranger:
    """Is nothing that the door knows."""

    def __repr__(self) -> str:
        return "<a stranger>"


def count(state: dict[str, Any]) -> int:
    """Count the orders."""
    return len(state["orders"])


SOUND: dict[str, dict[str, Any]] = {
    "judge": {"tasks": TASK, "environment": "calculation", "sandbox": InProcessSandbox()},
    "judge_rows": {"rows": [TASK], "environment": "calculation", "sandbox": InProcessSandbox()},
    "load_manifest": {"source": MANIFEST},
    "open_context": {"manifest": MANIFEST},
    "run": {"manifest": MANIFEST},
    "evaluate": {"target": MANIFEST},
    "open_environment": {"environment": "calculation"},
    "using_environment": {"environment": "calculation"},
    "open_model": {"model": MANIFEST["model"]},
    "open_sandbox": {"sandbox": InProcessSandbox()},
    "open_run": {"directory": "runs/none"},
    "play": {
        "task": TASK,
        "environment": "calculation",
        "agent": ["Answer: 1"],
        "sandbox": InProcessSandbox(),
    },
    "small_environment": {"name": "desk", "start": {"orders": []}, "reads": [count]},
    "tool": {"function": count, "bound": True},
    "HeldOut": {"instruction": "How many orders are there?", "answer": 0},
    "Limits": {},
}
# Without a type of their own: any truth value, any JSON, a name in a report.
FREE = {("tool", "writes"), ("tool", "ends_episode"), ("tool", "bound"), ("HeldOut", "answer")}
FREE |= {("HeldOut", "family"), ("HeldOut", "match")}  # match is looked at with the environment


def list_arguments() -> Iterator[tuple[str, str]]:
    for name in SOUND:
        for parameter in inspect.signature(getattr(selfchal, name)).parameters.values():
            if parameter.kind is not parameter.VAR_KEYWORD and (name, parameter.name) not in FREE:
                yield name, parameter.name


def call(name: str, arguments: dict[str, Any]) -> None:
    """Call it, and begin what it gives."""
    function: Callable[..., Any] = getattr(selfchal, name)
    by_place = [
        p.name for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_ONLY
    ]
    given = [arguments.pop(each) for each in by_place]
    made = function(*given, **arguments)
    if isinstance(made, AbstractContextManager):
        made.__enter__()


def test_every_function_of_the_door_is_tried() -> None:
    functions = {name for name in selfchal.__all__ if inspect.isfunction(getattr(selfchal, name))}
    takes_anything = {"seed_of", "task_id"}  # of which the text counts
    takes_anything |= {"updating", "pausing_update"}  # most models have nothing to do around an update
    assert functions <= {*SOUND, *takes_anything, "hookimpl"}


@pytest.mark.parametrize("value", [Stranger(), [Stranger()], -1.5], ids=["object", "list", "number"])
@pytest.mark.parametrize(("name", "argument"), list(list_arguments()))
def test_a_value_of_no_fitting_type_is_a_sentence(
    name: str, argument: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name.startswith("judge") and argument in ("tasks", "rows") and isinstance(value, list):
        pytest.skip("what is no task is a verdict")
    with pytest.raises((SelfchalError, TypeError, ValueError)) as caught:
        call(name, {**SOUND[name], argument: value})
    raised_in = Path(caught.traceback[-1].path)
    assert raised_in.is_relative_to(Path(selfchal.__file__).parent), f"Python's own error: {caught.value}"
    assert ("-1.5" if value == -1.5 else "tranger") in str(caught.value)
    assert list(tmp_path.iterdir()) == []
