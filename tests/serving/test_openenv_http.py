"""OpenEnv's contract, address by address, as its clients use it; test_round_trips.py has the clients."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

pytest.importorskip("uvicorn", reason="needs the extra openenv")
websockets = pytest.importorskip("websockets.sync.client", reason="needs the extra openenv")

from selfchal.core.errors import PluginError  # noqa: E402 — it is there
from selfchal.serving import openenv_http  # noqa: E402
from selfchal.serving.openenv_http import MOST_BYTES  # noqa: E402
from selfchal.serving.openenv_session import list_openenv_tools  # noqa: E402
from selfchal.serving.origins import LOCAL_NAMES, find_foreign  # noqa: E402
from selfchal.testing.toys import ToyShelf  # noqa: E402
from tests.patience import SOON  # noqa: E402
from tests.support.openenv_server import serving  # noqa: E402
from tests.support.shop import Shop  # noqa: E402

LEND = {"title": "Emma", "reader": "Ada"}


class Client:
    def __init__(self, port: int) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)
        self.port = port

    def post(self, path: str, body: Any, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self.http.post(path, content=content, headers=headers)
        return response.status_code, response.json()

    def rpc(self, method: str, **params: Any) -> Any:
        status, answered = self.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert status == 200
        return answered.get("result", answered.get("error"))

    def connect(self, path: str = "/ws", **headers: str) -> Any:
        return websockets.connect(f"ws://127.0.0.1:{self.port}{path}", additional_headers=headers, proxy=None)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(ToyShelf(ToyShelf.Config())) as url:
        yield Client(int(url.rpartition(":")[2]))


def ask(socket: Any, kind: str, **data: Any) -> Any:
    socket.send(json.dumps({"type": kind, "data": data} if data else {"type": kind}))
    return json.loads(socket.recv(timeout=10))


def call(socket: Any, name: str, **arguments: Any) -> Any:
    answered = ask(socket, "step", type="call_tool", tool_name=name, arguments=arguments)
    return answered["data"]


def test_each_websocket_is_a_world_of_its_own(client: Client) -> None:
    with client.connect() as one, client.connect() as other:
        assert call(one, "lend", **LEND)["observation"]["result"]["data"] == "Ada has Emma now"
        found = [call(socket, "find_book", title="Emma")["observation"]["result"] for socket in (one, other)]
        assert [seen["data"]["lent_to"] for seen in found] == ["Ada", None]
        assert '"lent_to": "Ada"' in found[0]["content"][0]["text"]
        assert ask(one, "state")["data"]["step_count"] == 2
        ask(one, "reset")
        afresh = call(one, "find_book", title="Emma")["observation"]["result"]["data"]
        assert afresh["lent_to"] is None


def test_a_websocket_takes_over_the_session_that_http_has_opened(client: Client) -> None:
    name = client.rpc("openenv/session/create")["session_id"]
    with client.connect(f"/ws?session_id={name}") as socket:
        client.rpc("tools/call", session_id=name, name="lend", arguments=LEND)
        assert call(socket, "find_book", title="Emma")["observation"]["result"]["data"]["lent_to"] == "Ada"
        with client.connect(f"/ws?session_id={name}") as second:
            assert "already" in json.loads(second.recv(timeout=10))["data"]["message"]
    assert client.rpc("openenv/session/close", session_id=name)["closed"]
    assert "no session" in client.rpc("tools/list", session_id=name)["message"]


def test_a_held_out_task_is_rewarded_at_its_end(client: Client) -> None:
    count = client.post("/toy_shelf/num_tasks", {"split": "test"})[1]["num_tasks"]
    tasks = client.post("/toy_shelf/tasks", {"split": "test"})[1]["tasks"]
    shelf = ToyShelf(ToyShelf.Config())
    assert [task["instruction"] for task in tasks] == [t.instruction for t in shelf.test_tasks("test")]
    assert count == len(tasks)
    assert "truth" not in json.dumps(tasks)
    rewards = []
    with client.connect() as socket:
        for made in (shelf.test_tasks("test")[0].truth["calls"], []):
            seen = ask(socket, "reset", split="test", index=0)["data"]
            assert (seen["reward"], seen["done"]) == (None, False)
            assert seen["observation"]["instruction"] == tasks[0]["instruction"]
            for name, arguments in made:
                assert call(socket, name, **arguments)["reward"] is None
            end = call(socket, "submit_answer", answer=str(shelf.test_tasks("test")[0].truth["answer"]))
            rewards.append((end["reward"], end["done"]))
            assert call(socket, "lend", **LEND)["observation"]["error"]["error_type"] == "execution_error"
    assert rewards == [(1.0, True), (0.0, True)]


def test_without_a_session_each_request_has_a_world(client: Client) -> None:
    status, seen = client.post(
        "/step", {"action": {"type": "call_tool", "tool_name": "lend", "arguments": LEND}}
    )
    assert (status, seen["observation"]["error"]) == (200, None)
    found = client.rpc("tools/call", name="find_book", arguments={"title": "Emma"})
    assert found["data"]["lent_to"] is None
    assert client.post("/reset", {})[1]["done"] is False
    assert client.http.get("/state").json()["step_count"] == 0
    assert client.http.get("/health").json() == {"status": "healthy"}
    assert client.http.get("/metadata").json()["name"] == "toy_shelf"
    assert client.http.get("/schema").json()["action"]["required"] == ["tool_name"]
    assert client.http.get("/list_environments").json() == ["toy_shelf"]
    assert {"/reset", "/step", "/state"} <= client.http.get("/openapi.json").json()["paths"].keys()
    assert client.http.get("/toy_shelf/splits").json() == [{"name": "test", "type": "test"}]


def test_json_rpc_over_a_websocket(client: Client) -> None:
    request = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}
    with client.connect("/mcp") as socket, client.connect() as other:
        socket.send(json.dumps(request))
        listed = json.loads(socket.recv(timeout=10))
        assert listed["id"] == 7
        assert ask(other, "mcp", **request)["data"]["result"] == listed["result"]
        assert {tool["name"] for tool in listed["result"]["tools"]} > {"lend", "submit_answer"}
        socket.send("{")
        assert json.loads(socket.recv(timeout=10))["error"]["code"] == -32700


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", "INVALID_JSON"),
        ("[]", "VALIDATION_ERROR"),
        ('{"type": "dance"}', "UNKNOWN_TYPE"),
        ('{"type": ["step"]}', "UNKNOWN_TYPE"),
        ('{"type": "step", "data": {"type": "call_tool"}}', "VALIDATION_ERROR"),
        ('{"type": "reset", "data": {"seed": -1}}', "VALIDATION_ERROR"),
        ('{"type": "reset", "data": {"split": "test", "index": 99}}', "VALIDATION_ERROR"),
        ('{"type": "reset", "data": {"split": "exam", "index": 0}}', "VALIDATION_ERROR"),
        ('{"type": "reset", "data": {"episode_id": 7}}', "VALIDATION_ERROR"),
    ],
)
def test_what_the_contract_does_not_know_is_an_error_and_the_session_goes_on(
    client: Client, sent: str, code: str
) -> None:
    with client.connect() as socket:
        socket.send(sent)
        answered = json.loads(socket.recv(timeout=10))
        assert (answered["type"], answered["data"]["code"]) == ("error", code)
        assert call(socket, "dance")["observation"]["error"]["error_type"] == "tool_not_found"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/reset", b"{", 422),
        ("/reset", [], 422),
        ("/step", {"action": 7}, 422),
        ("/toy_shelf/task", {"split": "test", "index": "0"}, 422),
        ("/toy_shelf/task_range", {"split": "test", "start": "x"}, 422),
        ("/elsewhere/tasks", {"split": "test"}, 404),
        ("/reset", b" " * (MOST_BYTES + 1), 422),
    ],
)
def test_requests_that_make_no_sense_are_refused(client: Client, path: str, body: Any, status: int) -> None:
    found, answered = client.post(path, body)
    assert found == status
    assert answered["detail"]


def test_pages_of_other_sites_are_refused(client: Client) -> None:
    response = client.http.post("/reset", content=b"{}", headers={"Origin": "https://evil.example"})
    assert response.status_code == 403
    with pytest.raises(Exception, match="403"), client.connect(Origin="https://evil.example"):
        pass
    assert client.post("/reset", {}, Origin="http://localhost:3000")[0] == 200


def test_a_foreign_name_that_points_here_is_refused(client: Client) -> None:
    """DNS rebinding: the page's origin is then that name, and a GET names no origin at all."""
    for path in ("/state", "/metadata", "/list_environments"):
        assert client.http.get(path, headers={"Host": "evil.example"}).status_code == 403


def test_a_server_at_all_addresses_goes_by_any_name() -> None:
    names = LOCAL_NAMES | {"0.0.0.0"}
    assert find_foreign(None, "desk.lan:8000", LOCAL_NAMES) != ""
    assert find_foreign(None, "desk.lan:8000", names) == ""
    assert find_foreign("https://evil.example", "desk.lan:8000", names) != ""
    assert find_foreign(None, "[::1]:8000", LOCAL_NAMES) == find_foreign(None, None, LOCAL_NAMES) == ""


def test_a_body_that_does_not_come_is_not_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openenv_http, "_BODY_SECONDS", 0.2)
    url = client.http.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=SOON) as slow:
        slow.sendall(b"POST /reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        assert b"422" in slow.recv(100)


def test_a_forbidden_tool_name_is_refused_at_the_start() -> None:
    class Forbidden(Shop):
        @property
        def tools(self) -> Any:
            return [type(tool)(**{**tool.__dict__, "name": "reset"}) for tool in super().tools]

    with pytest.raises(PluginError, match="'reset', which OpenEnv keeps"):
        list_openenv_tools(Forbidden())
