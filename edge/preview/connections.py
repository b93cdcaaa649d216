"""The connections of the preview: how many there may be, and how they begin and end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING

from aiohttp import web

from edge.preview.routes import make_app

if TYPE_CHECKING:
    from edge.preview.server import Preview

MOST = 128
MOST_PER_ADDRESS = 64  # one machine cannot lock out the others
_SILENT_S = 10  # a connection on which nothing is asked for so long is closed
_HANDSHAKE_S = 5
_GOODBYE_S = 1.0


async def serve(preview: Preview, listening: socket.socket, started: threading.Event) -> None:
    """Serve until the hub of the preview has ended.

    Args:
        preview: what is shown.
        listening: bound, listening, not blocking; left open.
        started: set once clients are served.
    """
    runner = web.AppRunner(
        make_app(preview),
        access_log=None,  # addresses and cookies of clients are nobody's business
        logger=_silent(),
        keepalive_timeout=_SILENT_S,
        max_line_size=2048,
        max_field_size=4096,
        max_headers=64,
        shutdown_timeout=_GOODBYE_S,
        handler_cancellation=True,
    )
    await runner.setup()
    server = runner.server
    assert server is not None
    preview.hub.clients = lambda: len(server.connections)
    accepting = asyncio.create_task(_accept(preview, listening, server))
    started.set()
    try:
        while not preview.hub.ended and not accepting.done():
            await preview.hub.wait(1.0)
        if accepting.done():
            accepting.result()  # raises what ended it
    finally:
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        await runner.cleanup()


async def _accept(preview: Preview, listening: socket.socket, server: web.Server) -> None:
    loop = asyncio.get_running_loop()
    opening: dict[asyncio.Task[None], str] = {}  # TLS that is still being agreed on
    try:
        while True:
            try:
                client, address = await loop.sock_accept(listening)
            except OSError:  # no more files, or a client that left already
                await asyncio.sleep(0.1)
                continue
            addresses = [*opening.values(), *(_address_of(each) for each in server.connections)]
            if len(addresses) >= MOST or addresses.count(address[0]) >= MOST_PER_ADDRESS:
                client.close()
                continue
            task = asyncio.create_task(_open(preview, client, server))
            opening[task] = address[0]
            task.add_done_callback(opening.pop)
    finally:
        left = list(opening)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _open(preview: Preview, client: socket.socket, server: web.Server) -> None:
    handshake = _HANDSHAKE_S if preview.tls is not None else None
    try:
        with contextlib.suppress(OSError):  # a client that does not speak TLS, or has left
            await asyncio.get_running_loop().connect_accepted_socket(
                server, client, ssl=preview.tls, ssl_handshake_timeout=handshake
            )
            return
    except asyncio.CancelledError:
        client.close()
        raise
    client.close()


def _silent() -> logging.Logger:
    """Garbage from the network would fill the console with tracebacks; mistakes of ours are told by the routes."""
    logger = logging.getLogger("edge.preview")
    logger.setLevel(logging.CRITICAL + 1)
    return logger


def _address_of(connection: object) -> str:
    transport: asyncio.Transport | None = getattr(connection, "transport", None)
    peer = transport.get_extra_info("peername") if transport is not None else None
    return str(peer[0]) if peer else ""
