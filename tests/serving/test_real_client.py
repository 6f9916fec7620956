"""The SDK's own client plays a served environment, over both transports, and nothing is left afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

mcp = pytest.importorskip("mcp", reason="needs the extra mcp")

SERVE = ["-m", "selfchal", "env", "serve", "retail"]
ORDER = {"order_id": "#W6879761"}
RETURN = {**ORDER, "item_ids": ["8826396557"], "payment_method_id": "paypal_2419359"}


async def read_status(client: Any) -> str:
    shown = await client.call_tool("get_order_details", ORDER)
    assert not shown.is_error
    text: str = shown.content[0].text
    return "return requested" if "return requested" in text else "delivered"


async def play(server: Any) -> list[str]:
    """Two clients, of which one returns the order: what each sees then."""
    async with mcp.Client(server) as one, mcp.Client(server) as other:
        names = [tool.name for tool in (await one.list_tools()).tools]
        assert "return_delivered_order_items" in names
        refused = await one.call_tool("get_order_details", {"order_id": "none"})
        assert refused.is_error
        assert not (await one.call_tool("return_delivered_order_items", RETURN)).is_error
        return [await read_status(one), await read_status(other)]


def run(work: Coroutine[Any, Any, list[str]]) -> list[str]:
    return asyncio.run(asyncio.wait_for(work, 120))


@pytest.mark.slow
def test_over_standard_input_and_output_each_process_is_a_world() -> None:
    server = mcp.StdioServerParameters(command=sys.executable, args=SERVE, env=dict(os.environ))
    assert run(play(server)) == ["return requested", "delivered"]


@pytest.mark.slow
def test_over_http_each_session_is_a_world_and_the_server_ends_when_told(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, *SERVE, "--port", "0"], stdout=subprocess.PIPE, text=True, env=environ
    ) as served:
        assert served.stdout is not None
        url = served.stdout.readline().split()[3].rstrip(";")
        assert run(play(url)) == ["return requested", "delivered"]
        served.send_signal(signal.SIGTERM)
        assert served.wait(30) == 0
    assert list(tmp_path.iterdir()) == []
