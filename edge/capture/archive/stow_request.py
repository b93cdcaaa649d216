"""A DICOM file to a DICOMweb server (STOW-RS), in bounded time whatever the server does.

aiohttp does the talking: everything from the name to the last byte of the answer can be given up at one moment, it
bounds what it reads of headers, and it neither follows a redirection nor unpacks an answer where it is told not to.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from pydicom.filereader import read_file_meta_info

from edge.capture.archive.answer import ArchiveRefusedError, check_answer

_T = TypeVar("_T")
_LOOK_S = 0.25  # how soon it is seen that a deadline came nearer
_LONGEST_ANSWER = 1 << 20  # bytes


@dataclass(frozen=True)
class StowTarget:
    """A DICOMweb server; its repr shows no secret.

    Attributes:
        shown: its address, without user and password.
        authorization: the header of that name; empty for none.
        tls: how its certificate is checked; None for plain HTTP.
    """

    shown: str
    authorization: str = field(repr=False)
    tls: ssl.SSLContext | None = field(repr=False)

    def send(self, file: Path, until: Callable[[], float]) -> None:
        """Store a file.

        Args:
            file: it.
            until: when to give up, by ``time.monotonic``; asked again and again, for it may come nearer.

        Raises:
            OSError: the file cannot be read; the server cannot be reached, breaks off, or is not done by then.
            RefusedError: the server does not store it, or says nothing that can be understood.
        """
        data = file.read_bytes()
        try:
            status, headers, said = asyncio.run(_within(until, self._post(data)))
        except aiohttp.ClientError as error:
            raise _plain(error) from error
        check_answer(status, headers, said, _uid_of(file))

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
                timeout=aiohttp.ClientTimeout(),  # ours counts
                auto_decompress=False,
            ) as session,
            # A redirection would carry file and token elsewhere.
            session.post(f"{self.shown}/studies", data=body, headers=headers, allow_redirects=False) as answer,
        ):
            said = b""
            async for piece in answer.content.iter_chunked(1 << 16):
                said += piece
                if len(said) > _LONGEST_ANSWER:
                    raise ArchiveRefusedError(f"it answers {answer.status}, and the answer does not end")
            named = ("Content-Type", "Content-Encoding")
            return answer.status, {name: answer.headers[name] for name in named if name in answer.headers}, said


def _uid_of(file: Path) -> str | None:
    """Of the instance in a file; None where it is none, which is the server's to judge."""
    try:
        return str(read_file_meta_info(file).MediaStorageSOPInstanceUID)
    except Exception:
        return None


def _plain(error: aiohttp.ClientError) -> Exception:
    """What went wrong, in our words: those of the library quote what the server sent."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or "it is wrong"
        return OSError(f"its certificate is not trusted: {why.rstrip('.')}")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return OSError("its name is not known here")
    if isinstance(error, aiohttp.ClientSSLError):
        return OSError("it does not speak TLS as we do: is it http:// instead of https://?")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return OSError("it hangs up without an answer")
    if isinstance(error, aiohttp.ClientOSError):
        return OSError(os.strerror(error.errno)) if error.errno and error.errno > 0 else OSError("it hangs up")
    if isinstance(error, aiohttp.ClientPayloadError):
        return OSError("its answer breaks off")
    return ArchiveRefusedError("its answer is not HTTP")


async def _within(until: Callable[[], float], work: Coroutine[object, object, _T]) -> _T:
    """Wait for something as long as it may take.

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
    """Looks a name up on a thread that nobody waits for: one of asyncio's own would keep the program from ending."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def look_up() -> None:
            result: list[ResolveResult] | OSError
            try:
                result = _addresses(host, port, family)
            except (OSError, UnicodeError) as error:
                result = OSError(str(error))
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(_settle, found, result)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        return await found

    async def close(self) -> None:
        """There is nothing to close."""


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    return [
        ResolveResult(
            hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
        )
        for kind, _, proto, _, address in socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    ]


def _settle(future: asyncio.Future[list[ResolveResult]], result: list[ResolveResult] | OSError) -> None:
    if future.done():
        return
    if isinstance(result, OSError):
        future.set_exception(result)
    else:
        future.set_result(result)
