"""What a client sends with a request."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

_BODY_S = 3.0


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; an empty body is an empty object."""
    try:
        body = json.loads(await asyncio.wait_for(request.read(), _BODY_S) or b"{}")
    except asyncio.TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object\n")
    return body
