"""The process that speaks to one DICOM node: stores a file there, or asks for its worklist.

A request is JSON on stdin: ``called``, ``calling``, ``host``, ``port``, ``encrypted``, ``ca``, ``seconds``, and either
``file``, or ``find`` with what ``edge.capture.archive.dimse_find`` asks for. The answer is JSON on stdout: ``failed``
or ``refused`` with the reason in our own words, or ``stored``, or ``items``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import pydicom
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.presentation import PresentationContext

from edge.capture.archive.dimse_find import MODEL, find
from edge.capture.archive.dimse_words import PeerFailedError, PeerRefusedError, refusal_of, store_refusal
from edge.files.core_dump import write_no_core_dumps

_SYNTAXES = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]  # explicit and implicit VR, little endian
_MOST_MEMORY = 256 << 20  # bytes beyond the copies of a file
_COPIES = 6  # of a file in memory, at most, while it is sent
_DUPLICATE = 0x0111
_HUNG_UP = "it closes the connection: does it speak DICOM, with or without TLS as the address says?"


def main() -> None:
    """Carry out one request."""
    write_no_core_dumps()
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that no library prints into the answer
    request = json.loads(sys.stdin.buffer.read())
    signal.setitimer(signal.ITIMER_REAL, request["seconds"])  # the one that asks may have died
    try:
        answer = _carried_out(request)
    except PeerRefusedError as error:
        answer = {"refused": str(error)}
    except PeerFailedError as error:
        answer = {"failed": str(error)}
    except Exception as error:
        answer = {"refused": f"it sends what is not DICOM ({type(error).__name__})"}
    json.dump(answer, answers)
    answers.close()
    os._exit(0)  # a thread of pynetdicom may wait for the peer


def _carried_out(request: dict[str, Any]) -> dict[str, Any]:
    if "find" in request:
        _limit_memory(0)
        association = _associated(request, [build_context(MODEL, _SYNTAXES)])
        return find(association, request["find"])
    file = Path(request["file"])
    try:
        _limit_memory(file.stat().st_size)
        image = pydicom.dcmread(file)
        context = build_context(image.SOPClassUID, _SYNTAXES)
    except OSError as error:
        raise PeerFailedError(error.strerror or "the file cannot be read") from error
    except Exception as error:
        raise PeerRefusedError("the file is damaged, and no DICOM") from error
    return _store(_associated(request, [context]), image)


def _store(association: Association, image: pydicom.Dataset) -> dict[str, Any]:
    status = association.send_c_store(image).get("Status")
    if status is None:
        raise PeerFailedError("it closes the connection without an answer")
    association.release()
    # A warning tells that it is stored with something left out or changed (PS3.4, B.2.3).
    if status in (0x0000, _DUPLICATE) or 0xB000 <= status <= 0xBFFF or status in (0x0107, 0x0116):
        return {"stored": True}
    raise PeerRefusedError(store_refusal(status))


def _associated(request: dict[str, Any], contexts: list[PresentationContext]) -> Association:
    """An association with the node.

    Raises:
        PeerFailedError: it cannot be reached, or closes the connection.
        PeerRefusedError: it wants no association with us, or none of this kind.
    """
    entity = AE(request["calling"])
    # The process is ended at its deadline; until then a slow peer may be slow.
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = request["seconds"]
    entity.network_timeout = None
    heard = _Heard()
    logging.getLogger("pynetdicom").addHandler(heard)
    # Where the answer comes at once, pynetdicom may take the line that it closes itself for one that never was.
    handlers: list[Any] = [(evt.EVT_PDU_RECV, heard.received)]
    tls = (ssl.create_default_context(cafile=request["ca"]), request["host"]) if request["encrypted"] else None
    try:
        association = entity.associate(
            request["host"], request["port"], contexts=contexts, ae_title=request["called"], tls_args=tls,
            evt_handlers=handlers,
        )  # fmt: skip
    except socket.gaierror as error:
        raise PeerFailedError("its name cannot be resolved") from error
    if association.is_established:
        return association
    if heard.rejection is not None:
        raise PeerRefusedError(refusal_of(*heard.rejection))
    if heard.error is not None:
        raise PeerFailedError(_words_of(heard.error))
    if association.rejected_contexts:
        raise PeerRefusedError("it accepts an association, but not this kind of file or query (SOP class)")
    raise PeerFailedError(_HUNG_UP)


class _Heard(logging.Handler):
    """Why there is no association: an error, which pynetdicom tells to its log alone while it is handled, or a no."""

    error: OSError | None = None
    rejection: tuple[int, int] | None = None  # its source and reason

    def received(self, event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            self.rejection = int(event.pdu.source or 0), int(event.pdu.reason_diagnostic or 0)

    def emit(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self.error = self.error or error


def _words_of(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {(error.verify_message or 'it is wrong').rstrip('.')}"
    if isinstance(error, ssl.SSLError):
        return "the TLS handshake failed: is it dicom:// instead of dicoms://?"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return _HUNG_UP
    if isinstance(error, TimeoutError):
        return "it is not done in time"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else _HUNG_UP


def _limit_memory(size: int) -> None:
    """Limit the address space to what is in use now plus what a file of some bytes takes."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # another system, or one that is stricter already
        import resource

        taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        most = taken + _MOST_MEMORY + _COPIES * size
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
