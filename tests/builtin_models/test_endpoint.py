"""An endpoint that misbehaves: what may pass is tried again, the rest is one sentence, and nothing is unbounded."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest

from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.builtin_models.openai_model import OpenAIModel
from selfchal.core.errors import ModelError, PromptRefusedError
from selfchal.core.model import Sampling
from tests.support.asking import HELLO, TALK, ask, check_sentence
from tests.support.misbehaving import Reply, answer, chat_answer, serving


@pytest.mark.parametrize("status", [408, 409, 425, 429, *range(500, 530)])
def test_a_status_that_may_pass_is_tried_again(status: int) -> None:
    with serving(answer({"error": "busy"}, status), HELLO) as server:
        assert ask(server).text == "hello"
        assert len(server.requests) == 2


DEEP = b'{"choices": ' + b"[" * 100_000
ODD: dict[str, Reply] = {
    "an error with status 200": answer({"error": {"message": "upstream is down", "code": 502}}),
    "an error that is text": answer({"error": "upstream is down"}),
    "no choices": answer({"choices": []}),
    "choices are null": answer({"choices": None}),
    "choices are a text": answer({"choices": "many"}),
    "a choice is a number": answer({"choices": [1]}),
    "the answer is a list": answer([1, 2]),
    "the answer is null": answer(b"[null]"),
    "the message is null": answer({"choices": [{"message": None, "finish_reason": "stop"}]}),
    "the content is a number": answer(chat_answer(7)),
    "the content is a mapping": answer(chat_answer({"text": "a"})),
    "deep JSON": answer(DEEP),
    "deep and whole JSON": answer(b'{"choices": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "cut JSON": answer(b'{"choices": [{"mess'),
    "an endless number": answer(b'{"choices": ' + b"9" * 10_000 + b"}"),
    "bytes that are no UTF-8": answer(b'{"choices": "\xff\xfe\xfd"}'),
    "an empty body": answer(b""),
    "less than was promised": lambda c: c.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{}"),
    "no HTTP": lambda c: c.sendall(b"220 mail.example.com ESMTP\r\n"),
    "nothing at all": lambda c: c.close(),
    "a redirect to no address": answer(b"", 307, location="http://[::"),
    "another encoding": answer(b"\x0b\x02\x80abc\x03", content_encoding="br"),
    "broken gzip": answer(b"no gzip", content_encoding="gzip"),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_is_tried_again_and_then_said_in_one_sentence(odd: str) -> None:
    with serving(ODD[odd], HELLO) as server:
        assert ask(server).text == "hello", "it was tried again"
    with serving(ODD[odd]) as server:
        with pytest.raises(ModelError, match="did not answer in 3 tries; last: ") as caught:
            ask(server)
        check_sentence(caught.value)
        assert not isinstance(caught.value, PromptRefusedError)
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}], "hello"),
        ([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "text", "text": "hello"}], "hello"),
        (["hel", "lo"], "hello"),
        ([{"type": "image_url", "image_url": {}}, 7, None], ""),
        ([], ""),
        (None, ""),
        ("", ""),
    ],
)
def test_content_in_parts_is_read_and_no_content_is_an_empty_turn(content: Any, text: str) -> None:
    with serving(answer(chat_answer(content))) as server:
        assert ask(server).text == text


@pytest.mark.parametrize(
    "usage", [None, [], "7", 3, {}, {"prompt_tokens": "7"}, {"completion_tokens": -2}, {"prompt_tokens": 10**400},
              {"prompt_tokens": True}, {"prompt_tokens": None, "completion_tokens": {"reasoning": 3}}]
)  # fmt: skip
def test_odd_usage_counts_as_nothing(usage: Any) -> None:
    with serving(answer({**chat_answer("hello"), "usage": usage})) as server:
        model = OpenAIModel(OpenAIConfig(base_url=server.url, model="m", price_in=1.0))
        assert model.generate([model.render_prompt(TALK)], Sampling())[0].text == "hello"
        told = model._remote.endpoint.ledger.to_json()
        assert (told["requests"], told["tokens_in"], told["tokens_out"], told["cost"]) == (1, 0, 0, 0.0)
        model.close()


def test_a_stop_reason_that_is_no_stop_string_is_no_text() -> None:
    with serving(answer(chat_answer("hello", stop_reason="end_turn"))) as server:
        assert ask(server).text == "hello"


@pytest.mark.parametrize(
    ("wait", "least", "most"),
    [
        ("0.2", 0.2, 2.0),
        ("-5", 0.0, 2.0),
        ("0", 0.0, 2.0),
        ("1e300", 0.3, 2.0),
        ("inf", 0.3, 2.0),
        ("nan", 0.0, 2.0),
        ("soon", 0.0, 2.0),
        ("Mon, 99 Foo 9999 99:99:99 GMT", 0.0, 2.0),
        ("<in an hour>", 0.3, 2.0),
        ("<an hour ago>", 0.0, 2.0),
    ],
)
def test_retry_after_is_kept_to_within_the_longest_pause(wait: str, least: float, most: float) -> None:
    dates = {"<in an hour>": 3600, "<an hour ago>": -3600}
    value = formatdate(time.time() + dates[wait], usegmt=True) if wait in dates else wait
    with serving(answer({}, 429, retry_after=value), HELLO) as server:
        assert ask(server).text == "hello"
        assert least <= server.requests[1].at - server.requests[0].at <= most


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (400, "model.omit"),
        (401, "model.api_key_env"),
        (402, "no credit"),
        (403, "model.api_key_env"),
        (404, "model.base_url"),
        (405, "model.base_url"),
        (410, "status 410"),
        (422, "model.omit"),
        (303, "status 303"),
    ],
)
def test_a_status_that_will_not_pass_stops_at_once_with_the_cure(status: int, cure: str) -> None:
    with serving(answer({"error": {"message": "no, thanks"}}, status)) as server:
        with pytest.raises(ModelError, match=f"no, thanks.*|{cure}") as caught:
            ask(server)
        assert cure in str(caught.value)
        check_sentence(caught.value)
        assert len(server.requests) == 1


def test_what_an_endpoint_says_cannot_steer_a_terminal_or_fill_it() -> None:
    with serving(answer(b"\x1b[2J\x1b]0;owned\x07" + b"line\n" * 1_000_000, 404)) as server:
        with pytest.raises(ModelError) as caught:
            ask(server)
        check_sentence(caught.value)
        assert str(caught.value).isprintable()


REFUSALS = [
    (400, {"error": {"code": "content_filter", "message": "The response was filtered due to the prompt"}}),
    (400, {"error": {"code": "context_length_exceeded", "message": "This model's maximum context length is"}}),
    (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens. However"}),
    (400, {"error": {"code": 400, "type": "exceed_context_size_error", "message": "request (9 tokens) exceeds"}}),
    (500, {"error": {"message": "the request exceeds the available context size"}}),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}),
    (403, {"error": {"code": 403, "message": "Your input was flagged", "metadata": {"reasons": ["x"]}}}),
    (400, {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content."}),
    (413, b"<html>413 Request Entity Too Large</html>"),
    (200, {"error": {"message": "blocked by the content policy", "code": 400}}),
    (200, {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}),
    (200, {"choices": [{"message": None, "finish_reason": "content_filter: PROHIBITED_CONTENT"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), REFUSALS)
def test_a_refused_prompt_costs_one_generation_and_no_more(status: int, body: Any) -> None:
    with serving(HELLO, answer(body, status), HELLO) as server:
        model = OpenAIModel(OpenAIConfig(base_url=server.url, model="m", concurrency=1))
        said = model.generate([model.render_prompt(TALK)] * 3, Sampling())
        model.close()
    assert [generation.text for generation in said] == ["hello", "", "hello"]
    assert [bool(generation.refused) for generation in said] == [False, True, False]
    assert said[1].ids == ()
    assert "refuses this prompt" in said[1].refused
    assert len(server.requests) == 3, "it was not tried again"


@pytest.mark.parametrize(
    "message",
    ["Unrecognized request argument supplied: moderation", "unknown field context_window", "temperature must be 1"],
)  # fmt: skip
def test_a_wrong_request_is_not_taken_for_a_refused_prompt(message: str) -> None:
    with serving(answer({"error": {"message": message}}, 400)) as server:
        with pytest.raises(ModelError, match="omit") as caught:
            ask(server)
        assert not isinstance(caught.value, PromptRefusedError)


def test_a_page_is_not_taken_for_an_api() -> None:
    with serving(answer(b"<html><body>Welcome to nginx</body></html>")) as server:
        with pytest.raises(ModelError, match=r"no JSON: <html>.*/v1"):
            ask(server)
        assert len(server.requests) == 1


def _redirect(target: str, status: int = 307) -> Reply:
    return answer(b"", status, location=target)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_on_the_same_server_are_followed_with_the_request(status: int) -> None:
    with serving(_redirect("/v2/chat/completions", status), HELLO) as server:
        assert ask(server).text == "hello"
        assert [request.path for request in server.requests] == [
            "/v1/chat/completions",
            "/v2/chat/completions",
        ]
        assert server.requests[1].body == server.requests[0].body


def test_redirects_end() -> None:
    with serving(_redirect("/v1/chat/completions")) as server:
        with pytest.raises(ModelError, match="redirects again after 3 redirects"):
            ask(server)
        assert len(server.requests) == 4


@pytest.mark.parametrize("target", ["http://localhost:{port}/v1", "http://127.0.0.1:9/", "https://127.0.0.1:{port}/",
                                    "http://me:pw@127.0.0.1:{port}/v1", "//localhost:{port}/x", ""])  # fmt: skip
def test_the_key_is_never_sent_to_another_address(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFCHAL_TEST_KEY", "sesame-123")
    with serving(HELLO) as other, serving(_redirect(target.format(port=other.port))) as server:
        with pytest.raises(ModelError, match="redirects to") as caught:
            ask(server, key="SELFCHAL_TEST_KEY")
        assert "sesame" not in str(caught.value)
        assert other.requests == []
        assert len(server.requests) == 1
