"""Send a DICOM file to a DICOMweb server (STOW-RS), in bounded time whatever the server does.

With aiohttp everything from name resolution to the last byte of the answer has one deadline, the size of headers is
bounded, and redirection and decompression can be turned off.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from pydicom.filereader import read_file_meta_info

from edge.capture.archive.answer import ArchiveRefusedError, check_answer

_T = TypeVar("_T")
_LOOK_S = 0.25  # how soon an earlier deadline is noticed
_LONGEST_ANSWER = 1 << 20  # bytes


@dataclass(frozen=True)
class StowTarget:
    """A DICOMweb server; its repr shows no secret.

    Attributes:
        shown: its address, without user and password.
        authorization: the header of that name; empty for none.
        tls: how its certificate is checked; None for plain HTTP.
        private: whether identities may be sent there.
    """

    shown: str
    authorization: str = field(repr=False)
    tls: ssl.SSLContext | None = field(repr=False)
    private: bool = False

    def send(self, file: Path, until: Callable[[], float]) -> None:
        """Store a file.

        Args:
            file: to send.
            until: the deadline by ``time.monotonic``; called repeatedly, because it may become earlier.

        Raises:
            OSError: the file cannot be read; the server cannot be reached, closes the connection, or is too slow.
            ArchiveRefusedError: the server does not store it, or its answer is not valid.
        """
        data = file.read_bytes()
        try:
            status, headers, received = asyncio.run(_within(until, self._post(data)))
        except aiohttp.ClientError as error:
            raise _plain(error) from error
        check_answer(status, headers, received, _uid_of(file))

    async def _post(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        boundary = secrets.token_hex(16)
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = io.BytesIO(b"".join((head, data, f"\r\n--{boundary}--\r\n".encode())))
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
            "Accept-Encoding": "identity",
        }
        if self.authorization:
            headers["Authorization"] = self.authorization
        connector = aiohttp.TCPConnector(resolver=_Resolver(), ssl=self.tls or True, force_close=True)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),  # our own deadline applies
                auto_decompress=False,
            ) as session,
            # A redirection would carry file and token elsewhere.
            session.post(f"{self.shown}/studies", data=body, headers=headers, allow_redirects=False) as answer,
        ):
            received = b""
            async for piece in answer.content.iter_chunked(1 << 16):
                received += piece
                if len(received) > _LONGEST_ANSWER:
                    raise ArchiveRefusedError(f"it answers {answer.status}, and the answer does not end")
            named = ("Content-Type", "Content-Encoding")
            return answer.status, {name: answer.headers[name] for name in named if name in answer.headers}, received


def _uid_of(file: Path) -> str | None:
    """The UID of the instance in a file; None if it is not valid DICOM, which the server decides."""
    try:
        return str(read_file_meta_info(file).MediaStorageSOPInstanceUID)
    except Exception:
        return None


def _plain(error: aiohttp.ClientError) -> Exception:
    """The error in our own words: those of the library quote what the server sent."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or "it is wrong"
        return OSError(f"its certificate is not trusted: {why.rstrip('.')}")
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
