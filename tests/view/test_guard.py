"""Who is let in: nobody without the token, no other site's page, no foreign name."""

from __future__ import annotations

import socket

import httpx
import pytest

from tests.patience import SOON
from tests.view.conftest import Served

PATHS = [
    "/",
    "/compare",
    "/static/view.js",
    "/version",
    "/link-token",
    "/r/x",
    "/nothing",
    "/r/x/episodes.jsonl",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, {"cookie": "selfchal_view_1=x"}], ids=["no cookie", "a wrong one"])
def test_nothing_is_shown_without_the_token(served: Served, path: str, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{served.base}{path}", headers=headers, timeout=SOON)
    assert (answer.status_code, "token" in answer.text) == (403, True)
    assert served.token not in answer.text
    assert httpx.get(f"{served.base}{path}?token=wrong", timeout=SOON).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1"},
        {"host": "evil.example"},
        {"host": "evil.example:80"},
        {"host": "127.0.0.1.evil.example"},
        {"host": ""},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
    ids=str,
)
def test_what_comes_from_elsewhere_is_refused_even_with_the_token(
    served: Served, headers: dict[str, str]
) -> None:
    with served.open_client() as client:
        assert client.get("/").status_code == 200
        assert client.get("/", headers=headers).status_code == 403
        assert client.get("/", headers=headers, params={"token": served.token}).status_code == 403


def test_the_own_page_may_ask_under_each_of_its_names(served: Served) -> None:
    port = served.base.rpartition(":")[2]
    with served.open_client() as client:
        for name in (
            f"127.0.0.1:{port}",
            f"localhost:{port}",
            "localhost:9999",
            f"[::1]:{port}",
            "127.0.0.1",
        ):
            headers = {"host": name, "origin": f"http://{name}", "sec-fetch-site": "same-origin"}
            assert client.get("/", headers=headers).status_code == 200, name


def test_the_token_becomes_a_cookie_that_no_other_site_can_use(served: Served) -> None:
    answer = httpx.get(f"{served.base}/compare?run=a&token={served.token}&run=%22%3E%3Cb%3E", timeout=SOON)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert 'content="0;url=/compare?run=a&amp;run=%22%3E%3Cb%3E"' in answer.text
    assert served.token not in answer.text
    elsewhere = httpx.get(f"{served.base}//evil.example/?token={served.token}", timeout=SOON)
    assert "url=/evil.example/" in elsewhere.text


def test_nothing_can_be_changed_and_every_answer_has_its_headers(served: Served) -> None:
    with served.open_client() as client:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            assert client.request(method, "/").status_code == 405
        for path in PATHS:
            headers = client.get(path).headers
            assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
        assert client.get("/static/..%2fapp.py").status_code == 404


def test_it_listens_on_this_machine_alone(served: Served) -> None:
    port = int(served.base.rpartition(":")[2])
    own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in own - {"127.0.0.1"}:
        with pytest.raises(OSError, match=""), socket.create_connection((str(address), port), SOON):
            pass


def test_each_start_has_a_token_of_its_own(served: Served) -> None:
    assert len(served.token) >= 32
