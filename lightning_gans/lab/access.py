"""Who may ask the lab: this machine's pages, and with a token who knows it."""

import hmac
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Access:
    """Refuses what does not come from the lab's own pages: a middleware before all pages, WebSockets included.

    - Without a token only this machine's names are answered to: a page elsewhere whose name is made to point here
      (DNS rebinding) sends its own.
    - What another page sends in a visitor's name has that page's ``Origin``, or says that it is ``cross-site``: it may
      lead here, but neither load a page of the lab in the background nor show one in itself.
    - With a token each request must have it, once in the address, from then on in a cookie. Compared in constant time.

    Args:
        app: What is guarded.
        token: What visitors must know; None for none.
        cookie: Name of the cookie that keeps it.
    """

    def __init__(self, app: ASGIApp, token: str | None = None, cookie: str = "lightning_gans_lab") -> None:
        self.app, self.token, self.cookie = app, token, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if (reason := self.refusal(scope, headers)) is not None:
            await _refuse(reason, scope, receive, send)
        elif self.token is not None and scope["type"] == "http" and "token" in (given := _query(scope)):
            await self._remember(scope["path"], given)(scope, receive, send)
        else:
            await self.app(scope, receive, _unframed(send))

    def refusal(self, scope: Scope, headers: Headers) -> str | None:
        """Why a request is not answered, in one line; None for one that is."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.token is None and _address(f"//{host}").hostname not in LOOPBACK:
            return f"The lab answers to this machine's names only, not to {host!r}."
        cross_site = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-dest") != "document"
        if cross_site or (origin is not None and _address(origin).netloc != host):
            return "This comes from another page than the lab's own."
        if self.token is not None and not self._knows(scope, headers):
            return "Open the lab with the address that it printed: the token is missing, or is not that of this lab."
        return None

    def _knows(self, scope: Scope, headers: Headers) -> bool:
        # Other servers of this host have cookies here too, in any form: what one cannot read hides none of the rest.
        kept = cookie_parser("; ".join(headers.getlist("cookie"))).get(self.cookie)
        given = [*_query(scope).get("token", []), *([kept] if kept else [])]
        # All are compared, whatever the first says, byte by byte to the end.
        return any([hmac.compare_digest(each.encode(), (self.token or "").encode()) for each in given])  # noqa: C419

    def _remember(self, path: str, given: dict[str, list[str]]) -> RedirectResponse:
        """The same address without the token, which a history, a log or a picture of the screen would keep."""
        rest = urlencode({name: values for name, values in given.items() if name != "token"}, doseq=True)
        path = "/" + path.lstrip("/")  # two slashes would be another host
        response = RedirectResponse(f"{path}?{rest}" if rest else path, status_code=303)
        response.set_cookie(self.cookie, self.token or "", httponly=True, samesite="lax")
        return response


def _address(text: str) -> SplitResult:
    """The parts of an address, empty ones of what is none."""
    try:
        return urlsplit(text)
    except ValueError:
        return urlsplit("")


def _unframed(send: Send) -> Send:
    """Say of each answer that no other page may show it in itself."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["content-security-policy"] = "frame-ancestors 'self'"
        await send(message)

    return sending


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


async def _refuse(reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        closing: dict[str, Any] = {"type": "websocket.close", "code": 1008, "reason": ""}
        await send(closing)
    else:
        await PlainTextResponse(reason, status_code=403)(scope, receive, send)
