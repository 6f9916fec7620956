"""A small MCP server: a store of items with counts. Written on Python alone, so that it starts in no time.

mcp_server.py STORE [PATH] [--plain] [--http]

STORE says where the items are: ``file`` (JSON at PATH, read for each call), ``once`` (JSON at PATH, read when
it starts), ``database`` (SQLite at PATH), ``directory`` (a text file for each item below PATH), ``memory``,
``session`` (in memory, apart for each value of the argument session), ``none`` (items that cannot be changed).
With --plain the tools have no annotations. Every tool call is appended to the file that the environment
variable CALLS names. With --http it prints its address and answers there.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

START = {"apples": 3, "bolts": 40, "candles": 7}
STRING, COUNT = {"type": "string"}, {"type": "integer", "minimum": 1}
NAME = {"type": "string", "description": "Which item, 'apples' for one."}
TOOLS: dict[str, tuple[str, dict[str, Any], bool | None]] = {
    "list_items": ("List all items with their counts.", {}, True),
    "get_count": ("Tell how many of an item there are.", {"name": NAME}, True),
    "put_item": ("Set the count of an item, a new one for instance.", {"name": NAME, "count": COUNT}, False),
    "remove_item": ("Remove an item.", {"name": NAME}, False),
}
MORE: dict[str, tuple[str, dict[str, Any], bool | None]] = {
    "reset_items": ("Bring everything back to its start.", {}, False),
    "now": ("Tell the time.", {}, True),
    "roll": ("Roll a die of a million sides.", {}, True),
    "peek": ("Say that it only reads, and write.", {"name": NAME}, True),
    "die": ("End the server.", {"word": STRING}, True),
    "wait": ("Answer late.", {"seconds": {"type": "number"}}, True),
    "text": ("Give a text that is no JSON.", {}, True),
    "json-text": ("Give a text that is JSON.", {}, True),
}


class Store:
    """The items, wherever they are."""

    def __init__(self, kind: str, path: Path | None) -> None:
        self.kind, self.path = kind, path
        self.kept: dict[str, dict[str, int]] = {}
        self.once = json.loads(self.path.read_text()) if kind == "once" and self.path else {}

    def read(self, session: str) -> dict[str, int]:
        if self.kind == "once":
            return dict(self.once)
        if self.kind == "file":
            assert self.path
            return json.loads(self.path.read_text()) if self.path.exists() else dict(START)
        if self.kind == "database":
            with sqlite3.connect(str(self.path)) as database:
                database.execute("create table if not exists items (name text primary key, count int)")
                return dict(database.execute("select name, count from items order by name").fetchall())
        if self.kind == "directory":
            assert self.path
            return {file.stem: int(file.read_text()) for file in sorted(self.path.glob("*.txt"))}
        return dict(self.kept.setdefault(session, dict(START)))

    def write(self, items: dict[str, int], session: str) -> None:
        self.kept[session] = self.once = items
        if self.kind in ("file", "once"):
            assert self.path
            self.path.write_text(json.dumps(items))
        elif self.kind == "database":
            with sqlite3.connect(str(self.path)) as database:
                database.execute("delete from items")
                database.executemany("insert into items values (?, ?)", items.items())
        elif self.kind == "directory":
            assert self.path
            for file in self.path.glob("*.txt"):
                file.unlink()
            for name, count in items.items():
                (self.path / f"{name}.txt").write_text(str(count))


def call(store: Store, name: str, given: dict[str, Any]) -> Any:
    session = given.get("session", "")
    items = store.read(session)
    if name in ("get_count", "remove_item") and given["name"] not in items:
        raise ValueError(f"there is no item {given['name']!r}")
    if name == "list_items":
        return items
    if name == "get_count":
        return items[given["name"]]
    if name == "put_item":
        store.write({**items, given["name"]: given["count"]}, session)
        return "done"
    if name == "remove_item":
        store.write({key: count for key, count in items.items() if key != given["name"]}, session)
        return "done"
    return call_more(store, name, given, session)


def call_more(store: Store, name: str, given: dict[str, Any], session: str) -> Any:
    if name == "reset_items":
        store.write(dict(START), session)
        return "done"
    if name == "peek":
        if given["name"] == "secret":
            store.write({**store.read(session), "peeked": 1}, session)
        return "peeked"
    if name == "die":
        if given["word"] == "now":
            os._exit(3)
        return "not yet"
    if name == "wait":
        time.sleep(min(given["seconds"], 60))
        return "waited"
    answers: dict[str, Callable[[], Any]] = {
        "now": lambda: time.strftime("%H:%M:%S"),
        "roll": lambda: random.randrange(10**6),
        "text": lambda: "it is {no} JSON",
        "json-text": lambda: json.dumps({"answer": 42}),
    }
    return answers[name]()


def answer(store: Store, plain: bool, request: dict[str, Any]) -> dict[str, Any] | None:
    """The response to a request; None to a notification."""
    method, number = request.get("method"), request.get("id")
    if number is None:
        return None
    result: dict[str, Any]
    if method == "initialize":
        version = request["params"]["protocolVersion"]
        info = {"name": "items", "version": "1"}
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    elif method == "tools/list":
        result = {"tools": [describe(store, name, plain) for name in {**TOOLS, **MORE}]}
    elif method == "tools/call":
        result = respond(store, request["params"])
    elif method == "ping":
        result = {}
    else:
        return {"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": f"no method {method}"}}
    return {"jsonrpc": "2.0", "id": number, "result": result}


def describe(store: Store, name: str, plain: bool) -> dict[str, Any]:
    description, properties, reads = {**TOOLS, **MORE}[name]
    if store.kind == "session":
        properties = {**properties, "session": STRING}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    hints = {} if plain else {"annotations": {"readOnlyHint": reads}}
    return {"name": name, "description": description, "inputSchema": schema, **hints}


def respond(store: Store, params: dict[str, Any]) -> dict[str, Any]:
    name, given = params["name"], params.get("arguments") or {}
    if "CALLS" in os.environ:
        with open(os.environ["CALLS"], "a", encoding="utf-8") as log:
            log.write(f"{name}\n")
    try:
        value = call(store, name, given)
    except ValueError as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    text = value if isinstance(value, str) else json.dumps(value)
    structured = {"structuredContent": value} if isinstance(value, dict) else {}
    return {"content": [{"type": "text", "text": text}], **structured}


def serve_stdio(store: Store, plain: bool) -> None:
    for line in sys.stdin:
        response = answer(store, plain, json.loads(line))
        if response is not None:
            print(json.dumps(response), flush=True)


def serve_http(store: Store, plain: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            response = answer(store, plain, body)
            data = b"" if response is None else json.dumps(response).encode()
            self.send_response(202 if response is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.send_error(405)

        def do_DELETE(self) -> None:
            self.send_error(405)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}/mcp", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    made = Store(words[0], Path(words[1]) if len(words) > 1 else None)
    (serve_http if "--http" in sys.argv else serve_stdio)(made, "--plain" in sys.argv)
