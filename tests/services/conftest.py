"""A real Orthanc with its plugins for DICOMweb and worklists, on the loopback and in a folder of its own."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import io
import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
WORKLISTS = PLUGIN.with_name("libModalityWorklists.so")
USER, PASSWORD = "camera", "p@ss:w/rd"


class Orthanc:
    """One archive, which may be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as taken, socket.socket() as also_taken:
            taken.bind(("127.0.0.1", 0))
            also_taken.bind(("127.0.0.1", 0))
            self.port, self.dicom_port = int(taken.getsockname()[1]), int(also_taken.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}/dicom-web"
        self.node = f"dicom://ARCHIVE@127.0.0.1:{self.dicom_port}"
        self.expected = folder / "expected"  # a worklist, one DICOM file an entry
        self._folder = folder
        folder.mkdir()
        self.expected.mkdir()
        (folder / "orthanc.json").write_text(
            json.dumps(
                {
                    "StorageDirectory": str(folder / "images"),
                    "IndexDirectory": str(folder / "images"),
                    "HttpPort": self.port,
                    "HttpBindAddresses": ["127.0.0.1"],
                    "RemoteAccessAllowed": True,
                    "DicomServerEnabled": True,
                    "DicomAet": "ARCHIVE",
                    "DicomPort": self.dicom_port,
                    "DicomCheckCalledAet": True,
                    "DicomAlwaysAllowFindWorklist": True,
                    "DefaultEncoding": "Utf8",  # of a worklist's answers
                    "AuthenticationEnabled": True,
                    "RegisteredUsers": {USER: PASSWORD},
                    "Plugins": [str(PLUGIN), *([str(WORKLISTS)] if WORKLISTS.exists() else [])],
                    "Worklists": {"Enable": True, "Database": str(self.expected)},
                    "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
                }
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(["Orthanc", str(self._folder / "orthanc.json")], stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.get("/studies")
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self._folder / "log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def get(self, path: str, accept: str = "application/dicom+json") -> tuple[str, bytes]:
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Accept": accept, "Authorization": f"Basic {login}"}
        request = urllib.request.Request(self.address + path, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers["Content-Type"], answer.read()

    def instances(self) -> list[Any]:
        """All that is stored, read back by WADO-RS."""
        import pydicom

        found = []
        for study in json.loads(self.get("/studies")[1] or b"[]"):
            uid = study["0020000D"]["Value"][0]
            kind, body = self.get(f"/studies/{uid}", 'multipart/related; type="application/dicom"; transfer-syntax=*')
            message = email.message_from_bytes(
                f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP
            )
            found += [pydicom.dcmread(io.BytesIO(part.get_payload(decode=True))) for part in message.iter_parts()]
        return sorted(found, key=lambda image: int(image.InstanceNumber))


@pytest.fixture
def make_orthanc(tmp_path: Path) -> Iterator[Callable[..., Orthanc]]:
    """Makes archives, which stand still until they are started."""
    if shutil.which("Orthanc") is None or not PLUGIN.exists():
        pytest.skip("NO ORTHANC: the hand-over to an archive is NOT tested; apt install orthanc orthanc-dicomweb")
    made: list[Orthanc] = []

    def make() -> Orthanc:
        made.append(Orthanc(tmp_path / f"orthanc-{len(made)}"))
        return made[-1]

    yield make
    for orthanc in made:
        orthanc.stop()


@contextlib.contextmanager
def behind_tls(port: int, certificate: Path, key: Path) -> Iterator[int]:
    """A port that speaks TLS for one that does not, as a proxy before an archive; Debian's Orthanc dies of its own."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as outer,
                socket.create_connection(("127.0.0.1", port)) as inner,
            ):
                back = threading.Thread(target=self.carry, args=(inner, outer), daemon=True)
                back.start()
                self.carry(outer, inner)
                back.join()

        def carry(self, source: socket.socket, sink: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(1 << 16):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


@pytest.fixture
def proxy() -> Callable[[int, Path, Path], contextlib.AbstractContextManager[int]]:
    return behind_tls


# The same, but files that an archive does not take are tried for five seconds at the end, and not for thirty.
_IMPATIENT = "from edge.capture.archive import stow; stow._LAST_S = 5.0; from edge.commands.capture import main; main()"


class Running:
    """``edge-capture`` in a process of its own; what it says is read as it comes."""

    def __init__(self, folder: Path, *arguments: str | Path, impatient: bool = False, **environment: str) -> None:
        self.said = folder / "stderr"
        program = ("-c", _IMPATIENT) if impatient else ("-m", "edge.commands.capture")
        command = [sys.executable, *program, *map(str, arguments)]
        with self.said.open("wb") as errors, (folder / "stdout").open("wb") as out:
            self.process = subprocess.Popen(
                command, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stdout=out, stderr=errors
            )

    def notes(self, of: str = "") -> list[str]:
        """What was told of something; a busy machine may have told of more."""
        told = [line for line in self.said.read_text().splitlines() if line.startswith(("note:", "error:"))]
        return [line for line in told if of in line]

    def wait_for(self, *words: str) -> None:
        """Until one line says all of it."""
        deadline = time.monotonic() + 300
        while not any(all(word in line for word in words) for line in self.notes()):
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.05)

    def end(self) -> int:
        return self.process.wait(120)


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts ``edge-capture``; the words of one run lie in a folder of its own.

    An impatient one ends sooner where an archive takes nothing.
    """
    pytest.importorskip("pydicom")
    begun: list[Running] = []

    def start(*arguments: str | Path, impatient: bool = False, **environment: str) -> Running:
        folder = tmp_path / f"run-{len(begun)}"
        folder.mkdir()
        begun.append(Running(folder, *arguments, impatient=impatient, **environment))
        return begun[-1]

    yield start
    for run in begun:
        run.process.kill()
        run.process.wait()
