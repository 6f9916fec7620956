"""A stranger's session: calls in a world of its own, an answer, an end."""

from __future__ import annotations

import pytest

from selfchal.builtin_envs.retail.environment import Retail
from selfchal.core.errors import PluginError
from selfchal.core.world import ToolSpec
from selfchal.serving.session import ANSWER_TOOL, ToolCall, WorldSession, list_tools, replay, write_answer
from tests.support.shop import Shop, ShopEnvironment

CANCEL = ToolCall("cancel_order", {"order_id": "W102", "reason": "late"})


def test_calls_act_on_the_sessions_own_world() -> None:
    one, other = WorldSession(Shop(), {}), WorldSession(Shop(), {})
    assert one.call(CANCEL).ok
    order = ToolCall("get_order", {"order_id": "W102"})
    assert "cancelled" in one.call(order).text
    assert "pending" in other.call(order).text


def test_a_refused_call_is_an_observation() -> None:
    session = WorldSession(Shop(), {})
    for call in (ToolCall("no_such_tool"), ToolCall("get_order", {"x": [1]}), ToolCall("get_order")):
        assert not session.call(call).ok


def test_an_answer_ends_the_session_and_is_taken_once() -> None:
    session = WorldSession(ShopEnvironment(), {})
    assert not session.call(ToolCall(ANSWER_TOOL, {"reply": "2"})).ok
    assert session.answer is None
    assert session.call(ToolCall(ANSWER_TOOL, {"answer": "2"})).ok
    before = session.world.digest()
    assert not session.call(ToolCall(ANSWER_TOOL, {"answer": "3"})).ok
    assert not session.call(CANCEL).ok
    assert (session.answer, session.world.digest()) == ("2", before)


def test_a_tool_that_ends_the_episode_ends_the_session() -> None:
    session = WorldSession(Retail(Retail.Config()), {})
    session.call(ToolCall("transfer_to_human_agents", {"summary": "no"}))
    assert session.over
    assert "over" in session.call(ToolCall("think", {"thought": "hm"})).text


def test_an_answer_is_asked_for_only_where_the_environment_wants_one() -> None:
    assert ANSWER_TOOL not in [tool.name for tool in list_tools(Shop())]
    assert list_tools(ShopEnvironment())[-1].name == ANSWER_TOOL
    session = WorldSession(Shop(), {})
    assert not session.call(ToolCall(ANSWER_TOOL, {"answer": "2"})).ok
    assert session.answer is None


def test_a_tool_with_the_name_of_the_answer_is_refused() -> None:
    class Clash(Shop):
        @property
        def tools(self) -> list[ToolSpec]:
            return [ToolSpec(ANSWER_TOOL, "", "", {"properties": {}})]

    with pytest.raises(PluginError, match="rename that tool"):
        list_tools(Clash())


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (4, "4"), (2.5, "2.5"), ([1, "b"], "[1, 'b']"), (True, "True")]
)
def test_an_answer_that_is_no_text_is_written_as_python_writes_it(value: object, text: str) -> None:
    assert write_answer(value) == text


def test_the_same_calls_lead_to_the_same_world() -> None:
    session = WorldSession(Shop(), {})
    session.call(CANCEL)
    again = replay(Shop(), {}, [CANCEL])
    assert again.world.digest() == session.world.digest() != replay(Shop(), {}, []).world.digest()
