"""Who gets past the door of the preview, and the headers of every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from edge.errors import first_line

if TYPE_CHECKING:
    from edge.preview.server import Preview

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WRONG_TOKEN_S = 0.5  # before a wrong token is answered
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Server": "efiqa-edge",
}


def make_gate(preview: Preview, unlocked: frozenset[str]) -> Any:
    """Turn away foreign names, foreign pages and whoever does not know the token.

    Args:
        preview: knows names and token, and is told of what went wrong.
        unlocked: paths that need no token.
    """
    access = preview.access

    @web.middleware
    async def turn_away(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        if not access.right_host(host):
            return refusal(421, "this address is not one of this machine's names; open it by its IP address")
        if not access.right_origin(request.headers.get("Origin"), host):
            return refusal(403, "requests from other sites are refused")
        if request.method == "POST" and request.content_type != "application/json":
            # A form on a foreign page cannot send this type.
            return refusal(415, "send the header Content-Type: application/json")
        if request.path not in unlocked and not _known(preview, request):
            if "Authorization" in request.headers:
                await asyncio.sleep(WRONG_TOKEN_S)
            return refusal(401, "this needs the token: log in on the page, or send Authorization: Bearer TOKEN")
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:
            said = first_line(error)
            preview.trouble(f"the preview page could not answer {request.path} ({said}); the session goes on.")
            raise

    return turn_away


def _known(preview: Preview, request: web.Request) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and preview.access.right_token(given):
        return True
    return preview.access.right_cookie(request.cookies.get(cookie_name(preview)))


def cookie_name(preview: Preview) -> str:
    """One for each port, since browsers share cookies between the ports of a host."""
    return f"efiqa_{preview.port}"


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Keep browsers from running, framing or keeping anything that is not ours."""
    response.headers.update(_HEADERS)


def refusal(status: int, sentence: str) -> web.Response:
    """One sentence, as JSON."""
    return web.json_response({"error": sentence}, status=status)
