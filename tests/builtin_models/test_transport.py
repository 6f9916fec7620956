"""How the environment's proxies and certificates are taken: loopback never needs them, faults are a sentence."""

from __future__ import annotations

import pytest

from selfchal.builtin_models.endpoint import Endpoint, Patience
from selfchal.core.errors import ModelError
from tests.support.misbehaving import answer, serving

PATIENCE = Patience(timeout=5, retries=0)
BROKEN = {
    "SOCKS without its extra": ({"ALL_PROXY": "socks5://user:sesame@127.0.0.1:9"}, "httpx[socks]"),
    "an unknown kind of proxy": ({"HTTP_PROXY": "gopher://user:sesame@127.0.0.1:9"}, "HTTP_PROXY"),
    "brackets in NO_PROXY": ({"NO_PROXY": "[::1]", "HTTP_PROXY": "http://127.0.0.1:9"}, "NO_PROXY"),
    "a certificate file that is not there": ({"SSL_CERT_FILE": "/no/such/file.pem"}, "SSL_CERT_FILE"),
    "a proxy without a port": ({"https_proxy": "http://127.0.0.1:no"}, "HTTPS_PROXY"),
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_proxy_or_certificate_that_cannot_be_used_is_one_sentence(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, says = BROKEN[kind]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ModelError) as caught:
        Endpoint("https://api.example.com/v1", patience=PATIENCE)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("kind", BROKEN)
def test_loopback_is_asked_directly_whatever_the_environment_says(
    kind: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in BROKEN[kind][0].items():
        monkeypatch.setenv(name, value)
    with serving(answer({"fine": True})) as server:
        endpoint = Endpoint(server.url.replace("127.0.0.1", host), patience=PATIENCE)
        assert endpoint.post("/x", {}) == {"fine": True}
        endpoint.close()


def test_another_host_is_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer({"through": "the proxy"})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        endpoint = Endpoint("http://api.example.invalid/v1", patience=PATIENCE)
        assert endpoint.post("/x", {}) == {"through": "the proxy"}
        endpoint.close()
        assert proxy.requests[0].path == "http://api.example.invalid/v1/x"


@pytest.mark.torch
def test_a_local_model_needs_no_proxy_either(monkeypatch: pytest.MonkeyPatch, make_model: object) -> None:
    for name, value in {
        "ALL_PROXY": "socks5://127.0.0.1:9",
        "SSL_CERT_FILE": "/no/such",
        "NO_PROXY": "[::1]",
    }.items():
        monkeypatch.setenv(name, value)
    assert make_model("llama").context_length == 512  # type: ignore[operator]  # a fixture of conftest
