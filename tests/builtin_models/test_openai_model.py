"""The model ``openai`` against a real server on the loopback interface."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfchal.builtin_models import chat
from selfchal.builtin_models.endpoint import Endpoint, Ledger, Patience
from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.builtin_models.openai_model import OpenAIModel
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.errors import ModelError
from selfchal.core.model import Capability, Message, Sampling
from tests.builtin_models.conftest import Make, example_server


@pytest.fixture(scope="module")
def local(make_model: Make) -> TransformersModel:
    return make_model("llama")


@pytest.fixture(scope="module")
def url(local: TransformersModel) -> Iterator[str]:
    server = example_server().Server(local, "tiny")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.url
    server.shutdown()


def _by_ids(url: str, tiny: Path, **options: object) -> OpenAIModel:
    config = {"base_url": url, "model": "tiny", "tokenizer": str(tiny), "context": 512, **options}
    return OpenAIModel(OpenAIConfig.model_validate(config))


@pytest.mark.torch
def test_by_ids_the_numbers_are_those_of_the_network(
    url: str, local: TransformersModel, tiny_path: Any
) -> None:
    import torch

    from tests.builtin_models.talks import go_on, plain_logprobs, prompts

    model = _by_ids(url, tiny_path("llama"))
    talks = prompts(local)
    for _ in range(2):
        said = model.generate(talks, Sampling(max_tokens=12, seed=3))
        for talk, generation in zip(talks, said, strict=True):
            expected = plain_logprobs(local, talk, generation.ids)
            assert torch.allclose(torch.tensor(generation.logprobs).double(), expected, atol=1e-4)
        assert len({generation.ids for generation in said}) > len(said) // 2, "a group's samples differ"
        talks = go_on(model, talks, said)  # type: ignore[arg-type] # any model
    assert model.render_prompt([Message("user", "x")]) == local.render_prompt([Message("user", "x")])
    model.close()


@pytest.mark.torch
def test_greedy_by_ids_equals_the_local_model(url: str, local: TransformersModel, tiny_path: Any) -> None:
    from tests.builtin_models.talks import prompts

    model = _by_ids(url, tiny_path("llama"))
    sampling = Sampling(temperature=0, max_tokens=10, stop=("zz",))
    theirs, ours = (each.generate(prompts(local, group=1), sampling) for each in (model, local))
    assert [(g.ids, g.text, g.finished) for g in theirs] == [(g.ids, g.text, g.finished) for g in ours]
    model.close()


@pytest.mark.torch
def test_by_text_a_conversation_goes_to_and_fro(url: str, local: TransformersModel) -> None:
    model = OpenAIModel(OpenAIConfig(base_url=url, model="tiny"))
    greedy = Sampling(temperature=0, max_tokens=10)
    talk = [Message("system", "Be kind."), Message("user", "Find ü")]
    ids = model.render_prompt(talk)
    [said] = model.generate([ids], greedy)
    [expected] = local.generate([local.render_prompt(talk)], greedy)
    assert said.text == expected.text
    ids += [*said.ids, *model.render_turn(said, Message("user", "And 2?"))]
    assert chat.read(ids) == [*talk, Message("assistant", said.text), Message("user", "And 2?")]
    [again] = model.generate([ids], greedy)
    whole = [*talk, Message("assistant", said.text), Message("user", "And 2?")]
    [expected] = local.generate([local.render_prompt(whole)], greedy)
    assert again.text == expected.text
    model.close()


@pytest.mark.torch
def test_by_text_a_stop_string_that_is_known_stays_in(url: str, local: TransformersModel) -> None:
    model = OpenAIModel(OpenAIConfig(base_url=url, model="tiny"))
    ids = model.render_prompt([Message("user", "Find 1")])
    [free] = model.generate([ids], Sampling(temperature=0, max_tokens=20))
    stop = free.text[5:7]
    [said] = model.generate([ids], Sampling(temperature=0, max_tokens=20, stop=(stop,)))
    assert said.text == free.text[: free.text.index(stop)] + stop
    model.close()


@given(st.lists(st.tuples(st.sampled_from(sorted(chat.ROLES)), st.text(min_size=1)), min_size=1))
def test_bytes_hold_any_conversation(turns: list[tuple[str, str]]) -> None:
    messages = [Message(role, text.encode("utf-8", "replace").decode()) for role, text in turns]
    assert chat.read(chat.write_prompt(messages)) == messages


def test_what_it_provides_is_known_at_validation() -> None:
    by_text = OpenAIConfig(base_url="http://nowhere", model="m")
    assert OpenAIModel.provides(by_text) == {Capability.TEXT}
    by_ids = by_text.model_copy(update={"tokenizer": "dir"})
    exact = {Capability.TEXT, Capability.TOKEN_IDS, Capability.LOGPROBS}
    assert OpenAIModel.provides(by_ids) == exact


class Moody(BaseHTTPRequestHandler):
    """Answers what ``script`` says, then repeats its last line."""

    script: ClassVar[list[tuple[int, Any]]] = []
    seen: ClassVar[list[float]] = []
    busy: ClassVar[list[int]] = [0, 0]  # now, most
    lock = threading.Lock()
    key: ClassVar[str | None] = None

    def do_POST(self) -> None:
        with self.lock:
            Moody.seen.append(time.monotonic())
            Moody.key = self.headers.get("authorization")
            status, body = Moody.script.pop(0) if len(Moody.script) > 1 else Moody.script[0]
            Moody.busy[0] += 1
            Moody.busy[1] = max(Moody.busy)
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(0.02)
        with self.lock:
            Moody.busy[0] -= 1
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("retry-after", "0.2")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def moody() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Moody.seen, Moody.busy = [], [0, 0]
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()


GOOD = {
    "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1_000, "completion_tokens": 200},
}
QUICK = Patience(timeout=5, retries=3, pause=0.01)


def test_what_may_pass_is_tried_again(moody: str) -> None:
    Moody.script = [(503, {}), (429, {}), (200, GOOD)]
    endpoint = Endpoint(moody, patience=QUICK)
    assert endpoint.post("/chat/completions", {}) == GOOD
    assert endpoint.ledger.retries == 2
    assert Moody.seen[2] - Moody.seen[1] >= 0.2, "Retry-After is kept to"
    endpoint.close()


@pytest.mark.parametrize(
    ("status", "body", "tries", "says"),
    [
        (500, {"error": "on fire"}, 4, "did not answer in 4 tries; last: status 500.*on fire"),
        (404, {"error": "no such model"}, 1, r"refuses the request \(status 404\).*no such model"),
        (401, {}, 1, r"refuses the key .*set model\.api_key_env"),
        (200, b"<html>", 1, "no JSON"),
    ],
)
def test_what_will_not_pass_is_said(moody: str, status: int, body: Any, tries: int, says: str) -> None:
    Moody.script = [(status, body)]
    endpoint = Endpoint(moody, patience=QUICK)
    with pytest.raises(ModelError, match=says):
        endpoint.post("/chat/completions", {})
    assert len(Moody.seen) == tries
    endpoint.close()


def test_nobody_listens() -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", patience=QUICK)
    with pytest.raises(ModelError, match="Is the server up"):
        endpoint.post("/completions", {})
    endpoint.close()


def test_no_more_requests_at_a_time_than_allowed(moody: str) -> None:
    Moody.script = [(200, GOOD)]
    model = OpenAIModel(OpenAIConfig(base_url=moody, model="m", concurrency=3))
    assert len(model.generate([model.render_prompt([Message("user", "x")])] * 12, Sampling())) == 12
    assert Moody.busy[1] == 3
    model.close()


def test_the_ledger_counts_prices_and_survives(moody: str, tmp_path: Path) -> None:
    Moody.script = [(200, GOOD)]
    path = tmp_path / "ledger.json"
    for runs in (1, 2):
        model = OpenAIModel(
            OpenAIConfig(base_url=moody, model="m", price_in=2.0, price_out=10.0, ledger=path)
        )
        model.generate([model.render_prompt([Message("user", "x")])] * 4, Sampling())
        model.close()
        kept = json.loads(path.read_text())
        assert (kept["requests"], kept["tokens_in"], kept["tokens_out"]) == (
            4 * runs,
            4_000 * runs,
            800 * runs,
        )
        assert kept["cost"] == pytest.approx(4 * runs * (1_000 * 2.0 + 200 * 10.0) / 1e6)
    assert Ledger(path=path).requests == 8


def test_the_key_comes_from_the_environment(moody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = OpenAIConfig(base_url=moody, model="m", api_key_env="SELFCHAL_TEST_KEY")
    monkeypatch.delenv("SELFCHAL_TEST_KEY", raising=False)
    with pytest.raises(ModelError, match="SELFCHAL_TEST_KEY is not set"):
        OpenAIModel(config)
    monkeypatch.setenv("SELFCHAL_TEST_KEY", "sesame")
    Moody.script = [(200, GOOD)]
    model = OpenAIModel(config)
    model.generate([model.render_prompt([Message("user", "x")])], Sampling())
    assert Moody.key == "Bearer sesame"
    model.close()


def test_a_key_that_an_endpoint_tells_back_is_not_what_the_model_said(
    moody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFCHAL_TEST_KEY", "sesame-123")
    said = {"choices": [{"message": {"content": "Answer: Bearer sesame-123"}, "finish_reason": "stop"}]}
    Moody.script = [(200, {**GOOD, **said})]
    model = OpenAIModel(OpenAIConfig(base_url=moody, model="m", api_key_env="SELFCHAL_TEST_KEY"))
    (generation,) = model.generate([model.render_prompt([Message("user", "x")])], Sampling())
    assert generation.text == "Answer: Bearer [key]"
    model.close()


def test_a_key_that_an_error_tells_back_in_another_form_is_not_shown(
    moody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFCHAL_TEST_KEY", "sesame-123")
    told = f"no such key: SESAME-123, sesame%2D123, {b64encode(b'me:sesame-123').decode()}"
    Moody.script = [(400, {"error": {"message": told}})]
    model = OpenAIModel(OpenAIConfig(base_url=moody, model="m", api_key_env="SELFCHAL_TEST_KEY"))
    with pytest.raises(ModelError, match=r"no such key: \[key\], \[key\], [A-Za-z0-9]{0,4}\[key\]"):
        model.generate([model.render_prompt([Message("user", "x")])], Sampling())
    model.close()


@pytest.mark.torch
def test_a_server_without_token_ids_is_refused_by_ids(moody: str, tiny_path: Any) -> None:
    Moody.script = [(200, {"choices": [{"text": "hi", "finish_reason": "stop"}]})]
    model = _by_ids(moody, tiny_path("llama"))
    with pytest.raises(ModelError, match="gives no token ids"):
        model.generate([[5, 6]], Sampling())
    model.close()
