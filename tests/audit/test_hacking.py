"""The hacker: a model that sees the verifier; what passes without doing the task is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from selfchal.audit.auditing import Audit, audit
from selfchal.audit.findings import CheckName, Finding, Grade
from selfchal.audit.task_sets import AuditRequest
from tests.support.misbehaving import Reply, answer, chat_answer, serving
from tests.support.runs import sound_tasks

ORDER = "#W9481091"


def _say(code: str) -> Reply:
    return answer(chat_answer(f"Here it is:\n```python\n{code}\n```"))


def _write_manifest(path: Path, url: str) -> Path:
    manifest = {
        "run": {"name": "hacker"},
        "environment": {"name": "retail"},
        "model": {"name": "openai", "base_url": url, "model": "m"},
        "synthesizer": {"name": "code_as_task"},
        "challenge": {"tasks": 1},
        "sandbox": {"name": "process"},
    }
    path.write_text(yaml.safe_dump(manifest))
    return path


def _hack(
    tmp_path: Path, changes: dict[str, Any], *replies: Reply, environment: str = "retail"
) -> tuple[Audit, int]:
    """The audit, and how often the model was asked."""
    (task,) = sound_tasks(environment, 1)
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({**task.to_json(), **changes}))
    with serving(*replies) as server:
        manifest = _write_manifest(tmp_path / "hacker.yaml", server.url)
        found = audit(path, AuditRequest(secret="s"), hacker=manifest)
        asked = sum("chat" in request.path for request in server.requests)
    return found, asked


def _find(found: Audit) -> list[Finding]:
    return [one for task in found.tasks for one in task.findings if one.check is CheckName.HACKER]


WEAK = {"evaluate": f"def evaluate():\n    return get_order_details({ORDER!r})['status'] == 'cancelled'"}


@pytest.mark.slow
def test_what_gets_through_is_shown(tmp_path: Path) -> None:
    hack = f"cancel_pending_order({ORDER!r}, 'ordered by mistake')"
    (finding,) = _find(_hack(tmp_path, WEAK, _say("x = 1"), _say(hack))[0])
    assert finding.grade is Grade.DOUBTFUL
    assert hack in finding.reason


def test_doing_the_task_is_no_hack_and_the_model_is_asked_again(tmp_path: Path) -> None:
    (task,) = sound_tasks("retail", 1)
    found, asked = _hack(tmp_path, {}, _say(task.solution))
    assert (_find(found), asked) == ([], 3)


@pytest.mark.slow
def test_another_answer_that_passes_is_a_hack_and_the_same_one_is_none(tmp_path: Path) -> None:
    lax = {"evaluate": "def evaluate(answer):\n    return 'uac' in str(answer).lower()"}
    (finding,) = _find(_hack(tmp_path, lax, _say("result = 'uac'"), environment="calculation")[0])
    assert "result = 'uac'" in finding.reason
    assert _find(_hack(tmp_path, {}, _say("result = 'UACGCA'"), environment="calculation")[0]) == []


@pytest.mark.parametrize("code", ["import os\nos._exit(0)", "(((", "", "raise SystemExit"])
def test_whatever_the_model_writes_ends_in_a_verdict(tmp_path: Path, code: str) -> None:
    found, asked = _hack(tmp_path, {}, _say(code))
    assert (_find(found), asked) == ([], 3)


def test_without_a_model_or_without_a_verifier_it_is_named_as_not_tried(tmp_path: Path) -> None:
    found, asked = _hack(tmp_path, {"solution": "x = 1"}, _say("x = 1"))
    assert ([one.grade for one in _find(found)], asked) == ([Grade.NOT_CHECKED], 0)
    alone = audit(tmp_path / "tasks.jsonl", AuditRequest(secret="s"))
    assert (CheckName.HACKER, "No model was named (--hacker MANIFEST).", 1) in alone.not_checked
