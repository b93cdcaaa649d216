"""DICOM files on their way to a folder or a server, one that is broken or hostile included."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.archive import stow as handover_module
from edge.capture.archive.stow import HandOver
from edge.capture.archive.study import begin_study
from edge.capture.archive.target import FolderTarget, read_target
from edge.capture.archive.waiting import Folders, mark_of
from edge.capture.graded import Graded
from edge.capture.session.session import Session
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.model import QualityModel

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("aiohttp")
UID = "1.2.826.0.1.3680043.8.498.11"


def graded(index: int) -> Graded:
    image = np.random.default_rng(index).integers(0, 255, (64, 60, 3), np.uint8)
    whole = np.ones((4, 4), bool)
    assessment = Assessment(
        0.875, "good", np.full((4, 4), 0.125, np.float32), whole, Crop(0, 0, 60), Timings(1.0, 2.0, 3.0)
    )
    return Graded(Frame(image, index, 100.0 + index / 30), assessment, index / 30, 5.0)


def dicom_file(path: Path, uid: str = UID) -> Path:
    image = pydicom.Dataset()
    image.SOPClassUID, image.SOPInstanceUID, image.PatientID = "1.2.840.10008.5.1.4.1.1.77.1.5.1", uid, "00123"
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    pydicom.dcmwrite(path, image, enforce_file_format=True)
    mark_of(path).touch()
    return path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover_module, "_FIRST_PAUSE_S", 0.02)
    for name in ("EFIQA_STOW_TOKEN", "EFIQA_STOW_LOGIN"):
        monkeypatch.delenv(name, raising=False)


# --- a server with scripted answers


def answer(status: int = 200, body: bytes = b"", headers: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status} \x1b[31mEVIL\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + body


def stored(uid: str = UID) -> bytes:
    item = {"00081155": {"vr": "UI", "Value": [uid]}}
    return json.dumps({"00081198": {"vr": "SQ"}, "00081199": {"vr": "SQ", "Value": [item]}}).encode()


def in_xml(uid: str) -> bytes:
    named = f'<DicomAttribute tag="00081155" vr="UI"><Value number="1">{uid}</Value></DicomAttribute>'
    return (
        '<?xml version="1.0"?><NativeDicomModel><DicomAttribute tag="00081198" vr="SQ"/>'
        f'<DicomAttribute tag="00081199" vr="SQ"><Item number="1">{named}</Item></DicomAttribute></NativeDicomModel>'
    ).encode()


def failed(reason: int, uid: str = UID) -> bytes:
    item = {"00081155": {"vr": "UI", "Value": [uid]}, "00081197": {"vr": "US", "Value": [reason]}}
    return json.dumps({"00081198": {"vr": "SQ", "Value": [item]}}).encode()


def read_request(line: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += line.recv(1 << 16) or b"\r\n\r\n"
    length = re.search(rb"(?i)content-length: (\d+)", data)
    while length and len(data) < data.index(b"\r\n\r\n") + 4 + int(length[1]):
        piece = line.recv(1 << 16)
        if not piece:
            break
        data += piece
    return data


class Server:
    """Behaves badly to the first who come, one way after the other, and well to all others."""

    def __init__(self, *ways: Callable[[Server, socket.socket], None]) -> None:
        self.ways = list(ways)
        self.taken: list[bytes] = []  # requests that were answered well
        self.came = 0
        self.closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}/dicom-web"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self.came += 1
                threading.Thread(target=self._meet, args=(line,), daemon=True).start()

    def _meet(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError), line:
            if self.ways:
                self.ways.pop(0)(self, line)
            else:
                self.taken.append(read_request(line))
                line.sendall(answer(200, stored()))

    def close(self) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(*ways: Callable[[Server, socket.socket], None]) -> Server:
        made.append(Server(*ways))
        return made[-1]

    yield make
    for server in made:
        server.close()


def says(data: bytes) -> Callable[[Server, socket.socket], None]:
    """Reads a request and answers this."""

    def way(server: Server, line: socket.socket) -> None:
        read_request(line)
        line.sendall(data)

    return way


def hangs_up(server: Server, line: socket.socket) -> None:
    line.recv(10)


def resets_in_the_middle(server: Server, line: socket.socket) -> None:
    line.recv(10)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def for_ever(start: bytes, piece: bytes, every_s: float = 0.02) -> Callable[[Server, socket.socket], None]:
    def way(server: Server, line: socket.socket) -> None:
        read_request(line)
        line.sendall(start)
        while not server.closing.wait(every_s):
            line.sendall(piece)

    return way


def is_deaf(server: Server, line: socket.socket) -> None:
    server.closing.wait(60)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def hand_over(address: str, files: list[Path], delivered: int) -> tuple[list[str], list[str]]:
    """Hand files over; returns the reports and the notes."""
    reports: list[str] = []
    notes: list[str] = []
    giving = HandOver(read_target(address), reports.append, notes.append)
    for file in files:
        giving.take(file)
    wait_until(lambda: giving.delivered == delivered)
    giving.close()
    return reports, notes


FAULTS = {
    "no HTTP": (says(b"SSH-2.0-\x1b[31mEVIL\r\n"), "not HTTP"),
    "binary": (says(bytes(range(256)) * 40), "not HTTP"),
    "nothing": (hangs_up, "closes the connection|reset"),
    "reset": (resets_in_the_middle, "reset|closes the connection"),
    "half": (says(answer(200, stored()[:9], length=500)), "is incomplete"),
    "500": (says(answer(500)), "answers 500: it has an internal error"),
    "503": (says(answer(503)), "answers 503: it is overloaded or starting"),
    "507": (says(answer(507)), "answers 507: it is full"),
    "401": (says(answer(401)), "answers 401: user, password"),
    "418": (says(answer(418)), "answers 418"),
    "302": (says(answer(302, headers="Location: http://127.0.0.1:1/\r\n")), "answers 302, which redirects"),
    "307": (says(answer(307, headers="Location: http://127.0.0.1:1/\r\n")), "answers 307, which redirects"),
    "login": (says(answer(200, b"<!DOCTYPE html>please log in")), "answers 200 with a web page"),
    "200 failed": (says(answer(200, failed(0x0110))), "refuses the file with reason 0110H: processing failure"),
    "202 failed": (says(answer(202, failed(0xA700))), "refuses the file with reason A700H: out of resources"),
    "409 failed": (says(answer(409, failed(0x0122))), "refuses the file with reason 0122H"),
    "409": (says(answer(409)), "answers 409: it rejects the file"),
    "xml": (says(answer(202, b'<DicomAttribute tag="00081198" vr="SQ"><Item number="1"/>')), "refuses the file"),
    "other": (says(answer(200, stored("1.2.3"))), "does not say that it stored the file"),
    "empty": (says(answer(200)), "does not say that it stored the file"),
    "nothing said": (says(answer(200, b"{}")), "does not say that it stored the file"),
    "OK": (says(answer(200, b"OK", "Content-Type: text/plain\r\n")), "does not say that it stored the file"),
    "login in XML": (says(answer(200, b"<?xml version='1.0'?><html>log in</html>")), "does not say that it stored"),
    "stored, in XML": (says(answer(200, in_xml("1.2.3"))), "does not say that it stored the file"),
    "refused, in XML": (says(answer(200, in_xml(UID).replace(b'"00081199"', b"'00081198'"))), "refuses the file"),
    "other there already": (says(answer(409, failed(0x0111, "1.2.3"))), "answers 409: it rejects the file"),
    "already, says a door": (says(answer(401, failed(0x0111))), "refuses the file with reason 0111H"),
    "none": (says(answer(200, b'{"00081199": {"vr": "SQ"}}')), "does not say that it stored the file"),
    "gzip": (says(answer(200, gzip.compress(bytes(1 << 20)), "Content-Encoding: gzip\r\n")), "is compressed"),
    "huge": (says(answer(200, bytes(3 << 20))), "does not end"),
    "long line": (says(b"HTTP/1.1 200 " + b"y" * 400_000), "not HTTP"),
    "long header": (says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 400_000), "not HTTP"),
    "deep": (says(answer(503, b"[" * 500_000)), "answers 503"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_any_wrong_answer_is_retried_and_reported_once_and_when_it_is_over(
    serve: Callable[..., Server], tmp_path: Path, fault: str
) -> None:
    way, why = FAULTS[fault]
    server = serve(way, way)
    reports, notes = hand_over(server.address, [dicom_file(tmp_path / "one.dcm")], 1)
    assert reports == []  # which would end the command with 1
    began, over = notes
    assert re.search(f"does not take DICOM files \\(.*({why}).*\\): trying again", began)
    assert "takes DICOM files again" in over
    assert "EVIL" not in began
    assert "\x1b" not in began
    assert len(server.taken) == 1
    assert not mark_of(tmp_path / "one.dcm").exists()


ENDLESS = {
    "headers by the byte": for_ever(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "status by the byte": for_ever(b"HTTP/1.1 200 ", b"y"),
    "headers": for_ever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "headers as fast as may be": for_ever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10_000, 0),
    "100 Continue": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue as fast as may be": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0),
    "chunks": for_ever(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n"),
    "body by the byte": for_ever(answer(200, length=1 << 19), b"y"),
    "body without end": for_ever(b"HTTP/1.1 200 OK\r\n\r\n", b"y"),
    "silence": for_ever(b"", b""),
    "deafness": is_deaf,
}


@pytest.mark.parametrize("fault", ENDLESS)
def test_a_server_that_never_ends_is_left_and_tried_again(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(handover_module, "_TRY_S", 4.0 if fault == "deafness" else 1.0)
    monkeypatch.setattr(handover_module, "_SLOWEST_BYTES_S", 1e9)
    file = dicom_file(tmp_path / "one.dcm")
    if fault == "deafness":
        file.write_bytes(bytes(20 << 20))  # more than the kernel takes for it
    server = serve(ENDLESS[fault])
    reports, notes = hand_over(server.address, [file], 1)
    assert reports == []
    assert len(notes) == 2
    assert "it is not done in time" in notes[0] or "not HTTP" in notes[0]
    assert server.taken  # more than once where a busy machine needs longer than a try may take


@pytest.mark.parametrize("fault", [is_deaf, ENDLESS["headers by the byte"]])
def test_a_session_ends_although_a_server_hangs_and_the_next_one_delivers(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[Server, socket.socket], None],
) -> None:  # fmt: skip
    monkeypatch.setattr(handover_module, "_LAST_S", 0.5)
    server = serve(fault)
    file = dicom_file(tmp_path / "one.dcm")
    reports: list[str] = []
    giving = HandOver(read_target(server.address), reports.append, lambda note: None)
    giving.take(file)
    wait_until(lambda: server.came == 1)
    giving.close()
    assert not giving._thread.is_alive()
    (told,) = reports
    assert f"1 DICOM file could not be handed over to {server.address} (it is not done in time)" in told
    assert mark_of(file).exists()

    monkeypatch.setattr(handover_module, "_LAST_S", 60.0)
    notes: list[str] = []
    again = HandOver(read_target(server.address), reports.append, notes.append)
    again.take_left_over(tmp_path)
    again.close()
    assert again.delivered == len(reports) == len(notes) == 1
    assert f"1 DICOM file of earlier sessions in {tmp_path} waits for {server.address}: handing it over" in notes[0]
    assert not mark_of(file).exists()


def test_a_name_server_that_hangs_keeps_no_session_from_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hang(*arguments: object, **named: object) -> list[object]:
        asked.set()
        go_on.wait(60)
        return []

    monkeypatch.setattr(handover_module, "_LAST_S", 0.5)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    before = set(threading.enumerate())
    reports: list[str] = []
    giving = HandOver(read_target("http://localhost:9/dicom-web"), reports.append, lambda note: None)
    giving.take(dicom_file(tmp_path / "one.dcm"))
    assert asked.wait(60)
    giving.close()
    assert len(reports) == 1
    # The interpreter waits at its end for every thread that is no daemon, those of executors included.
    assert all(thread.daemon for thread in set(threading.enumerate()) - before)
    go_on.set()


def test_a_redirection_is_not_followed(serve: Callable[..., Server], tmp_path: Path) -> None:
    elsewhere = serve()
    ways = [says(answer(n, headers=f"Location: {elsewhere.address}\r\n")) for n in (301, 302, 303, 307, 308)]
    server = serve(*ways)
    hand_over(server.address.replace("://", "://me:secret@"), [dicom_file(tmp_path / "one.dcm")], 1)
    assert elsewhere.came == 0
    assert len(server.taken) == 1


def test_an_instance_that_is_there_already_is_delivered(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(says(answer(409, failed(0x0111))))
    assert hand_over(server.address, [dicom_file(tmp_path / "one.dcm")], 1) == ([], [])
    assert server.came == 1


@pytest.mark.parametrize("said", [stored(UID + "\0"), b"[" + stored() + b"]", in_xml(UID)])
def test_an_instance_that_is_named_in_other_words_is_delivered(
    serve: Callable[..., Server], tmp_path: Path, said: bytes
) -> None:
    server = serve(says(answer(200, said)))
    assert hand_over(server.address, [dicom_file(tmp_path / "one.dcm")], 1) == ([], [])
    assert server.came == 1


def test_a_file_that_a_server_will_not_have_goes_behind_the_others_and_is_put_aside_at_its_deadline(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(server: Server, line: socket.socket) -> None:
        server.ways.append(picky)
        bad = b"refuse me" in read_request(line)
        line.sendall(answer(409) if bad else answer(200, stored()))

    monkeypatch.setattr(handover_module, "_DEADLINE_S", 0.3)
    server = serve(picky)
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"refuse me")
    mark_of(bad).touch()
    reports: list[str] = []
    notes: list[str] = []
    giving = HandOver(read_target(server.address), reports.append, notes.append)
    giving.take(bad)
    wait_until(lambda: len(notes) == 1)
    giving.take(dicom_file(tmp_path / "good.dcm"))
    wait_until(lambda: giving.delivered == 1 and len(reports) == 1)
    came = server.came
    giving.close()
    assert server.came == came  # it is not tried any more
    assert "it answers 409" in notes[0]
    assert "bad.dcm was not handed over" in reports[0]
    assert reports[1].startswith("1 DICOM file could not be handed over")
    assert mark_of(bad).exists()
    assert not mark_of(tmp_path / "good.dcm").exists()


def test_an_archive_that_is_away_for_longer_than_any_deadline_gets_the_file_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover_module, "_DEADLINE_S", 0.1)
    monkeypatch.setattr(handover_module, "_FIRST_PAUSE_S", 0.2)
    folder, reports, notes = tmp_path / "archive", list[str](), list[str]()
    giving = HandOver(FolderTarget(str(folder)), reports.append, notes.append)
    giving.take(dicom_file(tmp_path / "one.dcm"))
    wait_until(lambda: bool(giving._deliveries) and giving._deliveries[0].pause > 0.8)  # it was tried three times
    assert giving.state.state == "failed"
    folder.mkdir()
    wait_until(lambda: giving.delivered == 1)
    giving.close()
    assert reports == []
    assert len(notes) == 2


def test_an_archive_that_is_down_is_reported_once_for_all_files(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve()
    server.close()
    reports: list[str] = []
    notes: list[str] = []
    giving = HandOver(read_target(server.address), reports.append, notes.append)
    for number in range(5):
        giving.take(dicom_file(tmp_path / f"{number}.dcm"))
    wait_until(lambda: all(errand.failed for errand in giving._deliveries))
    assert len(notes) == 1
    assert "Connection refused" in notes[0]
    back = Server()  # on another port: the old one may be taken
    object.__setattr__(giving._target.server, "shown", back.address)  # type: ignore[attr-defined]
    giving.close()
    back.close()
    assert giving.delivered == 5
    assert "still does not take" in notes[1]
    assert "takes DICOM files again" in notes[2]
    assert reports == []


def test_trouble_that_begins_at_the_end_of_a_session_is_reported_with_its_time(
    tmp_path: Path, serve: Callable[..., Server]
) -> None:
    def refuses_once_it_ends(server: Server, line: socket.socket) -> None:
        read_request(line)
        wait_until(lambda: giving._end is not None)
        line.sendall(answer(401))

    server = serve(refuses_once_it_ends)
    notes: list[str] = []
    giving = HandOver(read_target(server.address), print, notes.append)
    giving.take(dicom_file(tmp_path / "one.dcm"))
    wait_until(lambda: server.came == 1)
    giving.close()
    assert re.search(r"answers 401.*: trying again for (2[0-9]|30) s more\.$", notes[0])
    assert giving.delivered == 1


def test_a_silent_server_at_the_end_of_a_session_is_reported(
    tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover_module, "_LAST_S", 3.0)
    monkeypatch.setattr(handover_module, "_QUIET_S", 0.1)
    server = serve(is_deaf)
    notes: list[str] = []
    giving = HandOver(read_target(server.address), lambda report: None, notes.append)
    giving.take(dicom_file(tmp_path / "one.dcm"))
    wait_until(lambda: server.came == 1)
    giving.close()
    on_the_way = f"1 DICOM file is still on the way to {server.address}"
    assert re.fullmatch(f"{re.escape(on_the_way)}: waiting for [0-3] s more at most\\.", notes[0])


def test_a_fault_of_our_own_kills_no_thread(tmp_path: Path, serve: Callable[..., Server]) -> None:
    class Broken:
        shown = "there"
        tries = 0

        def send(self, file: Path, until: Callable[[], float]) -> None:
            self.tries += 1
            if self.tries < 3:
                raise RecursionError("\x1b[31mEVIL")

    reports: list[str] = []
    notes: list[str] = []
    giving = HandOver(Broken(), reports.append, notes.append)
    giving.take(dicom_file(tmp_path / "one.dcm"))
    wait_until(lambda: giving.delivered == 1)
    giving.close()
    assert notes[0] == "there does not take DICOM files (RecursionError): trying again until it does."
    assert reports == []


def test_a_report_that_fails_ends_nothing(tmp_path: Path, serve: Callable[..., Server]) -> None:
    def broken(sentence: str) -> None:
        raise BrokenPipeError

    giving = HandOver(read_target(serve(hangs_up).address), broken, broken)
    giving.take(dicom_file(tmp_path / "one.dcm"))
    wait_until(lambda: giving.delivered == 1)
    giving.close()


def test_a_removed_file_is_reported_and_forgotten(tmp_path: Path) -> None:
    file = dicom_file(tmp_path / "one.dcm")
    file.unlink()
    reports: list[str] = []
    giving = HandOver(read_target(str(tmp_path / "inbox")), reports.append, print)
    giving.take(file)
    wait_until(lambda: bool(reports))
    giving.close()
    assert reports == [f"{file} was removed before it was handed over to {tmp_path / 'inbox'}."]
    assert not mark_of(file).exists()


# --- what waits


def test_files_of_a_session_that_is_still_at_it_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "session-2"
    folder.mkdir()
    file = dicom_file(folder / "frame-000001.dcm")
    mark_of(folder / "frame-000002.dcm").touch()  # killed before the image was written
    first, second = Folders(), Folders()
    assert first.hold(folder)
    assert second.left_over(tmp_path) == []
    first.release()
    assert second.left_over(tmp_path) == [file]
    second.release()
    assert sorted(path.name for path in folder.iterdir()) == [".frame-000001.dcm.waiting", "frame-000001.dcm"]


# --- a whole session


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


def test_one_image_a_capture_goes_out_and_as_many_as_are_asked_for(model: QualityModel, tmp_path: Path) -> None:
    for keep_dicom, names in ((1, ["000007", "000009"]), (2, ["000005", "000007", "000009"])):
        folder, inbox = tmp_path / f"out-{keep_dicom}", tmp_path / f"inbox-{keep_dicom}"
        giving = HandOver(read_target(str(inbox)), print, print)
        with Session(
            folder, model, "source", 30.0, video=False, wait=False, report=print, study=begin_study(), stated="right",
            hand_over=giving, keep_dicom=keep_dicom,
        ) as session:  # fmt: skip
            session.capture([graded(7), graded(5), graded(3)])
            session.capture([graded(9), graded(7)])
        giving.close()
        assert sorted(path.stem.removeprefix("frame-") for path in folder.glob("*.dcm")) == names
        images = [pydicom.dcmread(path) for path in inbox.iterdir()]
        assert sorted(int(image.InstanceNumber) for image in images) == list(range(1, len(names) + 1))
        assert len({image.SeriesInstanceUID for image in images}) == 1


def test_a_runner_up_that_is_captured_itself_becomes_an_image(model: QualityModel, tmp_path: Path) -> None:
    with Session(
        tmp_path / "out", model, "source", 30.0, video=False, wait=False, report=print, study=begin_study()
    ) as session:
        session.capture([graded(7), graded(5)])
        session.capture([graded(5)])
    assert len(list((tmp_path / "out").glob("*.dcm"))) == 2


def test_without_a_capture_the_best_frame_is_made_at_the_end(model: QualityModel, tmp_path: Path) -> None:
    giving = HandOver(read_target(str(tmp_path / "inbox")), print, print)
    with Session(
        tmp_path / "out", model, "source", 30.0, video=False, wait=False, report=print,
        study=begin_study(), hand_over=giving, stated="left",
    ) as session:  # fmt: skip
        session.keep(graded(3), graded(3))
    giving.close()
    assert (tmp_path / "out" / "frame-000003.dcm").exists()
    (given,) = (tmp_path / "inbox").iterdir()
    assert pydicom.dcmread(given).ImageLaterality == "L"
    assert not given.name.startswith("frame")


def test_images_and_sidecars_are_for_their_owner_alone(model: QualityModel, tmp_path: Path) -> None:
    giving = HandOver(read_target(str(tmp_path / "a" / "inbox")), print, print)
    with Session(
        tmp_path / "b" / "out", model, "source", 30.0, video=False, wait=False, report=print,
        study=begin_study(), hand_over=giving, stated="right",
    ) as session:  # fmt: skip
        session.keep(graded(3), graded(3))
        session.capture([graded(7)])
    giving.close()
    private = [*(tmp_path / "b" / "out").glob("*.json"), *tmp_path.rglob("*.dcm")]
    assert len(private) == 3
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("b/out", "a/inbox")} == {0o700}


# --- addresses


@pytest.mark.parametrize(
    "given",
    ["ftp://host/x", "http://", "https:///x", "http:/host/x", "https:host", "http://host:99999/x", "http://host:0/x",
     "http://host:x/y", "http://ho st/x", "http://host/x?token=hidden", "http://host/#hidden", "http://[::1/x",
     "http://me:hid/den@host/x", "http://me:hid?den@host/x", "http://me:1/hidden@host/x", "http://host/a\nb",
     "http://-host/x", "http://ho..st/x", "http://höst/x", "http://host/\x1b[31m", "http://" + "h" * 64 + "/x"],
)  # fmt: skip
def test_an_address_that_is_none_is_one_sentence_that_shows_no_secret(given: str) -> None:
    with pytest.raises(EdgeError, match="neither a folder nor an address") as told:
        read_target(given)
    assert not re.search(r"hid|[\x00-\x1f]", str(told.value))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "LocalHost", "[::1]", "me:pw@127.0.0.1"])
def test_identities_may_go_unencrypted_to_this_machine(host: str) -> None:
    read_target(f"http://{host}:8042/dicom-web", secret=True)


@pytest.mark.parametrize("host", ["pacs", "10.0.0.5", "localhost.example", "127.0.0.1.example", "[fe80::1]", "0.0.0.0"])
def test_identities_and_secrets_do_not_go_unencrypted_to_another(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://{host}:8042/dicom-web"
    read_target(address)  # of nobody
    read_target(address.replace("http", "https"), secret=True)
    read_target(address, secret=True, insecure=True)
    with pytest.raises(EdgeError, match="identities would be sent"):
        read_target(address, secret=True)
    with pytest.raises(EdgeError, match="user, password or token would be sent"):
        read_target(address.replace("://", "://me:secret@"))
    monkeypatch.setenv("EFIQA_STOW_TOKEN", "sesame")
    with pytest.raises(EdgeError, match="user, password or token would be sent") as told:
        read_target(address)
    assert "sesame" not in str(told.value)


@pytest.mark.parametrize(
    ("address", "variables", "header"),
    [
        ("http://127.0.0.1:1", {}, None),
        ("http://me:p%40s%3As@127.0.0.1:1", {}, "Basic bWU6cEBzOnM="),
        ("http://me:p@s:s@127.0.0.1:1", {}, "Basic bWU6cEBzOnM="),
        ("http://127.0.0.1:1", {"EFIQA_STOW_LOGIN": "me:p@s:s"}, "Basic bWU6cEBzOnM="),
        ("http://127.0.0.1:1", {"EFIQA_STOW_TOKEN": "sesame"}, "Bearer sesame"),
    ],
)
def test_who_we_are_arrives_and_is_shown_nowhere(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str,
    variables: dict[str, str], header: str | None,
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    server = serve(says(answer(401)))
    at = address.replace("127.0.0.1:1", server.address.removeprefix("http://"))
    reports, notes = hand_over(at, [dicom_file(tmp_path / "one.dcm")], 1)
    head = server.taken[0].split(b"\r\n\r\n")[0].decode()
    found = re.search(r"(?mi)^authorization: (.*?)\r?$", head)
    assert (found and found[1]) == header
    assert head.startswith("POST /dicom-web/studies HTTP/1.1\r\n")
    for secret in ("p@s", "p%40s", "sesame", "me:"):
        assert secret not in "".join([*reports, *notes, repr(read_target(at))])


def test_two_who_we_are_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIQA_STOW_TOKEN", "sesame")
    with pytest.raises(EdgeError, match="its address and in EFIQA_STOW_TOKEN"):
        read_target("https://me:secret@host/x")
    monkeypatch.setenv("EFIQA_STOW_TOKEN", "sesame\r\nX-Evil: 1")
    with pytest.raises(EdgeError, match="holds a character"):
        read_target("https://host/x")
    monkeypatch.delenv("EFIQA_STOW_TOKEN")
    monkeypatch.setenv("EFIQA_STOW_LOGIN", "me")
    with pytest.raises(EdgeError, match="not of the form user:password"):
        read_target("https://host/x")


def test_a_file_of_certificates_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    for ca in (tmp_path / "missing.pem", tmp_path / "text.pem", tmp_path):
        with pytest.raises(EdgeError, match=re.escape(f"{ca} cannot be used for --ca")):
            read_target("https://host/x", ca=ca)
    with pytest.raises(EdgeError, match="has no certificate"):
        read_target("http://host/x", ca=tmp_path / "text.pem")


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgeError, match="cannot take DICOM files"):
        read_target(str(tmp_path / "file" / "below"))


def test_the_same_file_twice_is_one_in_a_folder(tmp_path: Path) -> None:
    file = dicom_file(tmp_path / "one.dcm")
    hand_over(str(tmp_path / "inbox"), [file, file], 2)
    (given,) = (tmp_path / "inbox").iterdir()
    assert pydicom.dcmread(io.BytesIO(given.read_bytes())).PatientID == "00123"
