"""A file of calls is one world, whoever appends to it."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from selfchal.core.errors import StoreError
from selfchal.serving.call_file import SharedSession, UnreadableCallsError, read_calls
from selfchal.serving.session import ToolCall, WorldSession, replay
from tests.support.shop import Shop

ORDER = ToolCall("get_order", {"order_id": "W102"})


def share(path: Path) -> SharedSession:
    return SharedSession(path, partial(WorldSession, Shop(), {}))


def set_city(city: str) -> ToolCall:
    return ToolCall("set_city", {"order_id": "W102", "city": city})


def test_what_one_program_does_another_one_sees(tmp_path: Path) -> None:
    one, other = share(tmp_path / "calls"), share(tmp_path / "calls")
    one.call(set_city("Rome"))
    assert "Rome" in other.call(ORDER).text
    other.call(set_city("Bern"))
    assert "Bern" in one.call(ORDER).text
    assert "Bern" in share(tmp_path / "calls").call(ORDER).text


def test_the_file_holds_all_calls_in_their_order(tmp_path: Path) -> None:
    calls = [set_city("Rome"), ToolCall("nothing", {"é": None}), ORDER]
    session = share(tmp_path / "calls")
    for call in calls:
        session.call(call)
    assert read_calls(tmp_path / "calls") == calls
    assert read_calls(tmp_path / "absent") == []


@pytest.mark.parametrize("odd", [float("inf"), float("nan"), [[float("-inf")]]])
def test_a_call_that_no_json_holds_is_refused_and_costs_no_later_one(odd: object, tmp_path: Path) -> None:
    path = tmp_path / "calls"
    refused = share(path).call(ToolCall("set_city", {"order_id": "W102", "city": odd}))
    assert (refused.ok, "are no JSON" in refused.text) == (False, True)
    assert read_calls(path) == []
    assert share(path).call(set_city("Rome")).ok
    assert not WorldSession(Shop(), {}).call(ToolCall("get_order", {"order_id": odd})).ok


def test_many_programs_at_once_lose_no_call(tmp_path: Path) -> None:
    def work(number: int) -> None:
        session = share(tmp_path / "calls")
        for i in range(20):
            session.call(set_city(f"{number}-{i}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls = read_calls(tmp_path / "calls")
    assert len(calls) == 80
    last = replay(Shop(), {}, calls).call(ORDER).text
    assert str(calls[-1].arguments["city"]) in last


def test_a_file_that_was_cut_is_a_new_world(tmp_path: Path) -> None:
    session = share(tmp_path / "calls")
    session.call(set_city("Rome"))
    (tmp_path / "calls").write_text("")
    assert "Oslo" in session.call(ORDER).text


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"name": 3}',
        '{"name": "a", "kwargs": []}',
        '{"name": "a", "kwargs": {"b": NaN}}',
        "[" * 10**5,
    ],
)
def test_a_line_that_is_no_call_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "calls"
    path.write_text('{"name": "get_order", "kwargs": {}}\n' + line + "\n")
    with pytest.raises(UnreadableCallsError, match="line 2"):
        read_calls(path)
    with pytest.raises(UnreadableCallsError):
        share(path).call(ORDER)


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot record a call"):
        share(tmp_path / "no" / "folder").call(ORDER)
