"""Sampling fields that an endpoint refuses are left out, fields of its own are added."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.builtin_models.openai_model import OpenAIModel
from selfchal.core.errors import ModelError
from selfchal.core.model import Message, Sampling
from tests.support.misbehaving import answer, chat_answer, serving

SAMPLING = Sampling(temperature=0.7, top_p=0.9, max_tokens=30, stop=("End Action",), seed=5)
WHOLE = {"model", "messages", "max_tokens", "temperature", "top_p", "seed", "stop"}


def send(**options: Any) -> dict[str, Any]:
    """The body that arrives at an endpoint with these options."""
    with serving(answer(chat_answer("hello"))) as server:
        model = OpenAIModel(OpenAIConfig(base_url=server.url, model="m", **options))
        assert model.generate([model.render_prompt([Message("user", "x")])], SAMPLING)[0].text == "hello"
        model.close()
        body: dict[str, Any] = server.requests[0].body
        return body


def test_everything_is_sent_by_default() -> None:
    body = send()
    assert body.keys() == WHOLE
    assert (body["temperature"], body["top_p"], body["seed"], body["max_tokens"]) == (0.7, 0.9, 5, 30)


@pytest.mark.parametrize(
    "omitted", [["temperature"], ["seed", "top_p"], ["temperature", "top_p", "seed", "stop"]]
)
def test_what_is_omitted_is_not_sent(omitted: list[str]) -> None:
    assert send(omit=omitted).keys() == WHOLE - set(omitted)


def test_extra_fields_are_sent_as_they_are() -> None:
    extra = {"enable_thinking": False, "chat_template_kwargs": {"enable_thinking": False}, "top_k": 3}
    body = send(extra_body=extra, omit=["temperature", "top_p", "seed"], tokens_name="max_completion_tokens")
    assert {name: body[name] for name in extra} == extra
    assert body["max_completion_tokens"] == 30
    assert "max_tokens" not in body


@pytest.mark.torch
def test_by_ids_they_are_left_out_and_added_too(tiny_path: Any) -> None:
    tokens = {"token_ids": [5, 2], "logprobs": {"token_logprobs": [-0.1, -0.2]}, "finish_reason": "stop"}
    with serving(answer({"choices": [tokens]})) as server:
        config = OpenAIConfig(base_url=server.url, model="m", tokenizer=str(tiny_path("llama")), context=512,
                              omit=("seed",), extra_body={"top_k": 3})  # fmt: skip
        model = OpenAIModel(config)
        assert model.generate([[5, 6]], SAMPLING)[0].ids == (5, 2)
        model.close()
        assert server.requests[0].body["top_k"] == 3
        assert "seed" not in server.requests[0].body


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"omit": ["messages"]}, "omit"),
        ({"omit": ["temprature"]}, "omit"),
        ({"extra_body": {"temperature": 1}}, "cannot set temperature"),
        ({"extra_body": {"stream": True, "n": 2}}, "cannot set n, stream"),
        ({"extra_body": {"max_completion_tokens": 9}}, "cannot set max_completion_tokens"),
        ({"extra_body": {"limit": 9}, "tokens_name": "limit"}, "cannot set limit"),
        ({"extra_body": {"top_k": float("nan")}}, "must be JSON"),
        ({"extra_body": {"since": object()}}, "must be JSON"),
        ({"extra_body": [1]}, "extra_body"),
        ({"timeout": float("inf")}, "timeout"),
        ({"chat_template": ""}, "need tokenizer"),
        ({"template_date": "2026-11-28"}, "need tokenizer"),
    ],
)
def test_fields_that_make_no_sense_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        OpenAIConfig(base_url="http://127.0.0.1:1/v1", model="m", **options)


ODD_TOKENS: dict[str, dict[str, Any]] = {
    "an id beyond every vocabulary": {"token_ids": [10**9], "logprobs": {"token_logprobs": [-1.0]}},
    "a negative id": {"token_ids": [-1], "logprobs": {"token_logprobs": [-1.0]}},
    "an id that is text": {"token_ids": ["5"], "logprobs": {"token_logprobs": [-1.0]}},
    "an id that is true": {"token_ids": [True], "logprobs": {"token_logprobs": [-1.0]}},
    "a log-probability that is null": {"token_ids": [5], "logprobs": {"token_logprobs": [None]}},
    "a log-probability that is NaN": {"token_ids": [5], "logprobs": {"token_logprobs": [float("nan")]}},
    "a log-probability that is infinite": {"token_ids": [5], "logprobs": {"token_logprobs": [-float("inf")]}},
    "a huge log-probability": {"token_ids": [5], "logprobs": {"token_logprobs": [10**400]}},
    "fewer log-probabilities than ids": {"token_ids": [5, 6], "logprobs": {"token_logprobs": [-1.0]}},
    "log-probabilities in a list": {"token_ids": [5], "logprobs": [-1.0]},
    "log-probabilities in a text": {"token_ids": [5], "logprobs": {"token_logprobs": "-1.0"}},
    "ids in a mapping": {"token_ids": {"0": 5}, "logprobs": {"token_logprobs": [-1.0]}},
    "no log-probabilities": {"token_ids": [5]},
    "neither": {"text": "hello"},
}


@pytest.mark.torch
@pytest.mark.parametrize("odd", ODD_TOKENS)
def test_ids_and_log_probabilities_that_cannot_be_trained_on_are_a_sentence(odd: str, tiny_path: Any) -> None:
    with serving(answer({"choices": [ODD_TOKENS[odd]]})) as server:
        config = OpenAIConfig(base_url=server.url, model="m", tokenizer=str(tiny_path("llama")), retries=0)
        model = OpenAIModel(config)
        with pytest.raises(ModelError, match=r"gives no token ids|log-probability|token id"):
            model.generate([[5, 6]], Sampling())
        model.close()


@pytest.mark.torch
def test_by_ids_a_refused_prompt_costs_one_generation(tiny_path: Any) -> None:
    fault = {"error": {"message": "This model's maximum context length is 8 tokens."}}
    with serving(answer(fault, 400)) as server:
        config = OpenAIConfig(base_url=server.url, model="m", tokenizer=str(tiny_path("llama")))
        model = OpenAIModel(config)
        assert "too long" in model.generate([[5, 6]], Sampling())[0].refused
        model.close()
