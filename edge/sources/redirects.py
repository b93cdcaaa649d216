"""A client of web servers that is led to no other host, where would go what the first one was trusted with.

Nor does it take answers without an end, as of a server that gives all of a file where a part was asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from edge.images.limits import RefusedError

_LONGEST = 64 << 20  # bytes of an answer that is taken as a whole: a page of links, a part of a file
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

    class Bounded(aiohttp.ClientResponse):  # type: ignore[misc, name-defined]
        async def read(self) -> bytes:
            if self._body is None:  # type: ignore[has-type]
                self._body = await self._within(_LONGEST)
            return bytes(await super().read())

        async def _within(self, most: int) -> bytes:
            data = bytearray()
            try:
                while piece := await self.content.readany():
                    data += piece
                    if len(data) > most:
                        raise RefusedError(f"answers with more than {most >> 20} MiB where little was asked for")
            except BaseException:
                self.close()
                raise
            return bytes(data)

    timeout = aiohttp.ClientTimeout(total=_ALL_S, sock_connect=_CONNECT_S, sock_read=_READ_S)
    return aiohttp.ClientSession(trace_configs=[watch], response_class=Bounded, **{"timeout": timeout, **options})
