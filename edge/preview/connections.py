"""The connections of the preview: their limits, and how they are opened and closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading

from aiohttp import web

from edge.preview.auth.middleware import HEADERS, refusal
from edge.preview.auth.source import Known, machine_of, source_of
from edge.preview.context import Context
from edge.preview.routes import make_app

MOST = 128
MOST_PER_ADDRESS = 64  # one machine cannot lock out the others
_FOR_KNOWN = 0.25  # of all connections: many machines cannot lock out authenticated clients
_SILENT_S = 10  # an idle connection is closed after this
_HANDSHAKE_S = 5
_GOODBYE_S = 1.0
_DEAF_MS = 20_000  # the kernel drops a client that acknowledges nothing for so long


class Places:
    """The open connections, by their sockets: each is counted once, from its acceptance to its end."""

    def __init__(self, proxies: frozenset[str], known: Known) -> None:
        self._proxies, self._known = proxies, known
        self._held: dict[socket.socket, str] = {}

    def count(self) -> int:
        """The number of open connections."""
        return len(self._open())

    def take(self, client: socket.socket, address: str) -> bool:
        """Whether there is room for one more; it counts until its socket is closed."""
        held, source = self._open(), source_of(address, (), frozenset())
        if source in self._proxies:  # it forwards many machines
            each = all_ = MOST
        elif source in self._known:
            each, all_ = MOST_PER_ADDRESS, MOST
        else:
            source, each, all_ = machine_of(source), MOST_PER_ADDRESS, round(MOST * (1 - _FOR_KNOWN))
        if len(held) >= all_ or list(held.values()).count(source) >= each:
            return False
        held[client] = source
        return True

    def _open(self) -> dict[socket.socket, str]:
        self._held = {client: source for client, source in self._held.items() if client.fileno() >= 0}
        return self._held


async def serve(
    context: Context,
    tls: ssl.SSLContext | None,
    listening: socket.socket,
    started: threading.Event,
) -> None:
    """Serve until the hub has ended.

    Args:
        context: of the session.
        tls: for HTTPS.
        listening: bound, listening, not blocking; left open.
        started: set once clients are served.
    """
    places, hub = Places(context.access.proxies, context.known), context.hub
    runner = web.AppRunner(make_app(context, places.count), shutdown_timeout=_GOODBYE_S, handler_cancellation=True)
    await runner.setup()
    server = runner.server
    assert server is not None
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAF_MS)  # inherited by all accepted connections
    accepting = asyncio.create_task(_accept(places, tls, listening, server))
    started.set()
    try:
        while not hub.ended and not accepting.done():
            await hub.wait(1.0)
        if accepting.done():
            accepting.result()  # raises what ended it
    finally:
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        await runner.cleanup()


async def _accept(places: Places, tls: ssl.SSLContext | None, listening: socket.socket, server: web.Server) -> None:
    loop = asyncio.get_running_loop()
    opening = set[asyncio.Task[None]]()  # TLS handshakes in progress
    try:
        while True:
            try:
                client, address = await loop.sock_accept(listening)
            except OSError:  # no more file descriptors, or the client has left already
                await asyncio.sleep(0.1)
                continue
            if not places.take(client, address[0]):
                client.close()
                continue
            task = asyncio.create_task(_open(tls, client, server))
            opening.add(task)
            task.add_done_callback(opening.discard)
    finally:
        left = list(opening)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _open(tls: ssl.SSLContext | None, client: socket.socket, server: web.Server) -> None:
    handshake = _HANDSHAKE_S if tls is not None else None
    try:
        with contextlib.suppress(OSError):  # a client that does not speak TLS, or has left
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Connection(server), client, ssl=tls, ssl_handshake_timeout=handshake
            )
            return
    except asyncio.CancelledError:
        client.close()
        raise
    client.close()


class _Connection(web.RequestHandler):
    """One client, with narrow limits."""

    __slots__ = ()

    def __init__(self, server: web.Server) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # keeps addresses and cookies of clients private
            logger=_silent(),
            keepalive_timeout=_SILENT_S,
            max_line_size=2048,
            max_field_size=4096,
            max_headers=64,
            auto_decompress=False,  # a compressed body may expand to any size; ours are short
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer an invalid request: aiohttp would echo it, and reveal its version, without our headers."""
        answer = refusal(status, "this is not a valid request")
        answer.headers.update(HEADERS)
        answer.force_close()
        return answer


def _silent() -> logging.Logger:
    """Invalid requests would fill the console and reveal clients; the routes report our own errors."""
    for name in ("aiohttp.web", "aiohttp.server", "aiohttp.websocket", "aiohttp.internal"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logger = logging.getLogger("edge.preview")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
