"""Whether an endpoint would answer is asked without a prompt that would be charged for."""

from __future__ import annotations

import re
import socket
import time
from typing import Any

import pytest

from selfchal.builtin_models import endpoint
from selfchal.builtin_models.config import VllmConfig
from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.builtin_models.openai_model import OpenAIModel
from selfchal.builtin_models.vllm_model import VllmModel
from tests.support.misbehaving import NO_PROMPT, Reply, answer, chat_answer, serving


def ask(url: str, **others: Any) -> str:
    return OpenAIModel.find_unreachable(OpenAIConfig(base_url=url, model="m", **others))


def hang_up(connection: socket.socket) -> None:
    """As a small server does whose code for a request raises."""


REFUSALS: list[tuple[str, Reply, str, str]] = [
    ("no such path", answer({"detail": "Not Found"}, 404), "404.*Not Found", r"check model\.base_url"),
    ("a wrong key", answer({"error": {"message": "bad key"}}, 401), "401.*bad key", "api_key_env"),
    ("no credit", answer({"error": {"message": "pay"}}, 402), "402", "no credit left"),
    ("a model that loads", answer({"error": "Loading model"}, 503), "not ready.*503", "wait until it is"),
    ("a web page", answer(b"<!doctype html><title>Hello</title>"), "no JSON", "address of an API"),
    ("another host", answer(b"", 302, Location="http://x/"), "redirects to", "Set base_url"),
    ("silence", lambda connection: time.sleep(1), "no whole answer within 0.2 s", "Is the server up"),
]


@pytest.mark.parametrize(
    ("reply", "cause", "cure"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_an_endpoint_that_would_stop_a_run_says_why(
    monkeypatch: pytest.MonkeyPatch, reply: Reply, cause: str, cure: str
) -> None:
    if cause.startswith("no whole answer"):
        monkeypatch.setattr(endpoint, "PROBE_SECONDS", 0.2)
    with serving(reply) as server:
        said = ask(server.url)
        assert re.search(f"{re.escape(server.url)}/chat/completions.*{cause}.*{cure}", said), said
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        NO_PROMPT,
        answer({"error": "no"}, 422),
        answer({"error": "KeyError"}, 500),
        answer(chat_answer("")),
        hang_up,
    ],
    ids=["400", "422", "500", "200", "none"],
)
def test_one_that_answers_is_sound_whatever_it_thinks_of_a_request_without_a_prompt(reply: Reply) -> None:
    with serving(reply) as server:
        assert ask(server.url) == ""


def test_the_request_has_the_key_and_goes_where_text_will_be_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DESK_KEY", "sesame")
    with serving(NO_PROMPT) as server:
        assert ask(server.url, api_key_env="DESK_KEY") == ""
        assert ask(server.url, tokenizer="somewhere") == ""
        assert VllmModel.find_unreachable(VllmConfig(path=".", servers=(server.url,))) == ""
    assert [(one.path, one.body) for one in server.requests] == [
        ("/v1/chat/completions", {}),
        ("/v1/completions", {}),
        ("/v1/completions", {}),
    ]
    assert server.requests[0].headers["authorization"] == "Bearer sesame"


def test_a_key_that_an_endpoint_tells_back_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_KEY", "sesame-open")
    with serving(answer({"error": {"message": "no such key: sesame-open"}}, 401)) as server:
        said = ask(server.url, api_key_env="DESK_KEY")
    assert "check the key in $DESK_KEY" in said
    assert "sesame" not in said


def test_a_proxy_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://[::1")
    assert "HTTPS_PROXY" in ask("https://example.com/v1")
