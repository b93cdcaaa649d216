"""A client of web servers that is led to no other host: there would go what the first one was trusted with."""

from __future__ import annotations

import importlib
from typing import Any

from edge.images.limits import RefusedError

_CONNECT_S, _READ_S, _ALL_S = 15.0, 30.0, 300.0


async def client_without_other_hosts(**options: Any) -> Any:
    """A session of aiohttp, as fsspec wants it made; a redirection elsewhere is a ``RefusedError``."""
    aiohttp, yarl = importlib.import_module("aiohttp"), importlib.import_module("yarl")

    async def look(session: Any, context: Any, redirected: Any) -> None:
        target = redirected.url.join(yarl.URL(redirected.response.headers.get("Location", "")))
        if target.host != redirected.url.host or (redirected.url.scheme == "https" and target.scheme != "https"):
            raise RefusedError(f"is redirected to another host, {target.scheme}://{target.host}: give that address")

    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(look)
    timeout = aiohttp.ClientTimeout(total=_ALL_S, sock_connect=_CONNECT_S, sock_read=_READ_S)
    return aiohttp.ClientSession(trace_configs=[watch], **{"timeout": timeout, **options})
