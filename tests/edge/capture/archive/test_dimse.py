"""DICOM nodes that store, refuse, hang, drip and lie: pynetdicom's own server, and sockets for what it never does."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")
pynetdicom = pytest.importorskip("pynetdicom")
pytest.importorskip("aiohttp")

from pynetdicom import AE, evt

from edge.archive.refusal import ArchiveRefusedError
from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.archive.dicom import dicom_bytes
from edge.capture.archive.dimse_address import DimseAddress, read_address
from edge.capture.archive.dimse_target import DimseTarget
from edge.capture.archive.stow import HandOver
from edge.capture.archive.study import begin_study
from edge.capture.archive.target import read_target
from edge.capture.archive.waiting import mark_of
from edge.capture.graded import Graded
from edge.errors import EdgeError
from edge.field.find import Crop

OPHTHALMIC = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
SIDECAR = {"frame": {"taken": "2026-03-04T05:06:07.800+00:00"}, "model": {"name": "default", "sha256": "ab" * 32}}
LONG_S, SHORT_S = 120.0, 6.0  # a process starts slowly on a busy machine
PICTURE = np.random.default_rng(1).integers(0, 255, (65, 61, 3), np.uint8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    assessment = Assessment(
        0.875, "good", np.full((4, 4), 0.125, np.float32), np.ones((4, 4), bool), Crop(0, 0, 60), Timings(1.0, 2.0, 3.0)
    )
    graded = Graded(Frame(PICTURE, 1, 100.0), assessment, 1.0, 5.0)
    path = tmp_path / "one.dcm"
    path.write_bytes(dicom_bytes(graded, SIDECAR, begin_study({"PatientName": "Müller^Änne"}), 1, "left", "disc"))
    return path


class Node:
    """pynetdicom's server: what it was sent, and the status that it answers."""

    def __init__(self, status: int = 0, sop_class: str = OPHTHALMIC, **settings: Any) -> None:
        self.got: list[Any] = []
        self.by: list[str] = []
        self.entity = AE("ARCHIVE")
        self.entity.add_supported_context(sop_class)
        for name, value in settings.items():
            setattr(self.entity, name, value)
        self._status = status
        self.server: Any = None

    def start(self, port: int = 0, tls: ssl.SSLContext | None = None) -> int:
        self.server = self.entity.start_server(
            ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)], ssl_context=tls
        )
        return int(self.server.socket.getsockname()[1])

    def _store(self, event: Any) -> int:
        self.by.append(event.assoc.requestor.ae_title)
        self.got.append(event.dataset)
        return self._status

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.entity.shutdown()
            self.server = None


@pytest.fixture
def node() -> Iterator[Callable[..., Node]]:
    made: list[Node] = []

    def make(**settings: Any) -> Node:
        made.append(Node(**settings))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def address(port: int, called: str = "ARCHIVE", **more: Any) -> DimseAddress:
    return dataclasses.replace(read_address(f"dicom://{called}@127.0.0.1:{port}"), **more)


def send(file: Path, to: DimseAddress, seconds: float = LONG_S) -> None:
    until = time.monotonic() + seconds
    DimseTarget(to).send(file, lambda: until)


def test_an_image_arrives_with_every_attribute_and_pixel(node: Callable[..., Node], file: Path) -> None:
    archive = node()
    send(file, address(archive.start()))
    (got,) = archive.got
    sent = pydicom.dcmread(file)
    del sent[0x00080005]  # pynetdicom's server reads without it
    assert got.PatientName == "Müller^Änne"
    assert got.PixelData == sent.PixelData
    assert {element.tag for element in sent} <= {element.tag for element in got}
    assert archive.by == ["EFIQA"]


def test_a_node_that_takes_implicit_vr_alone_gets_it_so(node: Callable[..., Node], file: Path) -> None:
    archive = node(sop_class="1.2.3")
    archive.entity.add_supported_context(OPHTHALMIC, "1.2.840.10008.1.2")
    send(file, address(archive.start(), calling="CAMERA 7"))
    assert archive.got[0].ImageLaterality == "L"
    assert archive.by == ["CAMERA 7"]


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007, 0x0111])
def test_a_warning_and_a_duplicate_are_stored(node: Callable[..., Node], file: Path, status: int) -> None:
    send(file, address(node(status=status).start()))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"status": 0xA700}, "it refuses the file with status A700H: out of resources"),
        ({"status": 0xA901}, "it refuses the file with status A901H: the file does not match its SOP class"),
        ({"status": 0xC123}, "it refuses the file with status C123H: it does not understand the file"),
        ({"status": 0x0124}, "it refuses the file with status 0124H: not authorised"),
        ({"status": 0x0199}, "it refuses the file with status 0199H"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.2"}, "not this kind of file or query (SOP class)"),
        ({"require_calling_aet": ["OTHER"]}, "it does not know our AE title: have it registered there"),
        ({"require_called_aet": True, "ae_title": "OTHER"}, "it does not know the AE title in its address"),
    ],
)
def test_a_refusal_is_one_sentence(node: Callable[..., Node], file: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ArchiveRefusedError) as told:
        send(file, address(node(**settings).start()))
    assert words in str(told.value)


def test_what_cannot_be_sent_is_told(node: Callable[..., Node], tmp_path: Path) -> None:
    archive = node()
    to = address(archive.start())
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(b"an image that a disk has eaten")
    with pytest.raises(ArchiveRefusedError, match="the file is damaged"):
        send(broken, to)
    with pytest.raises(FileNotFoundError):
        send(tmp_path / "gone.dcm", to)
    assert archive.got == []


# --- peers that are no DICOM node


class Peer:
    """Does to each connection what it is told to."""

    def __init__(self, does: Callable[[socket.socket], None]) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._does = does
        self.stopped = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                threading.Thread(target=self._one, args=(line,), daemon=True).start()

    def _one(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            self._does(line)

    def stop(self) -> None:
        self._listening.close()


@pytest.fixture
def peer() -> Iterator[Callable[[Callable[[socket.socket], None]], Peer]]:
    made: list[Peer] = []

    def make(does: Callable[[socket.socket], None]) -> Peer:
        made.append(Peer(does))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def hangs_up(line: socket.socket) -> None:
    line.recv(1)


def is_silent(line: socket.socket) -> None:
    while line.recv(1 << 16):
        pass


def reads_nothing(line: socket.socket) -> None:
    time.sleep(60)


def drips(line: socket.socket) -> None:
    line.sendall(b"\x02\x00\x00\x00\x10\x00")
    while True:
        time.sleep(0.2)
        line.sendall(b"\x00")


def speaks_http(line: socket.socket) -> None:
    line.recv(1 << 16)
    line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"hidden " * 1000)


@pytest.mark.parametrize("does", [is_silent, reads_nothing, drips])
def test_a_peer_that_hangs_is_left_at_the_deadline(
    peer: Callable[..., Peer], file: Path, does: Callable[[socket.socket], None]
) -> None:
    since = time.monotonic()
    with pytest.raises(TimeoutError, match="it is not done in time"):
        send(file, address(peer(does).port), SHORT_S)
    assert SHORT_S <= time.monotonic() - since < LONG_S  # without a deadline, it waits for ever


def test_a_deadline_that_comes_nearer_is_noticed(peer: Callable[..., Peer], file: Path) -> None:
    since = time.monotonic()
    with pytest.raises(TimeoutError):
        DimseTarget(address(peer(is_silent).port)).send(
            file, lambda: since + (3.0 if time.monotonic() > since + 2 else 3600)
        )
    assert time.monotonic() - since < LONG_S


_SEND = """
import resource, sys, time
from pathlib import Path
from edge.archive.refusal import ArchiveRefusedError
from edge.capture.archive.dimse_address import read_address
from edge.capture.archive.dimse_target import DimseTarget
until, full = time.monotonic() + 30, Path(sys.argv[3])
try:
    DimseTarget(read_address(sys.argv[1])).send(Path(sys.argv[2]), lambda: 0.0 if full.exists() else until)
except (ArchiveRefusedError, OSError):
    print("refused", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_a_length_of_four_gigabytes_takes_no_memory_of_the_device(
    peer: Callable[..., Peer], file: Path, tmp_path: Path
) -> None:
    """Sent from a process that has had no other child, so that the largest one, in KiB, is that of the sending.

    It goes on for half a minute, or until nothing more is taken.
    """
    full = tmp_path / "full"

    def floods(line: socket.socket) -> None:
        line.settimeout(3)
        line.sendall(b"\x02\x00\xff\xff\xff\xff")
        taken = 0
        while True:
            try:
                taken += line.send(b"\x00" * (1 << 20))
            except TimeoutError:
                if taken > 64 << 20:  # far more than what lies in the sockets
                    full.touch()

    arguments = (f"dicom://ARCHIVE@127.0.0.1:{peer(floods).port}", str(file), str(full))
    run = subprocess.run([sys.executable, "-c", _SEND, *arguments], capture_output=True, text=True, check=True)
    what, peak = run.stdout.split()
    assert what == "refused"
    assert int(peak) < 600 << 10


@pytest.mark.parametrize(
    ("source", "reason", "words"),
    [(3, 2, "it has too many associations"), (3, 1, "it is overloaded"), (9, 9, "it gives no reason")],
)
def test_a_rejection_has_its_reason(
    peer: Callable[..., Peer], file: Path, source: int, reason: int, words: str
) -> None:
    def rejects(line: socket.socket) -> None:
        line.recv(1 << 16)
        line.sendall(bytes([3, 0, 0, 0, 0, 4, 0, 2, source, reason]))
        while line.recv(1 << 16):  # closed with something unread, the line would be reset and the answer lost
            pass

    # A source and a reason that DICOM does not know are no rejection for pynetdicom, which then waits for one.
    with pytest.raises((ArchiveRefusedError, OSError)) as told:
        send(file, address(peer(rejects).port), SHORT_S if reason == 9 else LONG_S)
    assert words in str(told.value) or reason == 9


@pytest.mark.parametrize("does", [hangs_up, speaks_http])
def test_a_peer_that_is_no_dicom_node_is_told(
    peer: Callable[..., Peer], file: Path, does: Callable[[socket.socket], None]
) -> None:
    with pytest.raises((ArchiveRefusedError, OSError)) as told:
        send(file, address(peer(does).port))
    assert "does it speak DICOM" in str(told.value)
    assert "hidden" not in str(told.value)


def test_nobody_there_is_told_of(file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    with pytest.raises(OSError, match="Connection refused"):
        send(file, address(port))
    with pytest.raises(OSError, match="its name cannot be resolved"):
        send(file, address(port, host="no-such-host.invalid"))


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=archive", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


def test_tls_checks_the_certificate(node: Callable[..., Node], file: Path, certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    archive = node()
    port = archive.start(tls=context)
    given = f"dicoms://ARCHIVE@127.0.0.1:{port}"
    with pytest.raises(OSError, match="its certificate is not trusted: self"):
        send(file, read_address(given))
    assert archive.got == []
    send(file, read_address(given, ca=certificate[0]))
    assert archive.got[0].PixelData == pydicom.dcmread(file).PixelData
    with pytest.raises(OSError, match="its certificate is not trusted"):
        send(file, read_address(given.replace("127.0.0.1", "localhost"), ca=certificate[0]))


def test_tls_to_a_node_without_it_and_the_other_way_round(
    node: Callable[..., Node], file: Path, certificate: tuple[Path, Path]
) -> None:
    plain = node()
    with pytest.raises((ArchiveRefusedError, OSError)):
        send(file, read_address(f"dicoms://ARCHIVE@127.0.0.1:{plain.start()}", ca=certificate[0]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    with pytest.raises((ArchiveRefusedError, OSError), match="with or without TLS"):
        send(file, address(node().start(tls=context)))
    assert plain.got == []


# --- with the hand-over


def test_a_node_that_is_away_loses_nothing(
    node: Callable[..., Node], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.capture.archive.stow._FIRST_PAUSE_S", 0.2)
    archive = node()
    port = archive.start()
    archive.stop()
    told: list[str] = []
    reported: list[str] = []
    mark_of(file).touch()
    giving = HandOver(read_target(f"dicom://ARCHIVE@127.0.0.1:{port}"), reported.append, told.append)
    giving.take(file)
    wait_until(lambda: bool(told))
    assert "does not take DICOM files (Connection refused): trying again" in told[0]
    again = node()
    again.start(port)
    wait_until(lambda: giving.delivered == 1)
    giving.close()
    assert "takes DICOM files again" in told[1]
    assert reported == []
    assert not mark_of(file).exists()
    assert len(again.got) == 1


def test_a_session_ends_although_a_node_hangs(
    peer: Callable[..., Peer], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.capture.archive.stow._LAST_S", 3.0)
    reported: list[str] = []
    mark_of(file).touch()
    giving = HandOver(read_target(f"dicom://ARCHIVE@127.0.0.1:{peer(is_silent).port}"), reported.append, print)
    giving.take(file)
    since = time.monotonic()
    giving.close()
    assert time.monotonic() - since < 25  # of the 30 that it has elsewhere
    assert "1 DICOM file could not be handed over to dicom://ARCHIVE@127.0.0.1" in reported[0]
    assert mark_of(file).exists()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- addresses


@pytest.mark.parametrize(
    "given",
    [
        "dicom://host:104", "dicom://@host", "dicom://AET@", "dicom://AET@host:0", "dicom://AET@host:99999",
        "dicom://AET@host/path", "dicom://AET:word@host", "dicom://a%5Cb@host", "dicom://a%1Bb@host", "dicom://%20@host",
        "dicom://seventeen-letters@host", "dicom://AET@ho st", "dicom://AET@host#x", "dicom://AET@host?x=1",
        "dicom://AET@host?modality=op", "dicom://AET@host?station=a%5Cb", "dicom://AET@host?modality", "dicom:AET@host",
        "dicom://AET@-host-",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_one_sentence(given: str) -> None:
    with pytest.raises(EdgeError, match="dicom://PACS@"):
        read_address(given)


def test_what_an_address_says() -> None:
    found = read_address("DICOM://My%20AET@[::1]:11112?modality=any&station=ROOM%201", calling="CAM")
    assert (found.called, found.host, found.port, found.calling) == ("My AET", "::1", 11112, "CAM")
    assert (found.modality, found.station, found.encrypted) == ("", "ROOM 1", False)
    assert found.shown == "dicom://My AET@[::1]:11112"
    assert read_address("dicom://A@h").port == 104
    assert read_address("dicoms://A@h").port == 2762
    with pytest.raises(EdgeError, match="--aet"):
        read_address("dicom://A@h", calling="seventeen letters")


@pytest.mark.parametrize("host", ["archive.example", "10.0.0.7", "127.0.0.1.example", "[fe80::1]"])
def test_identities_do_not_go_unencrypted_to_another_machine(host: str) -> None:
    given = f"dicom://ARCHIVE@{host}:104"
    with pytest.raises(EdgeError, match="identities would be sent to it unencrypted"):
        read_target(given, secret=True)
    assert not read_target(given).private
    assert read_target(given, secret=True, insecure=True).private
    assert read_target(given.replace("dicom:", "dicoms:"), secret=True).private
    assert read_target(f"dicom://ARCHIVE@{'[::1]' if ':' in host else '127.0.0.1'}", secret=True).private


def test_certificates_need_tls(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="give dicoms://"):
        read_target("dicom://ARCHIVE@host", ca=tmp_path / "ca.pem")
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(EdgeError, match="it holds no certificate"):
        read_target("dicoms://ARCHIVE@host", ca=tmp_path / "ca.pem")
