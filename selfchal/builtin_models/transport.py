"""One HTTP exchange with an endpoint, bounded in seconds, bytes and redirects whatever the other side does.

A blocking face over httpx's asynchronous client. httpx bounds the pause between two bytes, so an answer that
drips would last for ever; an asynchronous exchange can be given up at any moment. Heavy: imports httpx.
"""

from __future__ import annotations

import asyncio
import os
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from selfchal.builtin_models.addresses import is_loopback
from selfchal.core.errors import ModelError

MOST_REDIRECTS = 3
FAULT_BYTES = 65_536  # of the body of an answer that reports a fault
PROXY_VARIABLES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32  # zlib finds out which of the two it is


class RetryableError(Exception):
    """What went wrong and another try may mend. ``wait``: seconds that the endpoint asks for."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Answer:
    """A whole answer; the body is decompressed."""

    status: int
    headers: httpx.Headers
    body: bytes


class Transport:
    """Sends requests to one address. ``request`` works from any thread."""

    def __init__(self, address: str, headers: Mapping[str, str], *, seconds: float) -> None:
        """``seconds`` bounds a whole exchange, from connecting to the last byte. Raises ModelError."""
        self._open_client = _prepare_clients(address, headers)
        # One client for each exchange under way: httpx's pool of connections takes longer the more it holds.
        self._idle = [self._open_client()]  # after this used by the loop's thread alone
        self._seconds = seconds
        self._closed = False
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="endpoint-loop", daemon=True)
        self._thread.start()

    def request(self, method: str, url: str, content: bytes | None, limit: int) -> Answer:
        """One exchange; ``limit`` is the most bytes of a body.

        Raises RetryableError, and ModelError for what another try will not mend.
        """
        with self._lock:
            if self._closed:
                raise ModelError(f"{url} cannot be asked any more: the endpoint was closed.")
            exchange = self._exchange(method, httpx.URL(url), content, limit)
            running = asyncio.run_coroutine_threadsafe(exchange, self._loop)
        return running.result()

    async def _exchange(self, method: str, url: httpx.URL, content: bytes | None, limit: int) -> Answer:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(method, url, content, limit)
        except TimeoutError:
            raise RetryableError(f"no whole answer within {self._seconds:g} s") from None
        except httpx.TransportError as error:
            raise RetryableError(f"{type(error).__name__}: {error}") from error

    async def _follow(self, method: str, url: httpx.URL, content: bytes | None, limit: int) -> Answer:
        """Follow redirects, but never to another host, which would be sent the key."""
        client = self._idle.pop() if self._idle else self._open_client()
        try:
            for _ in range(MOST_REDIRECTS + 1):
                answer = await _ask_once(client, method, url, content, limit)
                if answer.status not in (301, 302, 307, 308):
                    return answer
                url = _read_target(url, answer.headers.get("location", ""))
        finally:
            self._idle.append(client)
        raise ModelError(f"{url} redirects again after {MOST_REDIRECTS} redirects; check base_url.")

    def close(self) -> None:
        """Give up what is under way, and close the connections."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        exchanges = asyncio.all_tasks() - {asyncio.current_task()}
        for exchange in exchanges:
            exchange.cancel()
        await asyncio.gather(*exchanges, return_exceptions=True)
        for client in self._idle:
            await client.aclose()


async def _ask_once(
    client: httpx.AsyncClient, method: str, url: httpx.URL, content: bytes | None, limit: int
) -> Answer:
    async with client.stream(method, url, content=content) as response:
        if response.is_success:
            body, whole = await _read_body(response, limit)
            if not whole:
                raise RetryableError(f"more than the {limit:,} bytes that its answer may have")
        else:
            body, _ = await _read_body(response, FAULT_BYTES)
        return Answer(response.status_code, response.headers, body)


def _prepare_clients(address: str, headers: Mapping[str, str]) -> Callable[[], httpx.AsyncClient]:
    """Makes clients that ask this machine's own servers directly, and others as the environment says."""
    # What is not compressed cannot be a bomb; what comes compressed all the same is read within the limit.
    headers = {"Accept-Encoding": "identity", "Content-Type": "application/json", **headers}
    direct = is_loopback(address)
    try:
        httpx.URL(address)
        # Over http no certificate is looked at, so none has to be there.
        verify = httpx.create_ssl_context() if not direct or address.startswith("https") else False
    except (OSError, httpx.InvalidURL) as error:
        raise ModelError(_explain_settings(address, error)) from error

    def open_client() -> httpx.AsyncClient:
        # Given a transport, a client reads no proxy variables.
        transport = httpx.AsyncHTTPTransport(verify=verify) if direct else None
        try:
            return httpx.AsyncClient(headers=headers, timeout=None, verify=verify, transport=transport)
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise ModelError(_explain_settings(address, error)) from error

    return open_client


def _explain_settings(address: str, error: Exception) -> str:
    """Names the variables and not their values, since a proxy's address may hold a password."""
    names = [name for name in PROXY_VARIABLES if os.environ.get(name) or os.environ.get(name.lower())]
    if not names:
        return f"{address} is no address that can be asked: {error}."
    if isinstance(error, ImportError):
        cure = "SOCKS proxies need an extra: pip install 'httpx[socks]'"
    elif isinstance(error, OSError):
        cure = f"a certificate file cannot be read ({error.strerror or error})"
    else:
        cure = "one of them is not written as httpx reads it (an IPv6 address stands without brackets)"
    return f"{address} cannot be asked with {', '.join(names)} as set here: {cure}. Correct or unset them."


def _read_target(url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads. Raises ModelError where that is another host, port or scheme."""
    target = url.join(location)
    here, there = (url.scheme, url.netloc), (target.scheme, target.netloc)
    if here != there or target.userinfo or not location:
        raise ModelError(
            f"{url} redirects to {target.scheme}://{target.host}, and a key is never sent on to another "
            "address. Set base_url to where the endpoint really is."
        )
    return target


async def _read_body(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """The body, decompressed, and True; or its beginning and False where it is longer than ``limit``."""
    unpack = _choose_decoder(response.headers.get("content-encoding", "identity"))
    body, received = bytearray(), 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        try:
            body += unpack(chunk, limit + 1 - len(body))
        except zlib.error as error:
            raise RetryableError(f"a body that cannot be decompressed: {error}") from error
        if max(received, len(body)) > limit:
            return bytes(body), False
    return bytes(body), True


def _choose_decoder(encoding: str) -> Callable[[bytes, int], bytes]:
    """A function of a chunk and the most bytes to make of it."""
    if encoding.lower() in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(GZIP_OR_ZLIB).decompress
    if encoding.lower() == "identity":
        return lambda chunk, most: chunk[:most]
    raise RetryableError(f"a body in the encoding {encoding[:40]!r}, which was not asked for")
