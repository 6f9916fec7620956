"""Tasks of a run: listed, shown, exported; tasks from anywhere: judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfchal.cli.export import describe_origin
from selfchal.core.episode import End, Episode
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.store import Store
from selfchal.testing.attacks import run as attacks
from selfchal.testing.attacks.run import all_attacks

MANIFEST = {
    "run": {"name": "demo"},
    "environment": {"name": "calculation"},
    "model": {"name": "seedling"},
    "rollout": {"max_steps": 15, "action_format": "code"},
}


def _task(name: str, instruction: str) -> Task:
    return Task(
        name, "calculation", {}, instruction, "def evaluate(a): return a == 1", "result = 1", ("a", "b", "c")
    )


def _episode(task: str, reward: float | None, said: str) -> Episode:
    messages = [Message("system", "tools"), Message("user", "do it"), Message("assistant", said)]
    return Episode(task, 0, messages, [1, 2], [0, 1], [0.0, -0.5], end=End.ANSWER, reward=reward)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    with Store.create(directory, MANIFEST) as store:
        store.put_tasks(
            1, [(_task("abc1", "First\nline two"), "train"), (_task("abc2", "Second"), "validation")]
        )
        fell = Verdict(Outcome.FAILED, Stage.SOLUTION_PASSED, "evaluate returned False\nmore")
        weak = Verdict(Outcome.FAILED, Stage.STRONG, "nothing changes", check="field_values")
        proposals = [
            Proposal(0, 1, fell, _task("def3", "Third")),
            Proposal(1, 1, weak, _task("ghi4", "Fourth")),
        ]
        store.put_proposals(1, "1/0", proposals, [])
        episodes = [_episode("abc1", reward, f"said {i}") for i, reward in enumerate([1.0, 0.0, 1.0, None])]
        store.put_episodes("train", "1/0", [*episodes, _episode("abc2", 0.0, "no")])
    return directory


def test_list(selfchal: Any, run: Path) -> None:
    assert selfchal("tasks", "list", run).out.splitlines() == [
        "abc1  train: First",
        "abc2  validation: Second",
    ]
    unsolved, weak = selfchal("tasks", "list", run, "--rejected", "--json").lines
    assert (unsolved["id"], unsolved["status"]) == ("def3", "not solution passed")
    assert unsolved["reason"].startswith("evaluate returned False")
    assert (weak["id"], weak["status"]) == ("ghi4", "not strong (check 'field_values')")


def test_show_takes_the_beginning_of_an_id(selfchal: Any, run: Path) -> None:
    shown = selfchal("tasks", "show", run, "abc1").out
    for part in ("First\nline two", "def evaluate(a)", "result = 1", "failure case 3"):
        assert part in shown
    assert selfchal("tasks", "show", run, "d", "--json").json["status"] == "not solution passed"
    assert selfchal("tasks", "show", run, "g", "--json").json["check"] == "field_values"
    assert "not strong (check 'field_values')  nothing changes" in selfchal("tasks", "show", run, "g").out
    assert "2 tasks begin with 'abc'" in selfchal("tasks", "show", run, "abc").err
    missing = selfchal("tasks", "show", run, "zzz")
    assert (missing.code, "no task begins with" in missing.err) == (2, True)


@pytest.mark.parametrize(
    ("form", "rows"),
    [
        ("jsonl", 2),
        ("prompts", 2),
        ("messages", 2),
        ("sft", 2),
        ("dpo", 1),  # one failed episode, so one pair
    ],
)
def test_export(selfchal: Any, run: Path, tmp_path: Path, form: str, rows: int) -> None:
    out = tmp_path / "out.jsonl"
    assert selfchal("tasks", "export", run, "--format", form, "--out", out).code == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(found) == rows
    if form == "prompts":
        assert [m["role"] for m in found[0]["prompt"]] == ["system", "user"]
        assert "reverse_string" in found[0]["prompt"][0]["content"]
        assert found[0]["instruction"] in found[0]["prompt"][1]["content"]
        assert "def evaluate" in found[0]["evaluate"]
    if form == "messages":
        assert [m["role"] for m in found[0]["messages"]] == ["system", "user", "assistant"]
    if form == "sft":
        assert found[0]["prompt"] == [
            {"role": "system", "content": "tools"},
            {"role": "user", "content": "do it"},
        ]
        assert found[0]["completion"] == [{"role": "assistant", "content": "said 0"}]
    if form == "dpo":
        assert (found[0]["chosen"][0]["content"], found[0]["rejected"][0]["content"]) == ("said 0", "said 1")


def test_export_as_parquet_with_a_card(selfchal: Any, run: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    out = tmp_path / "set"
    assert selfchal("tasks", "export", run, "--format", "parquet", "--out", out).code == 0
    table = parquet.read_table(out / "tasks.parquet")
    assert table["id"].to_pylist() == ["abc1", "abc2"]
    assert json.loads(table["context"][0].as_py()) == {}
    card = (out / "README.md").read_text()
    assert "2 tasks on the environment `calculation`" in card


@pytest.mark.parametrize(
    ("sections", "origin"),
    [
        ({"synthesizer": {}}, "proposed by the model `small`"),
        ({"synthesizer": {}, "challenger": {"name": "large"}}, "proposed by the model `large`"),
        ({"tasks": {"from": "own.jsonl"}}, "taken from `own.jsonl`"),
        (
            {"tasks": {"from": "own.jsonl"}, "synthesizer": {}},
            "taken from `own.jsonl` or proposed by the model `small`",
        ),
    ],
)
def test_the_card_says_where_the_tasks_come_from(sections: dict[str, Any], origin: str) -> None:
    assert describe_origin({"model": {"name": "small"}, **sections}) == origin


def test_coverage_lists_what_tasks_use_and_leave_out(selfchal: Any, run: Path) -> None:
    seen = selfchal("tasks", "coverage", run, "--json").json
    assert seen["tasks"] == 2
    assert "convert_hex_to_ascii" in seen["missing"], (
        "no task of this run was judged, so none says what it uses"
    )
    assert "not used by any task" in selfchal("tasks", "coverage", run).out


def test_an_export_that_cannot_be_written_is_a_sentence(selfchal: Any, run: Path) -> None:
    ended = selfchal("tasks", "export", run, "--out", "/proc/nowhere/x")
    assert (ended.code, "cannot write /proc/nowhere/x" in ended.err) == (2, True)


GOOD = {
    "instruction": "Decode the hexadecimal text 4869 and answer with the text.",
    "evaluate": "def evaluate(answer):\n    return answer == convert_hex_to_ascii('4869')",
    "solution": "result = convert_hex_to_ascii('4869')",
    "failures": [f"result = {text}" for text in ("'hi'", "'4869'", "convert_hex_to_ascii('48')")],
}


def test_judge_gives_one_verdict_a_line(selfchal: Any, tmp_path: Path) -> None:
    always = {**GOOD, "evaluate": "def evaluate(answer):\n    return True"}
    lines = [json.dumps(GOOD), "", json.dumps(always), json.dumps({"instruction": "x"})]
    file = tmp_path / "tasks.jsonl"
    file.write_text("\n".join(lines) + "\n")
    ended = selfchal("tasks", "judge", "calculation", file, "--json")
    assert ended.code == 1
    assert [(row["line"], row["outcome"]) for row in ended.lines] == [
        (1, "passed"),
        (3, "failed"),
        (4, "failed"),
    ]
    assert [str(row["stage"]) for row in ended.lines[1:]] == ["failure cases failed", "parsed"]
    shown = selfchal("tasks", "judge", "calculation", file).out.splitlines()
    assert [line.split()[0] for line in shown] == ["1", "3", "4"]
    assert " passed" in shown[0]
    assert "failed at 'parsed': the row has no evaluate" in shown[2]
    file.write_text(json.dumps(GOOD))
    assert selfchal("tasks", "judge", "calculation", file).code == 0


def test_lines_that_cannot_be_read_cost_no_other_line_its_verdict(selfchal: Any, tmp_path: Path) -> None:
    deep = '{"instruction": ' + "[" * 100_000
    huge = json.dumps({**GOOD, "instruction": "x" * 1_000_001})
    many = json.dumps({**GOOD, "failures": ["result = 1"] * 20_000})
    odd_id = json.dumps({**GOOD, "id": "one\ntwo \x1b[31m" + "x" * 500})
    nan = json.dumps({**GOOD, "context": {"x": float("nan")}})
    odd_context = json.dumps({**GOOD, "context": {"no such": [1, {}]}})
    lines: list[str | bytes] = [
        "\ufeff" + json.dumps(GOOD),
        b"\xff\xfe",
        "{not json",
        deep,
        huge,
        "5",
        "null",
    ]
    lines += [many, odd_id, nan, odd_context, json.dumps({**GOOD, "evaluate": "\ud800"}), json.dumps(GOOD)]
    file = tmp_path / "tasks.jsonl"
    file.write_bytes(b"\r\n".join(one if isinstance(one, bytes) else one.encode() for one in lines))
    ended = selfchal("tasks", "judge", "calculation", file)
    assert ended.code == 2
    shown = ended.out.splitlines()
    assert [line.split()[0] for line in shown] == [str(number) for number in range(1, len(lines) + 1)]
    for number, said in [
        (1, "passed"),
        (2, "byte 1 of the line is no UTF-8"),
        (3, "the line is no JSON"),
        (4, "nested too deeply"),
        (5, "1,000,000 are the most"),
        (6, "a task is a JSON object, not int"),
        (8, "50 are the most that are run"),
        (9, "one two xxx"),
        (10, "NaN is no JSON value"),
        (12, "failed"),
        (13, "passed"),
    ]:
        assert said in shown[number - 1], shown[number - 1]
    assert "\x1b" not in ended.out


def test_a_file_without_tasks_is_said_to_be_one(selfchal: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n\n")
    ended = selfchal("tasks", "judge", "calculation", tmp_path / "empty.jsonl")
    assert (ended.code, "holds no tasks" in ended.err) == (2, True)


def test_the_same_secret_gives_the_same_verdicts(selfchal: Any, tmp_path: Path) -> None:
    lax = {
        **GOOD,
        "evaluate": "def evaluate(answer):\n    return len(answer) == 2",
        "failures": ["result = 'abc'", *GOOD["failures"][1:]],
    }
    (tmp_path / "tasks.jsonl").write_text(json.dumps(lax))
    command = ("tasks", "judge", "calculation", tmp_path / "tasks.jsonl", "--json", "--secret")
    one, again, other = (selfchal(*command, secret).lines[0] for secret in ("a", "a", "b"))
    assert one == again
    assert one["reason"] != other["reason"]


# Its instruction does not say which text is meant.
VAGUE = {**GOOD, "instruction": "Decode the hexadecimal text and answer with the text."}


def test_judge_takes_checks_as_a_manifest_has_them(selfchal: Any, tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(f"{json.dumps(VAGUE)}\n{json.dumps({**VAGUE, 'id': 'again'})}\n")
    rows = selfchal("tasks", "judge", "calculation", file, "--json").lines
    assert [(row["stage"], row["check"]) for row in rows] == [("complete", "completeness")] * 2
    shown = selfchal("tasks", "judge", "calculation", file).out
    assert "failed at 'complete' (check 'completeness'): " in shown
    assert "near_duplicate_of" in rows[1]["diagnostics"]["novelty"]
    off = ["--check", "{name: completeness, enabled: false}", "--check", "{name: novelty, enabled: false}"]
    rows = selfchal("tasks", "judge", "calculation", file, "--json", *off).lines
    assert [row["stage"] for row in rows] == ["kept", "kept"]
    assert "novelty" not in rows[1]["diagnostics"]


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("completness", "no check named 'completness'; did you mean 'completeness'?"),
        ("{name: completeness, literal: 1}", "literal: no such key; did you mean 'literals'?"),
        ("[completeness]", "write a check's name, or {name: NAME, OPTION: VALUE}"),
        ("{name: completeness", "it is not valid YAML"),
    ],
)
def test_a_check_that_cannot_be_had_is_a_sentence(
    selfchal: Any, tmp_path: Path, check: str, message: str
) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(GOOD))
    ended = selfchal("tasks", "judge", "calculation", file, "--check", check)
    assert (ended.code, message in ended.err) == (2, True), ended.err


@pytest.mark.slow
def test_sandbox_check_finds_no_surprise(selfchal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the attacks; tests/testing/test_attacks.py tries all."""
    kept = all_attacks()[::3]
    monkeypatch.setattr(attacks, "all_attacks", lambda: kept)
    ended = selfchal("sandbox", "check", "process", "--json")
    assert ended.code == 0
    assert ended.json["surprises"] == 0
    assert ended.json["attacks"] == len(kept)
