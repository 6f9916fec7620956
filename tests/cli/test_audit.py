"""``selfchal audit``: the lines, the JSON, the page and the exit code."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.audit.harbor_tasks import SOUND, write_task
from tests.audit.service_rows import make_tau_rows

OWN = ("--environment", "retail", "--set", "profile=compat", "--set", "data=null")


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Three tasks, of which the second is won by doing nothing."""
    rows = make_tau_rows(3)
    rows[1] |= {"actions": [], "outputs": []}
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(rows))
    return path


def test_the_tasks_that_fall_are_shown_and_the_exit_code_says_so(selfchal: Any, tasks: Path) -> None:
    ended = selfchal("audit", tasks, *OWN)
    assert ended.code == 1
    assert ended.out.splitlines()[:3] == [
        "1  unsound",
        "    no-op (certain): Doing nothing passes.",
        "3 tasks, tau-bench retail: 1 unsound, 2 sound",
    ]
    assert "not checked on 1: altered solution, answers. Doing nothing passes already." in ended.out
    assert "not checked on 3: test set. No test set was named (--against FILE)." in ended.out


def test_json_has_every_task_with_its_findings(selfchal: Any, tasks: Path) -> None:
    found = selfchal("audit", tasks, *OWN, "--json").json
    assert [task["verdict"] for task in found["tasks"]] == ["sound", "unsound", "sound"]
    assert found["tasks"][1]["findings"][0] == {
        "check": "no-op",
        "grade": "certain",
        "reason": "Doing nothing passes.",
    }
    assert (found["verdicts"], found["exit_code"]) == ({"unsound": 1, "sound": 2}, 1)
    skipped = {row["check"] for row in found["not_checked"]}
    assert skipped == {"altered solution", "answers", "test set", "hacker"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [str(value) for name, value in attrs if name in ("src", "href", "onload", "onerror")]


def test_the_page_holds_strangers_text_as_text_and_asks_no_network(
    selfchal: Any, tasks: Path, tmp_path: Path
) -> None:
    rows = json.loads(tasks.read_text())
    rows[1]["instruction"] = "<script>alert(1)</script><img src=x onerror=alert(2)> \x1b[31m"
    rows[1]["index"] = "<b>bold</b>"
    tasks.write_text(json.dumps(rows))
    out = tmp_path / "audit.html"
    assert selfchal("audit", tasks, *OWN, "--html", out).code == 1
    page = _Page(out.read_text())
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert page.tags.count("b") == 2, "the numbers of the two verdicts"
    assert page.sources == []
    assert "&lt;script&gt;alert(1)" in out.read_text()
    assert "\x1b" not in out.read_text()


def test_strangers_text_cannot_command_the_terminal(selfchal: Any, tasks: Path) -> None:
    rows = json.loads(tasks.read_text())
    rows[1]["index"] = "a\nb\x1b[2J\x1b]0;title\x07" + "x" * 500
    tasks.write_text(json.dumps(rows))
    ended = selfchal("audit", tasks, *OWN)
    assert ended.out.startswith("a b\ufffd\ufffdx")
    assert "\x1b" not in ended.out
    assert max(map(len, ended.out.splitlines())) < 500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[NaN]", "NaN is no JSON value"),
        ("[]", "of no format that can be audited"),
        ('{"a": 1}', "of no format that can be audited"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(selfchal: Any, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(text)
    ended = selfchal("audit", path)
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert selfchal("audit", tmp_path / "none").code == 2


def test_run_needs_an_engine_and_network_needs_run(
    selfchal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    task = write_task(tmp_path / "one", SOUND)
    ended = selfchal("audit", task, "--run")
    assert (ended.code, "no container engine answers" in ended.err or "docker package" in ended.err) == (
        2,
        True,
    )
    ended = selfchal("audit", task, "--network")
    assert (ended.code, "add --run" in ended.err) == (2, True)
