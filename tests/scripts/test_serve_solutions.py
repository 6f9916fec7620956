"""The solutions of tasks as a teacher: a run's teacher episodes on them pass."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import selfchal
from tests.benchmarks.test_challenger import TASK
from tests.support.script import load_script


@pytest.fixture(scope="module")
def script() -> Any:
    return load_script("serve_solutions")


@pytest.fixture
def address(script: Any, tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(TASK) + "\n", encoding="utf-8")
    server = script.make_server(script.read_solutions(file), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def test_an_episode_of_the_teacher_passes(address: str) -> None:
    episode = selfchal.play(
        {**TASK, "id": "t", "context": {}},
        environment="calculation",
        agent={"name": "openai", "base_url": address, "model": "solutions", "context": 4096},
    )
    assert episode.reward == 1
    action, answer = [message.content for message in episode.messages if message.role == "assistant"]
    assert action.startswith(f"Action:\n{TASK['solution']}\nprint(result)")
    assert answer == "Answer: 6.0"


@pytest.mark.parametrize(
    ("asked", "observed"),
    [("What is it?", ""), (TASK["instruction"], "Reply with exactly one of")],
    ids=["another task", "no observation"],
)
def test_what_it_has_no_turn_for_it_does_not_know(script: Any, asked: str, observed: str) -> None:
    messages = [{"role": "system", "content": "Act."}, {"role": "user", "content": asked}]
    if observed:
        messages += [{"role": "assistant", "content": "?"}, {"role": "user", "content": observed}]
    assert script.play({str(TASK["instruction"]): "result = 1"}, messages) == script.UNKNOWN


@pytest.mark.parametrize(
    ("seen", "said"), [("2.310000004", "2.31"), ("7", "7"), ("a.b", "a.b"), ("opkja", "opkja")]
)
def test_a_number_that_is_no_integer_is_rounded(script: Any, seen: str, said: str) -> None:
    messages = [
        {"role": "user", "content": "What is it?"},
        {"role": "assistant", "content": "Action:\nprint(result)\nEnd Action"},
        {"role": "user", "content": f"Observation:\n{seen}\n"},
    ]
    assert script.play({"What is it?": "result = 1"}, messages) == f"Answer: {said}"


def test_a_file_without_tasks_is_named(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text('{"instruction": "Do it."}\n', encoding="utf-8")
    assert script.main([str(file)]) == 1
    assert f"{file} holds no tasks: 'solution'" in capsys.readouterr().err
