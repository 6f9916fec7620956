"""verifiers' tasksets: strangers' are read, ours are played; each kind of planted fault is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfchal import open_run
from selfchal.audit.auditing import Audit, audit
from selfchal.audit.findings import CheckName, Grade, TaskVerdict
from selfchal.audit.task_sets import AuditRequest
from selfchal.core.sandbox import Sandbox
from selfchal.interop.exporting import export_run
from selfchal.interop.verifiers import write_verifiers
from tests.audit.harbor_tasks import write_task
from tests.support.runs import sound_tasks, write_run

SOUND = {
    "pyproject.toml": '[project]\nname = "sums"\ndependencies = ["verifiers>=0.4"]\n',
    "sums/__init__.py": 'from sums.taskset import SumsTaskset\n\n__all__ = ["SumsTaskset"]\n',
    "sums/taskset.py": """import verifiers.v1 as vf


class SumsTask(vf.Task):
    @vf.reward(weight=1.0)
    async def solved(self, trace: vf.Trace) -> float:
        return float(trace.last_text.strip() == self.data.answer)

    async def validate(self, runtime: vf.Runtime) -> bool:
        return await self.score(self.data.answer) == 1.0


class SumsTaskset(vf.Taskset[SumsTask, vf.TasksetConfig]):
    def load(self):
        return [SumsTask(row) for row in read_rows("tasks.jsonl")]
""",
    "sums/tasks.jsonl": '{"id": "a", "prompt": "What is 20 + 22?", "answer": "42"}\n'
    '{"id": "b", "prompt": "How much do 3 pens at 7 each cost?", "answer": "21"}\n',
}
REWARD = "return float(trace.last_text.strip() == self.data.answer)"


def _find(audited: Audit, number: int = 0) -> dict[CheckName, Grade]:
    findings = audited.tasks[number].findings
    return {finding.check: finding.grade for finding in findings if finding.grade is not Grade.NOT_CHECKED}


def _write(tmp_path: Path, file: str = "", old: str = "", new: str = "") -> Path:
    """The sound package, with one text in it replaced."""
    assert old in SOUND.get(file, "")
    texts = {**SOUND, file: SOUND[file].replace(old, new)} if file else SOUND
    return write_task(tmp_path / "sums-project", texts)


def test_a_sound_package_of_a_stranger_is_read_and_not_run(tmp_path: Path) -> None:
    found = audit(_write(tmp_path))
    assert [task.task.id for task in found.tasks] == ["a", "b"]
    assert (_find(found), _find(found, 1)) == ({}, {})
    assert found.verdicts == {TaskVerdict.NOT_RUN: 2}


TASKSET, ROWS, INIT = "sums/taskset.py", "sums/tasks.jsonl", "sums/__init__.py"
PLANTED = [
    ("no reward", TASKSET, "@vf.reward(weight=1.0)\n", "\n", CheckName.VACUOUS, Grade.DOUBTFUL),
    ("weight 0", TASKSET, "weight=1.0", "weight=0", CheckName.VACUOUS, Grade.CERTAIN),
    ("always 1", TASKSET, REWARD, "return 1.0", CheckName.VACUOUS, Grade.CERTAIN),
    ("never", TASKSET, REWARD, "return 0.0", CheckName.ORACLE, Grade.CERTAIN),
    ("blind", TASKSET, REWARD, "return float(LIMIT > 3)", CheckName.VACUOUS, Grade.DOUBTFUL),
    (
        "earned by failing",
        TASKSET,
        REWARD,
        f"try:\n            {REWARD}\n        except Exception:\n            return 1.0",
        CheckName.VACUOUS,
        Grade.CERTAIN,
    ),
    (
        "anywhere in the text",
        TASKSET,
        REWARD,
        "return float(self.data.answer in trace.last_text)",
        CheckName.ANSWERS,
        Grade.DOUBTFUL,
    ),
    (
        "chance",
        TASKSET,
        REWARD,
        "return float(trace.score > random.random())",
        CheckName.DETERMINISM,
        Grade.DOUBTFUL,
    ),
    (
        "a model's opinion",
        TASKSET,
        REWARD,
        "return await judge(trace)",
        CheckName.DETERMINISM,
        Grade.DOUBTFUL,
    ),
    ("no validate", TASKSET, "async def validate", "async def other", CheckName.ORACLE, Grade.DOUBTFUL),
    (
        "validate says yes",
        TASKSET,
        "return await self.score(self.data.answer) == 1.0",
        "return True",
        CheckName.ORACLE,
        Grade.DOUBTFUL,
    ),
    ("nothing exported", INIT, '["SumsTaskset"]', "[]", CheckName.READABLE, Grade.DOUBTFUL),
    ("broken code", TASKSET, "class SumsTaskset", "class class", CheckName.VACUOUS, Grade.DOUBTFUL),
    ("an empty prompt", ROWS, "What is 20 + 22?", " ", CheckName.HIDDEN_DEMAND, Grade.CERTAIN),
    ("an empty answer", ROWS, '"42"', '""', CheckName.ANSWERS, Grade.DOUBTFUL),
    (
        "the answer in the prompt",
        ROWS,
        '20 + 22?", "answer": "42"',
        '20 + 22? (420)", "answer": "420"',
        CheckName.LEAK,
        Grade.DOUBTFUL,
    ),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "check", "grade"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED]
)
def test_a_planted_fault_is_found(
    tmp_path: Path, file: str, old: str, new: str, check: CheckName, grade: Grade
) -> None:
    assert _find(audit(_write(tmp_path, file, old, new)))[check] is grade


WEAK = [
    ("return float(trace.last_text.startswith(self.data.answer))", CheckName.ANSWERS),
    ("return float(trace.last_text.find(self.data.answer) >= 0)", CheckName.ANSWERS),
    ("return float(bool(re.search(self.data.answer, trace.last_text)))", CheckName.ANSWERS),
    ("return 1.0 if trace.last_text else 1", CheckName.VACUOUS),
    ("return max(1, len(trace.last_text))", CheckName.VACUOUS),
    ("return float(trace.last_text == self.data.answer) or 1.0", CheckName.VACUOUS),
    ("try:\n            check(trace)\n        finally:\n            return 1.0", CheckName.VACUOUS),
    (
        "try:\n            return check(trace)\n        except ValueError:\n            return 1.0",
        CheckName.VACUOUS,
    ),
    ("return float(eval(trace.last_text) == self.data.answer)", CheckName.VACUOUS),
    ("if trace.last_text:\n            return 1.0", CheckName.VACUOUS),
    ("check(trace)\n        return 1.0", CheckName.VACUOUS),
]


@pytest.mark.parametrize(("code", "check"), WEAK)
def test_a_weak_reward_is_for_a_person_to_look_at(tmp_path: Path, code: str, check: CheckName) -> None:
    assert _find(audit(_write(tmp_path, TASKSET, REWARD, code))) == {check: Grade.DOUBTFUL}


@pytest.mark.parametrize(
    "code",
    [
        "return max(0.0, len(trace.last_text) - 3)",
        "return 1.0 if trace.last_text == self.data.answer else 0.0",
        "return float(trace.last_text == self.data.answer) or 0.0",
        "return float(ast.literal_eval(trace.last_text) == self.data.answer)",
        "try:\n            return check(trace)\n        except Exception:\n            return 0.0",
        "return float(trace.last_text.startswith('{'))",
    ],
)
def test_a_reward_that_judges_is_not_named(tmp_path: Path, code: str) -> None:
    assert _find(audit(_write(tmp_path, TASKSET, REWARD, code))) == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "check"),
    [
        (TASKSET, "weight=1.0", "weight=-1.0", CheckName.VACUOUS),
        (TASKSET, "return await self.score(self.data.answer) == 1.0", "return not False", CheckName.ORACLE),
    ],
)
def test_other_weak_parts_are_doubtful(
    tmp_path: Path, file: str, old: str, new: str, check: CheckName
) -> None:
    assert _find(audit(_write(tmp_path, file, old, new))) == {check: Grade.DOUBTFUL}


def test_a_penalty_that_is_given_for_failing_is_not_blamed_for_certain(tmp_path: Path) -> None:
    code = "try:\n            return check(trace)\n        except Exception:\n            return 1.0"
    path = _write(tmp_path, TASKSET, REWARD, code)
    taskset = path / TASKSET
    taskset.write_text(taskset.read_text().replace("weight=1.0", "weight=-1.0"))
    assert Grade.CERTAIN not in _find(audit(path)).values()


def test_a_long_module_is_named_as_not_read_and_not_as_without_validate(tmp_path: Path) -> None:
    path = _write(
        tmp_path, TASKSET, "import verifiers.v1 as vf", "import verifiers.v1 as vf\n" + "x = 1\n" * 5_000
    )
    found = audit(path)
    assert _find(found) == {}
    assert any("cannot be parsed here" in reason for _, reason, _ in found.not_checked)


def test_an_empty_prompt_beside_a_question_is_none(tmp_path: Path) -> None:
    path = _write(
        tmp_path, ROWS, '"prompt": "What is 20 + 22?"', '"prompt": "", "question": "What is 20 + 22?"'
    )
    assert _find(audit(path)) == {}


@pytest.mark.parametrize("funcs", ["[good, elsewhere]", "[good, fine()]", "list_rewards()"])
def test_a_constant_beside_rewards_that_are_not_seen_is_not_blamed_for_certain(
    tmp_path: Path, funcs: str
) -> None:
    code = "import verifiers as vf\n\n\n@vf.reward\ndef good(completion, answer):\n    return 1.0\n\n\n"
    code += f"def load_environment():\n    return vf.SingleTurnEnv(rubric=vf.Rubric(funcs={funcs}))\n"
    found = _find(audit(write_task(tmp_path / "old", {"old.py": code})))
    assert found[CheckName.VACUOUS] is Grade.DOUBTFUL


def test_an_empty_answer_that_is_asked_for_besides_is_doubtful(tmp_path: Path) -> None:
    code = "return float(self.data.answer in trace.last_text and len(self.data.answer) > 0)"
    path = _write(tmp_path, TASKSET, REWARD, code)
    (path / ROWS).write_text((path / ROWS).read_text().replace('"42"', '""'))
    assert _find(audit(path))[CheckName.ANSWERS] is Grade.DOUBTFUL


def test_an_empty_answer_passes_where_it_may_stand_anywhere(tmp_path: Path) -> None:
    path = _write(tmp_path, TASKSET, REWARD, "return float(self.data.answer in trace.last_text)")
    rows = path / ROWS
    rows.write_text(rows.read_text().replace('"42"', '""'))
    assert _find(audit(path))[CheckName.ANSWERS] is Grade.CERTAIN


def test_tasks_in_the_code_are_found_and_tasks_that_are_made_are_named(tmp_path: Path) -> None:
    path = _write(tmp_path)
    (path / ROWS).unlink()
    found = audit(path)
    assert [task.task.id for task in found.tasks] == ["sums-project"]
    assert any("made when the code runs" in reason for _, reason, _ in found.not_checked)
    code = path / TASKSET
    made = '[SumsData(id="a", prompt="Add.", answer="1"), SumsData(id="b", prompt="Add.", answer="1")]'
    code.write_text(code.read_text().replace('[SumsTask(row) for row in read_rows("tasks.jsonl")]', made))
    found = audit(path)
    assert [task.task.id for task in found.tasks] == ["a", "b"]
    assert _find(found, 1) == {CheckName.DUPLICATE: Grade.CERTAIN}


def test_rewards_of_a_rubric_are_found(tmp_path: Path) -> None:
    code = "import verifiers as vf\n\n\ndef good(completion, answer):\n    return 1.0\n\n\n"
    code += "def load_environment():\n    return vf.SingleTurnEnv(rubric=vf.Rubric(funcs=[good]))\n"
    found = audit(write_task(tmp_path / "old", {"old.py": code}))
    assert _find(found)[CheckName.VACUOUS] is Grade.CERTAIN


def test_exported_packages_are_played_unless_their_reward_was_changed(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    run = write_run(tmp_path / "run", {"name": "calculation"}, sound_tasks("calculation", 2))
    out = tmp_path / "out"
    export_run(open_run(run), write_verifiers, out, process_sandbox)
    request = AuditRequest(secret="s")
    assert not {TaskVerdict.UNSOUND, TaskVerdict.NOT_RUN} & set(audit(out, request).verdicts)
    (rows,) = out.glob("*/tasks.jsonl")
    first, rest = rows.read_text().split("\n", 1)
    row = json.loads(first)
    row["task"]["evaluate"] = "def evaluate(answer):\n    return True"
    rows.write_text(json.dumps(row) + "\n" + rest)
    assert _find(audit(out, request))[CheckName.NO_OP] is Grade.CERTAIN
    (code,) = out.glob("*/taskset.py")
    code.write_text(
        code.read_text().replace("return await asyncio.to_thread(reward_calls", "return 1.0 or (")
    )
    assert audit(out, request).verdicts.get(TaskVerdict.SOUND) is None
