"""What an OpenEnv server says of itself over HTTP: its actions, and its held-out tasks where it has some."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from selfchal.builtin_envs.remote.contract import RemoteTask
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

_MOST_BYTES = 64 * 2**20  # of one answer
_MOST_TASKS = 10_000  # of a split
_MOST_SPLITS = 100
_MOST_POLICY = 50_000  # characters
_SECONDS = 30.0  # that a whole answer may take
_MCP_ACTIONS = frozenset(["CallToolAction", "ListToolsAction", "Action"])
_TEXTS = ("instruction", "prompt", "question", "goal", "problem", "task")  # where a task says what is wanted


class OpenEnvAddresses:
    """The addresses beside the WebSocket."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def find_action(self) -> Mapping[str, Json] | None:
        """The schema of the server's own actions; None where they are MCP's.

        Raises EnvironmentDataError where there is no such server.
        """
        schemas = self._ask("GET", "/schema")
        action = schemas.get("action") if isinstance(schemas, dict) else None
        if not isinstance(action, dict):
            raise EnvironmentDataError(f"{self._url}/schema shows no actions, so it is no OpenEnv server")
        if action.get("title") in _MCP_ACTIONS:
            return None
        properties = action.get("properties")
        fields = properties.items() if isinstance(properties, dict) else ()
        own = {key: part for key, part in fields if key != "metadata"}
        return {**action, "properties": own}

    def read_policy(self) -> str:
        """What the server says of itself; empty where it says nothing. Raises EnvironmentDataError."""
        about = self._ask("GET", "/metadata", missing_is_none=True)
        said = about.get("description") if isinstance(about, dict) else None
        return said[:_MOST_POLICY] if isinstance(said, str) else ""

    def list_tasks(self) -> dict[str, list[RemoteTask]]:
        """By split; empty where the server has no tasks. Raises EnvironmentDataError."""
        names = self._ask("GET", "/list_environments", missing_is_none=True)
        found: dict[str, list[RemoteTask]] = {}
        for name in names[:_MOST_SPLITS] if isinstance(names, list) else []:
            splits = self._ask("GET", f"/{quote(str(name), safe='')}/splits", missing_is_none=True)
            for split in splits if isinstance(splits, list) else []:
                if isinstance(split, dict) and isinstance(split.get("name"), str):
                    if len(found) == _MOST_SPLITS:
                        raise EnvironmentDataError(f"{self._url} lists more than {_MOST_SPLITS} splits")
                    found[split["name"]] = list(self._list_split(str(name), split["name"]))
        return found

    def _list_split(self, name: str, split: str) -> Iterator[RemoteTask]:
        body = {"split": split, "start": 0, "stop": _MOST_TASKS}
        rows = self._ask("POST", f"/{quote(name, safe='')}/task_range", body)
        listed = rows.get("tasks") if isinstance(rows, dict) else None
        for index, row in enumerate(listed[:_MOST_TASKS] if isinstance(listed, list) else []):
            told = row if isinstance(row, dict) else {"task": row}
            text = next((told[key] for key in _TEXTS if isinstance(told.get(key), str)), None)
            yield RemoteTask(
                id=f"{name}-{split}-{index}",
                instruction=text or json.dumps(row, ensure_ascii=False),
                context={"split": split, "index": index},
                family=str(told.get("family") or ""),
            )

    def _ask(self, method: str, path: str, body: Json = None, missing_is_none: bool = False) -> Json:
        """The JSON at an address. With ``missing_is_none`` a server without it gives None."""
        import httpx  # slow to import, and only this environment asks

        try:
            with ThreadPoolExecutor(1) as thread:  # for whoever calls may have a loop of its own (a notebook)
                asked = thread.submit(asyncio.run, _fetch(method, self._url + path, body))
                status, data = asked.result()
            if missing_is_none and status in (404, 501):
                return None
            if status != httpx.codes.OK:
                raise EnvironmentDataError(f"{self._url}{path} answers with {status}")
            return json.loads(data)
        except TimeoutError as error:
            raise EnvironmentDataError(
                f"{self._url}{path} was not answered to the end within {_SECONDS:g} s"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EnvironmentDataError(
                f"no OpenEnv server answers at {self._url} ({error}); start it, or mend environment.url"
            ) from error
        except (ValueError, RecursionError) as error:
            raise EnvironmentDataError(f"{self._url}{path} is no JSON: {error}") from error


async def _fetch(method: str, url: str, body: Json) -> tuple[int, bytes]:
    """The status and the body. What drips would last for ever by the limits of httpx, which are for one read.

    Raises TimeoutError, ValueError for a body that is too large, and what httpx raises.
    """
    import httpx

    secure = url.startswith("https:")  # without it no certificates are loaded, which takes longer than to ask
    async with (
        asyncio.timeout(_SECONDS),
        httpx.AsyncClient(timeout=_SECONDS, verify=secure) as client,
        client.stream(method, url, json=body) as response,
    ):
        data = bytearray()  # grows in place
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > _MOST_BYTES:
                raise ValueError(f"more than {_MOST_BYTES:,} bytes")
        return response.status_code, bytes(data)
