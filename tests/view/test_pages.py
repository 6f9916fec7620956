"""Every page over small runs, without a browser: what it holds, and that a stranger's text stays text."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from selfchal.core.episode import End
from selfchal.core.judge import Outcome, Verdict
from selfchal.core.model import Message
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.failure import noting_failure
from selfchal.pipeline.store import Store
from tests.support.stored_run import MANIFEST, make_episode, write_stored_run
from tests.view.conftest import Served, serving

EVIL = "</pre></script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e{{ 1234*5678 }}\x00"
AFTER = "evaluate/after/sampled/000000/0"
PAGES = [
    "", "/proposals", "/proposals?stage=strong", "/proposal?round=1&index=1", "/proposal?round=1&index=2",
    "/task?id=t0", "/task?id=one", "/episodes", "/episodes?text=caesar", "/pairs",
    "/pairs?before=failed&after=solved", f"/pair?at={AFTER}", f"/episode?at={AFTER}", "/group?at=train/1/0000000001/2",
    "/curves.json", "/version", "/episodes.jsonl", f"/episodes.jsonl?at={AFTER}", "/proposals.jsonl",
]  # fmt: skip
WRONG = [
    "/episode", "/episode?at=x", "/episode?at=evaluate/none/0", "/pair?at=train/1/0000000001/2", "/episodes?solved=maybe",
    "/proposal?round=9&index=9", "/proposal?round=x&index=99999999999999999999", "/group?at=train/9/9", "/nothing",
    "/proposal?round=1&index=abc", "/proposal?round=1", "/proposal?index=1", "/proposal?round=1&index=-0x1", "/proposal?round=--1&index=1",
    "/task?id=nobody", "/task", "/episodes?stage=nope", "/episodes?mode=nope", "/episodes?family=nope", "/episodes?end=nope",
    "/episodes?text=%22", "/pairs?mode=nope", "/pairs?before=nope", "/proposals?stage=nope", "/proposals?check=nope",
    "/episodes.jsonl?stage=nope", "/proposals.jsonl?check=nope",
]  # fmt: skip


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def find_run(served: Served, name: str) -> str:
    """The path of a run's page."""
    with served.open_client() as client:
        found = re.search(rf'<a href="(/r/\w+)">{name}</a>', client.get("/").text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_there(served: Served, page: str) -> None:
    with served.open_client() as client:
        answer = client.get(find_run(served, "first") + page)
    assert answer.status_code == 200, answer.text
    if answer.headers["content-type"].startswith("text/html"):
        parser = _Tags()
        parser.feed(answer.text)
        assert [attrs["src"] for tag, attrs in parser.found if tag == "script"] == [
            "/static/uPlot.iife.min.js", "/static/view.js"]  # fmt: skip
        assert not [
            attrs
            for _, attrs in parser.found
            if "style" in attrs or any(name.startswith("on") for name in attrs)
        ]
        ids = [attrs["id"] for _, attrs in parser.found if "id" in attrs]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("page", WRONG)
def test_what_cannot_be_shown_is_said(served: Served, page: str) -> None:
    with served.open_client() as client:
        answer = client.get(find_run(served, "first") + page)
    assert answer.status_code == 404
    assert "The list of runs" in answer.text


@pytest.mark.parametrize("page", ["episodes", "episodes.jsonl"])
@pytest.mark.parametrize("name", ["min_steps", "max_steps", "min_tokens", "max_tokens"])
@pytest.mark.parametrize("value", ["abc", "-5", "1.5", "1e3", "٣", "9" * 13])
def test_a_number_that_is_none_is_said(served: Served, page: str, name: str, value: str) -> None:
    with served.open_client() as client:
        answer = client.get(f"{find_run(served, 'first')}/{page}", params={name: value})
    assert answer.status_code == 400
    assert f"“{name}” is" in answer.text
    assert "must be a whole number" in answer.text


@pytest.mark.parametrize(
    "page", ["/episodes?from=-5", "/pairs?from=x", "/proposals?from=1.5", "/episodes?where=nope"]
)
def test_any_other_wrong_value_is_said_too(served: Served, page: str) -> None:
    with served.open_client() as client:
        answer = client.get(find_run(served, "first") + page)
    assert (answer.status_code, "This cannot be asked for" in answer.text) == (400, True)


def test_what_was_asked_for_wrongly_names_what_there_is(served: Served) -> None:
    with served.open_client() as client:
        run = find_run(served, "first")
        assert "train 1" in client.get(f"{run}/episodes?stage=nope").text
        assert "easy, hard" in client.get(f"{run}/episodes?family=nope").text
        assert "strength" in client.get(f"{run}/proposals?check=nope").text


def test_a_comparison_of_fewer_than_two_runs_says_what_is_missing(served: Served) -> None:
    with served.open_client() as client:
        name = find_run(served, "first").rpartition("/")[2]
        for runs, told in (
            ([], "No run is chosen"),
            ([name], "One run alone"),
            ([name, name], "named twice"),
        ):
            answer = client.get("/compare", params={"run": runs})
            assert (answer.status_code, told in answer.text) == (200, True), told


def test_a_trace_holds_all_that_decided_over_it(served: Served) -> None:
    with served.open_client() as client:
        text = client.get(f"{find_run(served, 'first')}/episode?at={AFTER}").text
    for expected in ("print(delta)", "Observation:", "✓ solved", "&#34;answer&#34;: 7", "5 of 12 tokens",
                     "log-probability -0.50", "System prompt, 25 characters", "Before and after side by side"):  # fmt: skip
        assert expected in text, expected


def test_a_group_shows_its_task_and_verifier_once_and_every_rollout(served: Served) -> None:
    with served.open_client() as client:
        text = client.get(f"{find_run(served, 'first')}/group?at=train/1/0000000001/2").text
    assert text.count("def evaluate(): ...") == 1
    assert [text.count(f"try {i}\n") + text.count(f"try {i}<") for i in range(4)] == [1, 1, 1, 1]


def test_downloads_are_whole_lines_of_json(served: Served) -> None:
    with served.open_client() as client:
        run = find_run(served, "first")
        lines = client.get(f"{run}/episodes.jsonl?solved=solved&stage=train 1").text.splitlines()
        assert [json.loads(line)["episode"] for line in lines] == [
            "train/1/0000000001/1",
            "train/1/0000000001/3",
        ]
        assert all(len(json.loads(line)["ids"]) == 12 for line in lines)
        assert len(client.get(f"{run}/proposals.jsonl").text.splitlines()) == 3


def test_runs_side_by_side_show_rates_and_options(served: Served) -> None:
    with served.open_client() as client:
        names = [find_run(served, name).rpartition("/")[2] for name in ("first", "second")]
        text = client.get("/compare", params={"run": names}).text
    assert "model.dtype" in text
    assert "&#34;float32&#34;" in text
    assert "paired over 2 tasks" in text
    assert "differ in their seeds alone" not in text


def test_a_failed_run_begins_with_its_error_and_where_it_stopped(tmp_path: Path) -> None:
    write_stored_run(tmp_path / "runs" / "broken")
    with Store.resume(tmp_path / "runs" / "broken", MANIFEST) as store:
        store.put_fact("stage", "train 1")
        with pytest.raises(ZeroDivisionError), noting_failure(store):
            print(1 / 0)
    with serving(tmp_path / "runs") as served, served.open_client() as client:
        assert ">failed</span>" in client.get("/").text
        text = client.get(find_run(served, "small")).text
    assert text.index("It failed in “train 1”") < text.index("The funnel")
    assert "ZeroDivisionError: division by zero" in text
    assert "noting_failure" in text


@pytest.mark.parametrize("name", ["store.sqlite", "manifest.yaml", "results.json"])
def test_a_damaged_run_has_one_story(tmp_path: Path, name: str) -> None:
    run = write_stored_run(tmp_path / "runs" / "broken")
    (run / name).write_text("- no mapping\n")
    with serving(tmp_path / "runs") as served, served.open_client() as client:
        listed = client.get("/").text
        assert ">unreadable</span>" in listed
        (path,) = re.findall(r'<a href="(/r/\w+)">', listed)
        answer = client.get(path)
    assert answer.status_code == 404
    told = re.search(r"<p>(.*?)</p>", answer.text)
    assert told is not None
    assert told[1][:100] in listed


def test_only_episodes_of_a_trainer_are_called_trained_on(tmp_path: Path) -> None:
    manifest = {**MANIFEST, "run": {"name": "trained"}, "trainer": {"name": "grpo"}}
    write_stored_run(tmp_path / "runs" / "trained", manifest)
    write_stored_run(tmp_path / "runs" / "measured")
    with serving(tmp_path / "runs") as served, served.open_client() as client:
        texts = {
            (name, at): client.get(f"{find_run(served, name)}/episode?at={at}").text
            for name in ("trained", "small")
            for at in (AFTER, "train/1/0000000001/0", "challenge/1/000000/0")
        }
        assert {key for key, text in texts.items() if "rained on" in text} == {
            ("trained", "train/1/0000000001/0")
        }
        assert "This run trains nothing" in client.get(find_run(served, "small")).text
        assert "No update is stored." in client.get(find_run(served, "trained")).text


def test_a_curve_has_a_gap_where_updates_are_missing(tmp_path: Path) -> None:
    run = write_stored_run(tmp_path / "runs" / "gaps")
    with Store.resume(run, MANIFEST) as store:
        for step in (1, 2, 3, 7, 8, 10):
            store.put_metrics(
                "train 1", step, {"reward": step / 10, "nan": float("nan") if step == 2 else step}
            )
        for step in (10, 20, 30, 50):
            store.put_metrics("train 2", step, {"checked": step})
    with serving(tmp_path / "runs") as served, served.open_client() as client:
        curves = client.get(f"{find_run(served, 'small')}/curves.json").json()
    found = {curve["metric"]: (curve["steps"], curve["values"]) for curve in curves}
    assert found["reward"] == ([1, 2, 3, 4, 7, 8, 9, 10], [0.1, 0.2, 0.3, None, 0.7, 0.8, None, 1.0])
    assert found["checked"] == ([10, 20, 30, 40, 50], [10, 20, 30, None, 50])
    assert None in found["nan"][1]


def test_a_run_that_did_not_end_shows_what_it_has_so_far(tmp_path: Path) -> None:
    paid = {"name": "openai", "price_in": 1.0, "price_out": 10.0}
    run = write_stored_run(tmp_path / "runs" / "paid", {**MANIFEST, "model": paid})
    with Store.resume(run, {**MANIFEST, "model": paid}) as store:
        store.put_fact("stage", "train 1")
    with serving(tmp_path / "runs") as served, served.open_client() as client:
        listed, page = (client.get(at).text for at in ("/", find_run(served, "small")))
    assert "0.000704<br>so far" in listed
    assert ">50.0\u00a0%<" in listed
    assert "It has cost 0.000704 so far" in page
    assert "Before, on 2 tasks" in page
    assert "<b>50.0\u00a0%</b>" in page


def write_hostile_run(directory: Path) -> Path:
    """Scripts, escapes, megabytes and broken rows wherever a model or a stranger can put them."""
    manifest = {
        "run": {"name": f"bad{EVIL}", "seed": EVIL},
        "environment": {"name": EVIL},
        "model": {"name": ESCAPES},
    }
    evil = EVIL + ESCAPES
    with Store.create(directory, manifest) as store:
        store.put_fact(
            "test_tasks", {evil: {"family": evil, "instruction": evil, "truth": {evil: evil}}, "x": 3}
        )
        store.put_fact("failure", {"error": evil, "traceback": evil, "stage": evil})
        store.put_fact("seconds", {evil: evil, "long": 1e300})
        episode = make_episode(evil, evil + "needle" + "x" * 3_000_000, 1.0, seen=evil, end=End.ANSWER)
        episode.answer, episode.reason, episode.environment = evil * 1000, evil, evil
        episode.messages[0] = Message("system", evil * 10_000)
        many = make_episode("many", "ok", 0.0)
        many.messages += [Message("user", "y" * 1000)] * 5_000
        many.mask, many.ids, many.logprobs = [0, 1] * 50_000, [1] * 100_000, [-9.0] * 100_000
        store.put_episodes("evaluate", f"before/{EVIL}/000000", [episode, many])
        store.put_episodes("evaluate", "after/sampled/000000", [episode])
        verdict = Verdict(Outcome.FAILED, "strong", evil, evil, {evil: evil}, evil)
        task = Task(evil, evil, {}, evil, evil, evil, (evil,) * 50)
        store.put_proposals(1, "1/000000", [Proposal(0, 1, verdict, task, evil)], [many])
        store.put_metrics(evil, 1, {evil: 1.0, "reward": 0.1})
        store.put_metrics(evil, 2, {evil: 1e300, "reward": 0.2})
    database = sqlite3.connect(directory / "store.sqlite")
    for i, body in enumerate((b"", zlib.compress(b"[" * 100_000), zlib.compress(b'{"mask": 10000000000}'))):
        row = ("train", "1/../../x", i, evil, i, 1.0, evil, body)
        database.execute("INSERT INTO episodes VALUES (?,?,?,?,?,?,?,?)", row)
    database.execute("INSERT INTO proposals VALUES (1, 1, ?, ?, ?, ?)", (evil, evil, evil, b"broken"))
    database.commit()
    database.close()
    (directory / "results.json").write_text(json.dumps({"before": {"pass@1": evil}, "costs": evil}))
    return directory


HOSTILE_PAGES = [
    "", "/proposals", "/proposal?round=1&index=0", "/episodes", "/episodes?text=needle", "/pairs",
    f"/episode?at=evaluate/before/{EVIL}/000000/0", f"/episode?at=evaluate/before/{EVIL}/000000/1",
    "/pair?at=evaluate/after/sampled/000000/0", "/group?at=evaluate/after/sampled/000000/0", f"/task?id={EVIL}",
]  # fmt: skip


def test_a_hostile_run_is_shown_as_text_in_bounded_pages(tmp_path: Path) -> None:
    write_hostile_run(tmp_path / "runs" / os.fsdecode(b"<b>bad \xff"))
    with serving(tmp_path / "runs") as served, served.open_client() as client:
        listed = client.get("/")
        (path,) = re.findall(r'<a href="(/r/\w+)">', listed.text)
        for page in (
            "/",
            *(f"{path}{page.replace(chr(34), '%22').replace('#', '%23')}" for page in HOSTILE_PAGES),
        ):
            start = time.monotonic()
            answer = client.get(page)
            assert time.monotonic() - start < 5
            assert answer.status_code in (200, 404), f"{page}: {answer.text}"
            assert len(answer.text) < 1_500_000
            parser = _Tags()
            parser.feed(answer.text)
            assert len([tag for tag, _ in parser.found if tag == "script"]) == 2
            assert not [tag for tag, _ in parser.found if tag == "img"]
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", answer.text), page
            assert "7006652" not in answer.text


def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with serving(tmp_path / "runs") as served:
        pass
    assert served.process.returncode in (0, 130)
