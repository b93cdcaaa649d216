"""HTTP requests to a DICOMweb server, in bounded time whatever the server does.

With aiohttp everything from name resolution to the last byte of the answer has one deadline, the size of headers is
bounded, and redirection and decompression can be turned off.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from edge.archive.refusal import ArchiveRefusedError
from edge.archive.server import Server

_T = TypeVar("_T")
_LOOK_S = 0.25  # how soon an earlier deadline is noticed
_NAMED = ("Content-Type", "Content-Encoding")


@dataclass(frozen=True)
class Answer:
    """Status, the headers that count, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(
    server: Server,
    path: str,
    headers: Mapping[str, str],
    until: Callable[[], float],
    *,
    data: bytes | None = None,
    longest: int = 1 << 20,
) -> Answer:
    """Send a request, and wait for all of its answer.

    Args:
        server: whom.
        path: behind its address.
        headers: besides those of credentials.
        until: the deadline by ``time.monotonic``; called repeatedly, because it may become earlier.
        data: the body of a POST; without it the request is a GET.
        longest: bytes of an answer.

    Raises:
        OSError: the server cannot be reached, closes the connection, or is too slow.
        ArchiveRefusedError: its answer is no HTTP, or does not end.
    """
    try:
        return asyncio.run(_within(until, _request(server, path, headers, data, longest)))
    except aiohttp.ClientError as error:
        raise _plain(error) from error


async def _request(server: Server, path: str, headers: Mapping[str, str], data: bytes | None, longest: int) -> Answer:
    sent = {**headers, "Accept-Encoding": "identity"}
    if server.authorization:
        sent["Authorization"] = server.authorization
    connector = aiohttp.TCPConnector(resolver=_Resolver(), ssl=server.tls or True, force_close=True)
    method, body = ("GET", None) if data is None else ("POST", io.BytesIO(data))
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # our own deadline applies
            auto_decompress=False,
        ) as session,
        # A redirection would carry file and token elsewhere.
        session.request(method, server.shown + path, data=body, headers=sent, allow_redirects=False) as answer,
    ):
        received = bytearray()
        async for piece in answer.content.iter_chunked(1 << 16):
            received += piece
            if len(received) > longest:
                raise ArchiveRefusedError(f"it answers {answer.status}, and the answer does not end")
        told = {name: answer.headers[name] for name in _NAMED if name in answer.headers}
        return Answer(answer.status, told, bytes(received))


def _plain(error: aiohttp.ClientError) -> Exception:
    """The error in our own words: those of the library quote what the server sent."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or "it is wrong"
        return PermissionError(f"its certificate is not trusted: {why.rstrip('.')}")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return OSError("its name cannot be resolved")
    if isinstance(error, aiohttp.ClientSSLError):
        return OSError("the TLS handshake failed: is it http:// instead of https://?")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return OSError("it closes the connection without an answer")
    if isinstance(error, aiohttp.ClientOSError):
        return (
            OSError(os.strerror(error.errno))
            if error.errno and error.errno > 0
            else OSError("it closes the connection")
        )
    if isinstance(error, aiohttp.ClientPayloadError):
        return OSError("its answer is incomplete")
    return ArchiveRefusedError("its answer is not HTTP")


async def _within(until: Callable[[], float], work: Coroutine[object, object, _T]) -> _T:
    """Wait for a result until the deadline.

    Raises:
        TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(work)
    while (left := until() - time.monotonic()) > 0:
        done, _ = await asyncio.wait([task], timeout=min(left, _LOOK_S))
        if done:
            return task.result()
    task.cancel()
    await asyncio.wait([task], timeout=_LOOK_S)
    raise TimeoutError("it is not done in time")


class _Resolver(AbstractResolver):
    """Resolves a name on a daemon thread: one of asyncio's own threads would keep the program from ending."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found: Future[list[ResolveResult]] = Future()

        def look_up() -> None:
            with contextlib.suppress(InvalidStateError):  # cancelled in the meantime
                try:
                    found.set_result(_addresses(host, port, family))
                except (OSError, UnicodeError) as error:
                    found.set_exception(OSError(str(error)))

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        return await asyncio.wrap_future(found)

    async def close(self) -> None:
        """Nothing to close."""


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    return [
        ResolveResult(
            hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
        )
        for kind, _, proto, _, address in socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    ]
