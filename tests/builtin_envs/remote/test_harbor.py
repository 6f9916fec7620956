"""Harbor tasks in real containers: commands, forks, the verifier's reward. They need a container engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.core.errors import EnvironmentDataError
from tests.audit.harbor_tasks import write_task
from tests.support.busybox_tasks import TEXTS, using_busybox_image

SUM = "echo 7 > /app/sum.txt"


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Any]:
    """Two tasks, of which the second wants 9."""
    other = {name: text.replace("= 7", "= 9") for name, text in TEXTS.items()}
    write_task(tmp_path / "first", TEXTS)
    write_task(tmp_path / "second", other)
    write_task(tmp_path / "third", {**TEXTS, "environment/docker-compose.yaml": "services: {}\n"})
    with using_busybox_image(), selfchal.using_environment("harbor", tasks=str(tmp_path)) as environment:
        yield environment


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_task_is_played_in_its_container_and_graded_by_its_verifier(tasks: Any) -> None:
    first, second = tasks.test_tasks("test")
    assert (first.id, first.instruction) == ("first", TEXTS["instruction.md"].strip())
    world, other = tasks.open(first.context), tasks.open(second.context)
    seen = world.call("run_command", ("cat /app/numbers.txt; exit 3",), {}).value
    assert seen == {"exit_code": 3, "output": "3\n4\n"}
    twin = world.fork()
    world.call("run_command", (SUM,), {})
    assert twin.call("run_command", ("cat /app/sum.txt",), {}).value["exit_code"] == 1
    other.call("run_command", (SUM,), {})
    grades = [
        tasks.grade(task, one, "done", ()) for task, one in ((first, world), (first, twin), (second, other))
    ]
    assert grades == [True, False, False]
    assert world.call("run_command", ("ls /tests",), {}).value["exit_code"] != 0
    assert world.call("run_command", ("wget -T 2 -O - http://1.1.1.1/",), {}).value["exit_code"] != 0
    assert any("third is left out: it needs several containers" in note for note in tasks.notes)


def test_a_folder_without_tasks_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentDataError, match="holds no Harbor task"):
        selfchal.open_environment("harbor", tasks=str(tmp_path))
    with pytest.raises(EnvironmentDataError, match="cannot be read"):
        selfchal.open_environment("harbor", tasks=str(tmp_path / "none"))
