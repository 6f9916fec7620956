"""Whatever cannot be meant is said in a sentence, before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import selfchal
from selfchal.core.errors import PluginError, SelfchalError

TASK = {
    "instruction": "Reverse the string 'planet' and tell me the result.",
    "evaluate": "def evaluate(answer):\n    return answer == 'tenalp'",
    "solution": "result = reverse_string('planet')",
    "failures": ["result = 'planet'", "result = reverse_string('plane')", "result = 'tenalq'"],
}
MANIFEST = {"environment": {"name": "calculation"}, "model": {"name": "seedling"}}


OPENAI = {"name": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"}


def _held_out(environment: str) -> selfchal.TestTask:
    return selfchal.open_environment(environment).test_tasks("test")[0]


class Nameless:
    pass


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: selfchal.judge(3, "calculation"), "a task, or a list of tasks, is needed, not int 3"),
        (lambda: selfchal.judge("tasks.jsonl", "calculation"), "one JSON object a line"),
        (lambda: selfchal.judge(TASK, None), "instance of environment is needed, not NoneType"),
        (lambda: selfchal.judge(TASK, 5), "instance of environment is needed, not int 5"),
        (lambda: selfchal.judge(TASK, "calculation", limits=5), "selfchal.Limits for limits is needed"),
        (lambda: selfchal.judge(TASK, "calculation", secret=5), "a text for secret is needed"),
        (lambda: selfchal.judge(TASK, "calculation", checks=[3]), "section or a class is needed, not int 3"),
        (lambda: selfchal.judge(TASK, "calculation", checks="nope"), "'nope'"),
        (lambda: selfchal.judge(TASK, "calculation", processes="two"), "a whole number for processes"),
        (lambda: selfchal.open_environment(None), "instance of environment is needed"),
        (lambda: selfchal.open_environment(Nameless), "this class is no environment: Nameless has no name"),
        (lambda: selfchal.open_sandbox(None).__enter__(), "instance of sandbox is needed"),
        (lambda: selfchal.play({"x": 1}, "calculation", ["Answer: 1"]), "this row is no task"),
        (lambda: selfchal.play(4, "calculation", ["Answer: 1"]), "a row with a task's parts is needed"),
        (lambda: selfchal.play(TASK, "calculation", 5), "instance of model is needed"),
        (lambda: selfchal.play(TASK, "calculation", ["Answer: 1"], max_steps=0), "max_steps is 1 or more"),
        (
            lambda: selfchal.play(TASK, "calculation", ["Answer: 1"], temperature=-1),
            "temperature is 0 or more",
        ),
        (lambda: selfchal.play({**TASK, "environment": "retail"}, "calculation", []), "is for environment"),
        (lambda: selfchal.play(_held_out("retail"), "calculation", []), "is none of the held-out tasks of"),
        (lambda: selfchal.judge(TASK, "calculation", selfchal.open_sandbox()), "the sandbox is not open yet"),
        (lambda: selfchal.evaluate("calculation", policy="orakel"), "there is no policy 'orakel'"),
        (lambda: selfchal.evaluate("calculation", "start", policy="nothing"), "leave out checkpoint"),
        (lambda: selfchal.evaluate(7), "a run's directory or a manifest is needed"),
        (lambda: selfchal.load_manifest(3), "a manifest: a file"),
        (lambda: selfchal.load_manifest(MANIFEST, "x"), "section.key=value"),
        (lambda: selfchal.open_run(4), "the directory of a run is needed"),
        (lambda: selfchal.run({**MANIFEST, "model": OPENAI}, watch=3), "a list for watch, or one name"),
    ],
)
def test_a_wrong_argument_is_a_sentence(
    call: Callable[[], Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((SelfchalError, TypeError, ValueError)) as caught:
        call()
    assert said in str(caught.value)


@pytest.mark.torch
def test_one_thing_needs_no_list_around_it() -> None:
    assert selfchal.judge(TASK, "calculation", checks={"name": "novelty", "enabled": False}).passed
    manifest = selfchal.load_manifest(MANIFEST, "evaluation.tasks=3")
    assert manifest.settings.evaluation.tasks == 3


def test_a_row_is_played_as_a_task() -> None:
    episode = selfchal.play(TASK, "calculation", ["Answer: tenalp"])
    assert episode.reward == 1.0


class Broken:
    """A check of somebody's own that does not work."""

    name = "broken"

    class Config(BaseModel):
        """No options."""

    stage = "strong"

    def __init__(self, config: Any) -> None:
        pass

    def check(self, task: Any, runner: Any, evidence: Any) -> Any:
        raise ValueError("boom")


class Careless(Broken):
    name = "careless"

    def check(self, task: Any, runner: Any, evidence: Any) -> Any:
        return True


class Chatty(Broken):
    name = "chatty"

    def check(self, task: Any, runner: Any, evidence: Any) -> Any:
        return selfchal.Finding.passed(seen={1, 2})


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (Broken, "ValueError: boom"),
        (Careless, "which is no Finding"),
        (Chatty, "the diagnostics of its finding are no JSON"),
    ],
)
def test_a_check_that_does_not_work_is_named(check: Any, said: str) -> None:
    verdict = selfchal.judge(TASK, "calculation", checks=[check])
    assert verdict.outcome == "could_not_check"
    assert f"the check {check.name!r} (tests.api.test_arguments) failed: " in verdict.reason
    assert said in verdict.reason


def test_a_check_at_no_stage_of_checks_is_refused() -> None:
    class Lost(Broken):
        stage = "in band"

    with pytest.raises(PluginError, match=r"Lost\.stage is 'in band'; a check stands at one of 'stable'"):
        selfchal.judge(TASK, "calculation", checks=[Lost])
