"""Who may ask for a page: the browser that was given the token, on this machine, from no other site's page.

The token comes in the first address and is then kept in a cookie that no other site can use. Names other
than this machine's own are refused, so that no foreign name can be made to point here (DNS rebinding).
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "token"
OWN_NAMES = frozenset(["127.0.0.1", "localhost", "[::1]"])
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NO_TOKEN = (
    "This page needs the address that `selfchal view` printed, with its token. Open that one, or a link that "
    "was copied with “Copy link”.\n"
)
# The cookie is not sent along when another site's page led here. So the page leads on by itself.
_WELCOME = """<!doctype html><meta charset="utf-8"><title>selfchal</title>
<meta http-equiv="refresh" content="0;url={}">"""


class Guard:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there is no other way in
        refusal = self._find_answer(HTTPConnection(scope))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await (refusal or self._app)(scope, receive, send_guarded)

    def _find_answer(self, asked: HTTPConnection) -> Response | None:
        """The refusal, or the way to a cookie; None where the request may pass."""
        if asked.scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("Nothing can be changed here.\n", 405, {"Allow": "GET, HEAD"})
        if reason := _find_foreign(asked.headers):
            return PlainTextResponse(f"Refused: {reason}\n", 403)
        cookie = (
            f"selfchal_view_{(asked.scope.get('server') or ('', 0))[1]}"  # cookies do not tell ports apart
        )
        given = asked.query_params.get(TOKEN)
        if given is not None and self._is_token(given):
            return self._lead_on(asked, cookie)
        if self._is_token(asked.cookies.get(cookie, "")):
            return None
        return PlainTextResponse(_NO_TOKEN, 403)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _lead_on(self, asked: HTTPConnection, cookie: str) -> Response:
        """The same address without the token, which stays in no history."""
        rest = [
            (k, v) for k, v in parse_qsl(asked.scope["query_string"].decode("latin-1"), True) if k != TOKEN
        ]
        path = "/" + asked.url.path.lstrip("/")  # two slashes would begin the name of another machine
        target = f"{path}?{urlencode(rest)}" if rest else path
        answer = HTMLResponse(_WELCOME.format(_quote_attribute(target)))
        answer.set_cookie(cookie, self._token, httponly=True, samesite="strict", path="/")
        return answer


def _find_foreign(headers: Headers) -> str:
    """Why a request comes from elsewhere; empty where it does not."""
    host = headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name not in OWN_NAMES:
        return "this machine is asked for under a foreign name"
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return "the request comes from another site's page"
    is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not is_visit:
        return "another site's page asks for it"
    return ""


def _quote_attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
