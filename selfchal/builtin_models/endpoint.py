"""An OpenAI-compatible endpoint: requests that are tried again, many at a time, with a ledger of their cost.

An answer that is no proper one is tried again. Where that does not help it becomes one sentence of a
ModelError, in which the key never stands. A prompt that the endpoint refuses to answer (its filter, its
context) is a PromptRefusedError, which costs one episode. Heavy: imports httpx.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from selfchal.builtin_models.faults import explain_status, find_refusal, read_message, shorten
from selfchal.builtin_models.hidden_key import HiddenKey
from selfchal.builtin_models.ledger import Ledger
from selfchal.builtin_models.transport import Answer, RetryableError, Transport
from selfchal.core.errors import ModelError, PromptRefusedError

Json = Any
Item = TypeVar("Item")
Result = TypeVar("Result")
PASSING = frozenset({408, 409, 425, 429, *range(500, 600)})  # statuses that another try may mend
PROBE_SECONDS = 5.0  # that an endpoint may take to refuse a request
FOR_ALL = frozenset({401, 402, 403, 404, 405})  # statuses that another request to the path gets as well
GATEWAY = frozenset({502, 503, 504})  # what stands behind the address does not answer (yet)
ANSWER_BYTES = 4 * 2**20  # of an answer that holds no text: a list of models is the longest


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try again; ``pause`` doubles from try to try.

    ``timeout``: seconds of one try as a whole. ``most``: the longest pause, also where the endpoint asks
    for a longer one.
    """

    timeout: float = 300.0
    retries: int = 5
    pause: float = 0.5
    most: float = 30.0


class UnansweredError(ModelError):
    """No whole answer came, however often it was tried: the server may be gone, and another may answer."""


class Endpoint:
    """JSON in, JSON out. Raises ModelError for what another try cannot mend, or did not."""

    def __init__(
        self,
        base_url: str,
        *,
        key_env: str | None = None,
        patience: Patience,
        concurrency: int = 16,
        ledger: Ledger | None = None,
        omit: Collection[str] = (),
        extra_body: Mapping[str, Json] | None = None,
    ) -> None:
        """``omit`` are fields that ``ask`` leaves out of a request, ``extra_body`` what it adds to one."""
        self.base_url = base_url.rstrip("/")
        self.ledger = ledger or Ledger()
        self._patience = patience
        self._omit, self._extra_body = frozenset(omit), dict(extra_body or {})
        key = _read_key(key_env) if key_env else None
        self._key_env, self._key = key_env, HiddenKey(key) if key else None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._transport = Transport(self.base_url, headers, seconds=patience.timeout)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="endpoint")
        self._closing = threading.Event()

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Apply to all items, as many at a time as the concurrency allows; then store the ledger."""
        try:
            return list(self._pool.map(function, items))
        finally:
            self.ledger.write()

    def ask(self, path: str, body: Mapping[str, Json], read: Callable[[Json], Result], limit: int) -> Result:
        """What ``read`` makes of the answer to a request for text, of ``limit`` bytes at most.

        ``read`` raises RetryableError for what is no answer. Raises PromptRefusedError.
        """
        kept = {name: value for name, value in body.items() if name not in self._omit}
        return self._request("POST", path, {**kept, **self._extra_body}, read, limit)

    def post(self, path: str, body: Mapping[str, Json]) -> Json:
        """The JSON that answers this request."""
        return self._request("POST", path, body, _return_whole, ANSWER_BYTES)

    def get(self, path: str, read: Callable[[Json], Result]) -> Result:
        """What ``read`` makes of the answer."""
        return self._request("GET", path, None, read, ANSWER_BYTES)

    def get_text(self, path: str) -> str:
        """The body of the answer, whatever it is; what is no UTF-8 in it is replaced."""
        return self._request("GET", path, None, str, ANSWER_BYTES, as_json=False)

    def command(self, path: str, body: Mapping[str, Json]) -> None:
        """A request that is answered by being done."""
        self._request("POST", path, body, _return_whole, ANSWER_BYTES, as_json=False)

    def find_unreachable(self, path: str) -> str:
        """Why every request for text to this path would fail; empty where one would be answered. One try.

        It is sent a request without a prompt, which endpoints refuse and do not charge for.
        """
        url = f"{self.base_url}{path}"
        try:
            answer = self._hide_key(self._transport.request("POST", url, b"{}", ANSWER_BYTES))
            message = self._clean(read_message(answer.body))
            if answer.status in FOR_ALL:
                return explain_status(url, answer.status, message, self._key_env)
            if answer.status in GATEWAY:
                return f"{url} is not ready (status {answer.status}): {message}; wait until it is."
            if 200 <= answer.status < 300:
                self._decode(url, answer.body)
        except RetryableError as error:
            if isinstance(error.__cause__, httpx.RemoteProtocolError):
                return ""  # a small server that stumbles over such a request, and may answer others
            said = self._clean(str(error)).removesuffix(".")
            return f"{url} does not answer: {said}. Is the server up, and is the address right?"
        except ModelError as error:
            return str(error)
        return ""

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Json] | None,
        read: Callable[[Json], Result],
        limit: int,
        *,
        as_json: bool = True,
    ) -> Result:
        """What ``read`` makes of the answer, asked for again while what is wrong may pass; ``read`` is given
        JSON, or the text of the body."""
        url = f"{self.base_url}{path}"
        content = None if body is None else json.dumps(body).encode()
        for attempt in range(self._patience.retries + 1):
            try:
                answer = self._hide_key(self._transport.request(method, url, content, limit))
                self._check_status(url, answer)
                return read(
                    self._decode(url, answer.body) if as_json else answer.body.decode(errors="replace")
                )
            except RetryableError as error:
                wrong, pause = self._clean(str(error)), self._choose_pause(attempt, error.wait)
            except PromptRefusedError as error:
                raise PromptRefusedError(f"{url} refuses this prompt: {self._clean(str(error))}") from None
            if attempt < self._patience.retries:
                self.ledger.count_retry()
                self._closing.wait(pause)
        tries, last = self._patience.retries + 1, wrong.removesuffix(".")
        raise UnansweredError(
            f"{url} did not answer in {tries} {'try' if tries == 1 else 'tries'}; last: {last}. "
            "Is the server up, and is the address right?"
        )

    def _check_status(self, url: str, answer: Answer) -> None:
        """Raises what an answer's status stands for, where it is no success."""
        if 200 <= answer.status < 300:
            return
        message = read_message(answer.body)
        if refusal := find_refusal(message, answer.status):
            raise PromptRefusedError(refusal)
        if answer.status in PASSING:
            wait = _read_retry_after(answer.headers.get("retry-after", ""))
            raise RetryableError(f"status {answer.status}: {message}", wait)
        raise ModelError(explain_status(url, answer.status, self._clean(message), self._key_env))

    def _decode(self, url: str, body: bytes) -> Json:
        """Raises ModelError for what was never meant as JSON, RetryableError for JSON that is broken."""
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            start = body.lstrip()
            if start and not start.startswith((b"{", b"[")):
                raise ModelError(
                    f"{url} answered something that is no JSON: {self._clean(read_message(body))}. "
                    "Is it the address of an API (it mostly ends in /v1)?"
                ) from error
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise RetryableError(f"broken JSON ({reason}): {read_message(body)}") from error

    def _hide_key(self, answer: Answer) -> Answer:
        """The answer without the key, should it tell it back: what a model says is stored and shown."""
        return replace(answer, body=self._key.clean(answer.body)) if self._key else answer

    def _clean(self, text: str) -> str:
        """An endpoint's words as they may be shown: without the key, and then cut to one short line."""
        return shorten(self._key.clean_text(text) if self._key else text)

    def _choose_pause(self, attempt: int, wait: float | None) -> float:
        """Seconds: what the endpoint asks for, else longer from try to try."""
        if wait is not None:
            return min(wait, self._patience.most)
        # Spread out, so that the requests that failed together do not come back together.
        return min(self._patience.pause * 2.0**attempt, self._patience.most) * random.uniform(0.5, 1.0)

    def close(self) -> None:
        """Give up what is under way."""
        self._closing.set()
        self._transport.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.ledger.write()


def find_unreachable(base_url: str, path: str, key_env: str | None = None) -> str:
    """See ``Endpoint.find_unreachable``; an endpoint that cannot be made is one that refuses."""
    try:
        endpoint = Endpoint(
            base_url, key_env=key_env, patience=Patience(timeout=PROBE_SECONDS), concurrency=1
        )
    except ModelError as error:
        return str(error)
    with closing(endpoint):
        return endpoint.find_unreachable(path)


def _read_key(name: str) -> str:
    key = os.environ.get(name)
    if not key:
        raise ModelError(
            f"model.api_key_env: the environment variable {name} is not set. Export your key in it."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ModelError(
            f"model.api_key_env: what the environment variable {name} holds is no key: it has spaces, line "
            "breaks or letters that a header cannot carry. Export the key alone."
        )
    return key


def _return_whole(answer: Json) -> Json:
    return answer


def _read_retry_after(value: str) -> float | None:
    """Seconds, whether the header gives them or a date; None where it makes no sense."""
    try:
        wait = float(value)
    except ValueError:
        try:
            wait = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return wait if wait >= 0 else None
