"""The access check of the preview, and the headers of every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from edge.errors import first_line
from edge.preview.auth.guesses import Guesses, TooManyGuessesError
from edge.preview.auth.source import machine_of, source_of
from edge.preview.context import Context

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SLOW_S = 5.0  # a client that does not accept its answer within this is disconnected
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Accel-Buffering": "no",  # nginx would hold events back until they fill a buffer
    "Cache-Control": "no-store",
    "Server": "efiqa-edge",
}


class Gate:
    """Refuses foreign host names, foreign pages and clients without the token.

    Args:
        context: with the access rules.
        unlocked: paths that need no token.
    """

    def __init__(self, context: Context, unlocked: frozenset[str]) -> None:
        self._context, self._unlocked, self._guesses = context, unlocked, Guesses()

    def middleware(self) -> Any:
        """The check as a middleware of aiohttp."""

        @web.middleware
        async def turn_away(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                answer = self._foreign(request) or await self._unknown(request) or await self._answer(request, handler)
            except web.HTTPException as error:
                answer = refusal(error.status, (error.text or error.reason).strip())
            try:
                if not isinstance(answer, web.WebSocketResponse):
                    await asyncio.wait_for(_send(request, answer), _SLOW_S)
            except asyncio.TimeoutError:
                let_go(request)
            return answer

        return turn_away

    async def right(self, request: web.Request, look: Callable[[], bool]) -> bool:
        """Whether a token or cookie is right; the answer to a wrong one is delayed."""
        source, known = self._source(request), self._context.known
        # A neighbour's guesses must not delay authenticated clients: with IPv6 a whole house may share one network.
        right = await self._guesses.right(source if source in known else machine_of(source), look)
        if right:
            known.add(source)
        return right

    def _source(self, request: web.Request) -> str:
        forwarded = request.headers.getall("X-Forwarded-For", [])
        return source_of(request.remote or "", forwarded, self._context.access.proxies)

    def _foreign(self, request: web.Request) -> web.Response | None:
        access, host, origin = self._context.access, request.headers.get("Host", ""), request.headers.get("Origin")
        if not access.right_host(host):
            return refusal(
                421,
                "this address is not one of this machine's names; open it by its IP address, or start edge-capture "
                "with --public-name",
            )
        if not access.right_origin(origin, host):
            return refusal(
                403, "requests from other sites are refused; behind a proxy start edge-capture with --public-name"
            )
        # Browsers send this also without Origin; a link on another page may lead to the page itself.
        site, link = request.headers.get("Sec-Fetch-Site"), request.headers.get("Sec-Fetch-Mode") == "navigate"
        if site in ("cross-site", "same-site") and not (link and request.path == "/" and request.method == "GET"):
            return refusal(403, "requests from other sites are refused")
        if request.method == "POST" and request.content_type != "application/json":
            # A form on a foreign page cannot send this type.
            return refusal(415, "send the header Content-Type: application/json")
        return None

    async def _unknown(self, request: web.Request) -> web.Response | None:
        access = self._context.access
        if access.token is None or request.path in self._unlocked:
            return None
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        token = given if scheme.lower() == "bearer" else None
        cookie = request.cookies.get(cookie_name(self._context))
        try:
            if (token is not None or cookie is not None) and await self.right(
                request, lambda: access.right_token(token) | access.right_cookie(cookie)
            ):
                return None
        except TooManyGuessesError:
            return _too_many()
        return refusal(401, "this needs the token: log in on the page, or send Authorization: Bearer TOKEN")

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except TooManyGuessesError:
            return _too_many()
        except (web.HTTPException, ConnectionError, asyncio.TimeoutError):
            raise
        except Exception as error:
            reason = first_line(error)
            self._context.trouble(f"the preview page could not answer {request.path} ({reason}); the session goes on.")
            return refusal(500, "internal error; the program has reported the cause")


async def _send(request: web.Request, answer: web.StreamResponse) -> None:
    await answer.prepare(request)
    await answer.write_eof()


def let_go(request: web.Request) -> None:
    """Abort the connection of a client that does not read, with all data that waits for it."""
    if request.transport is not None:
        request.transport.abort()


def cookie_name(context: Context) -> str:
    """One for each port, since browsers share cookies between the ports of a host."""
    return f"efiqa_{context.port}"


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Keep browsers from running foreign code, and from framing or caching our pages."""
    response.headers.update(HEADERS)


def refusal(status: int, sentence: str, code: str | None = None) -> web.Response:
    """One sentence, as JSON, with a code where a client should know the case."""
    return web.json_response({"error": sentence, **({} if code is None else {"code": code})}, status=status)


def _too_many() -> web.Response:
    return refusal(429, "too many wrong tokens from this address; try again in a few seconds")
