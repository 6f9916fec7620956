"""The pytest plugin for plugin authors: each fixture gives what its docstring says."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

import selfchal
from selfchal.testing.in_process import InProcessSandbox

pytest_plugins = ["selfchal.testing.fixtures"]


def test_the_toy_task_is_kept_by_the_judge(toy_environment: type[Any], toy_task: dict[str, Any]) -> None:
    verdict = selfchal.judge(toy_task, toy_environment)
    assert verdict.passed, verdict.reason


def test_the_sandbox_of_this_process_runs_code_and_reaches_tools(
    in_process_sandbox: InProcessSandbox, toy_environment: type[Any]
) -> None:
    world = selfchal.open_environment(toy_environment).open({})
    program = selfchal.Program("lend('Emma', 'Ann'); result = find_book('Emma')['lent_to']")
    done = in_process_sandbox.run(program, world, selfchal.Limits())
    assert (done.value, [call.changed for call in done.calls]) == ("Ann", [True, False])
    assert set(in_process_sandbox.guarantees.levels.values()) == {"none"}


def test_the_scripted_challenger_proposes_its_task(
    scripted_challenger: Callable[..., Any], toy_task: dict[str, Any]
) -> None:
    model = scripted_challenger(toy_task)
    (said,) = model.generate([model.encode("anything")], selfchal.Sampling(max_tokens=2_000))
    assert toy_task["instruction"] in said.text
    assert said.text.count("<failure_case>") == 3


def test_the_scripted_endpoint_says_what_it_is_told_to(scripted_endpoint: Callable[..., str]) -> None:
    address = scripted_endpoint(lambda messages: messages[-1]["content"].upper())
    body = json.dumps({"messages": [{"role": "user", "content": "echo"}]}).encode()
    request = urllib.request.Request(f"{address}/chat/completions", body)
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["choices"][0]["message"]["content"] == "ECHO"


@pytest.mark.torch
def test_the_toy_model_is_the_game_s(toy_model: Any) -> None:
    assert toy_model.network(input_ids=__import__("torch").tensor([[0]])).logits.shape == (1, 1, 8)


def test_the_temporary_run_makes_a_task_and_measures(temporary_run: Callable[..., Any]) -> None:
    view = temporary_run(run={"name": "mine"})
    assert view.manifest()["run"]["name"] == "mine"
    assert len(list(view.tasks())) == 1
    assert view.results()["before"]["pass@1"] == 1.0
