"""Worklists that answer, lie, hang, and have ten thousand entries: pynetdicom's own server."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("pynetdicom")

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.dsutils import encode

from edge.capture.archive import worklist as worklist_module
from edge.capture.archive.dimse_address import DimseAddress, read_address
from edge.capture.archive.worklist import Worklist, query
from edge.errors import EdgeError

MODEL = "1.2.840.10008.5.1.4.31"
TODAY = datetime.date(2026, 11, 29)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine starts a process slowly; and the server here may answer what is wrong."""
    monkeypatch.setattr(worklist_module, "_LONGEST_S", 120.0)
    monkeypatch.setattr("pynetdicom.service_class.encode", encoded)


def entry(number: int = 1, **changes: Any) -> Dataset:
    """An answer as a good information system gives it; changes of the step begin with ``step_``."""
    answer, step, code = Dataset(), Dataset(), Dataset()
    answer.SpecificCharacterSet = "ISO_IR 192"
    answer.PatientName, answer.PatientID = f"Müller^Änne {number}", f"P{number}"
    answer.PatientBirthDate, answer.PatientSex, answer.AccessionNumber = "19500131", "F", f"A{number}"
    answer.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.77.{number}"
    answer.RequestedProcedureID, answer.RequestedProcedureDescription = f"RP{number}", "Fundus photography"
    answer.ReferringPhysicianName = "Who^Dr"
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "FP", "99RIS", "Fundus"
    answer.RequestedProcedureCodeSequence = [code]
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = "20261129", "093000"
    step.ScheduledProcedureStepID, step.ScheduledProcedureStepDescription = f"S{number}", "both eyes"
    answer.ScheduledProcedureStepSequence = [step]
    for name, value in changes.items():
        setattr(step if name.startswith("step_") else answer, name.removeprefix("step_"), value)
    return answer


class Server:
    """Answers each query with the same entries, and keeps what it was asked."""

    def __init__(self, answers: Callable[[], Iterable[Any]], model: str = MODEL) -> None:
        self.asked: list[Any] = []
        self.at_work = threading.Event()
        entity = AE("RIS")
        entity.add_supported_context(model, "1.2.840.10008.1.2.1")

        def find(event: Any) -> Iterator[tuple[int, Any]]:
            self.asked.append(event.identifier)
            for answer in answers():
                yield answer if isinstance(answer, tuple) else (0xFF00, answer)

        self._entity = entity
        self._server: Any = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find)])
        self.port = int(self._server.socket.getsockname()[1])

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._entity.shutdown()
            self._server = None


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(*answers: Any, model: str = MODEL) -> Server:
        made.append(Server(lambda: iter(answers), model))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def address(server: Server, **more: Any) -> DimseAddress:
    return dataclasses.replace(read_address(f"dicom://RIS@127.0.0.1:{server.port}"), **more)


def test_whom_it_expects_comes_back_with_the_order(serve: Callable[..., Server]) -> None:
    server = serve(entry(2, step_ScheduledProcedureStepStartTime="1015"), entry(1))
    items, note = query(address(server, station="ROOM 1"), TODAY)
    assert note == ""
    assert [item.shown["patient_id"] for item in items] == ["P1", "P2"]  # earliest first
    first = items[0]
    assert first.shown == {
        "key": first.key, "patient_name": "Müller^Änne 1", "patient_id": "P1", "birth_date": "1950-01-31", "sex": "F",
        "scheduled": "2026-11-29T09:30", "accession_number": "A1",
    }  # fmt: skip
    assert first.study_uid == "1.2.826.0.1.3680043.8.498.77.1"
    assert (first.procedure_id, first.step_id, first.step) == ("RP1", "S1", "both eyes")
    assert first.attributes["ReferringPhysicianName"] == "Who^Dr"
    assert first.procedure_code is not None
    assert (first.procedure_code.value, first.procedure_code.scheme) == ("FP", "99RIS")
    (asked,) = server.asked
    (step,) = asked.ScheduledProcedureStepSequence
    assert (step.Modality, step.ScheduledProcedureStepStartDate) == ("OP", "20261129")
    assert step.ScheduledStationAETitle == "ROOM 1"


def test_the_key_reveals_nothing_and_stays_the_same(serve: Callable[..., Server]) -> None:
    server = serve(entry(1), entry(2))
    once, again = query(address(server), TODAY)[0], query(address(server), TODAY)[0]
    assert [item.key for item in once] == [item.key for item in again]
    assert len({item.key for item in once}) == 2
    for item in once:
        assert item.key.isalnum()
        for secret in ("Müller", "P1", "1950", "A1", "498.77", "Who"):
            assert secret not in repr(item)


def test_any_modality_is_asked_for_on_demand(serve: Callable[..., Server]) -> None:
    server = serve()
    assert query(read_address(f"dicom://RIS@127.0.0.1:{server.port}?modality=any"), TODAY) == ((), "")
    assert server.asked[0].ScheduledProcedureStepSequence[0].Modality == ""


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Änne"),
        ("ISO_IR 144", "Иванов^Иван"),
        ("ISO_IR 192", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ],
)
def test_names_of_other_scripts(serve: Callable[..., Server], charset: Any, name: str) -> None:
    items, _ = query(address(serve(entry(SpecificCharacterSet=charset, PatientName=name))), TODAY)
    assert items[0].attributes["PatientName"] == name


class Wrong(Dataset):
    """A data set with elements that pydicom would refuse to write, in explicit VR."""

    wrong: dict[int, bytes]


def with_raw(tag: int, kind: str, value: bytes, **changes: Any) -> Wrong:
    answer = Wrong(entry(66, **changes))
    answer.pop(tag, None)
    value += b" " * (len(value) % 2)
    long = kind in ("SQ", "OB")
    length = b"\0\0" + len(value).to_bytes(4, "little") if long else len(value).to_bytes(2, "little")
    group, element = divmod(tag, 1 << 16)
    head = group.to_bytes(2, "little") + element.to_bytes(2, "little") + kind.encode() + length
    answer.__dict__["wrong"] = {tag: head + value}
    return answer


def encoded(answer: Dataset, *syntax: bool) -> bytes | None:
    """As pynetdicom encodes it, with the wrong elements in their places."""
    wrong = answer.__dict__.get("wrong")
    if wrong is None:
        return encode(answer, *syntax)
    parts, charset = {**wrong}, Dataset()
    charset.SpecificCharacterSet = answer.get("SpecificCharacterSet", "")
    head = encode(charset, *syntax) or b""
    for element in answer:
        one = Dataset(charset)
        one.add(element)
        data = encode(one, *syntax) or b""
        parts[int(element.tag)] = data if element.tag == 0x00080005 else data[len(head) :]
    return b"".join(parts[tag] for tag in sorted(parts))


HOSTILE = {
    "control characters": with_raw(0x00100020, "LO", b"66\x1b[31mred"),
    "a line break": with_raw(0x00100010, "PN", b"Roe\nRita"),
    "200 letters": with_raw(0x00100010, "PN", b"R" * 200),
    "two patients": with_raw(0x00100020, "LO", b"66\\67"),
    "no date": with_raw(0x00100030, "DA", b"31.01.50"),
    "another sex": with_raw(0x00100040, "CS", b"hidden"),
    "wrong letters": with_raw(0x00100010, "PN", b"M\xfcller^\xc4nne"),  # declared as UTF-8
    "no letters of anything": with_raw(0x00100010, "PN", b"M\xfcller", SpecificCharacterSet=""),
    "an unknown script": with_raw(0x00080005, "CS", b"KLINGON"),
    "a sequence": with_raw(0x00100010, "SQ", b""),
    "nobody": entry(66, PatientID="", PatientName=""),
    "next to nothing": with_raw(0x00080050, "SH", b"66", PatientID="", PatientName=""),
}


def test_an_entry_with_a_wrong_identity_is_left_out_and_the_others_are_not(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    items, note = query(address(serve(*HOSTILE.values(), entry(1))), TODAY)
    assert [item.attributes["PatientID"] for item in items] == ["P1"]
    assert "entries whose identity DICOM does not allow are left out" in note
    ours = [record for record in caplog.records if not record.name.startswith("pynetdicom")]  # of the server here
    assert ours == []


def test_what_is_wrong_of_the_order_alone_is_left_out(serve: Callable[..., Server]) -> None:
    answer = with_raw(0x0020000D, "UI", b"1.2.hidden", RequestedProcedureCodeSequence=[Dataset()])
    for wrong in (
        with_raw(0x00321060, "LO", b"a\x07b"),
        with_raw(0x00401001, "SH", b"much longer than sixteen"),
        with_raw(0x00400100, "SQ", b""),
    ):
        ((tag, data),) = wrong.__dict__["wrong"].items()
        answer.pop(tag)
        answer.__dict__["wrong"][tag] = data
    (item,), note = query(address(serve(answer)), TODAY)
    assert note == ""
    assert (item.study_uid, item.procedure, item.procedure_id, item.procedure_code) == ("", "", "", None)
    assert (item.scheduled, item.step_id) == ("", "")
    assert item.attributes["PatientID"] == "P66"


def test_an_undeclared_text_is_utf_8(serve: Callable[..., Server]) -> None:
    """As many systems are set up."""
    answer = with_raw(0x00100010, "PN", "Müller".encode(), SpecificCharacterSet="")
    (item,), _ = query(address(serve(answer)), TODAY)
    assert item.attributes["PatientName"] == "Müller"


_ASK = """
import datetime, resource, sys
from edge.capture.archive import worklist
from edge.capture.archive.dimse_address import read_address
from edge.errors import EdgeError
worklist._LONGEST_S = 15.0
try:
    items, note = worklist.query(read_address(sys.argv[1]), datetime.date.fromisoformat(sys.argv[2]))
    print(len(items), note)
except EdgeError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def said_and_peak(server: Server) -> tuple[str, int]:
    """What comes of a question to a server, and the largest process that it took, in KiB: asked from a process that has
    had no other child."""
    arguments = (f"dicom://RIS@127.0.0.1:{server.port}", TODAY.isoformat())
    run = subprocess.run([sys.executable, "-c", _ASK, *arguments], capture_output=True, text=True, check=True)
    said, peak = run.stdout.splitlines()
    return said, int(peak)


def test_ten_thousand_entries_are_cut(serve: Callable[..., Server]) -> None:
    said, peak = said_and_peak(serve(*[entry(number) for number in range(10_000)]))
    assert said.startswith("200 ")
    assert "only the first 200 entries are shown" in said
    assert peak < 600 << 10


def test_a_large_answer_harms_nobody(serve: Callable[..., Server]) -> None:
    answer = entry(1)
    answer.add_new(0x00091001, "OB", b"\0" * (400 << 20))
    said, peak = said_and_peak(serve(answer))
    assert "gives no answer" in said
    assert peak < 600 << 10


@pytest.mark.parametrize(
    ("answers", "model", "words"),
    [
        ([(0xA700, None)], MODEL, "it refuses the query with status A700H"),
        ([(0xC001, None)], MODEL, "it refuses the query with status C001H"),
        ([], "1.2.840.10008.1.1", "not this kind of file or query (SOP class)"),
    ],
)
def test_a_refusal_is_one_sentence(serve: Callable[..., Server], answers: Any, model: str, words: str) -> None:
    with pytest.raises(EdgeError) as told:
        query(address(serve(*answers, model=model)), TODAY)
    assert words in str(told.value)
    assert str(told.value).startswith("the worklist dicom://RIS@127.0.0.1")


def test_a_worklist_that_is_away_or_silent_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(worklist_module, "_LONGEST_S", 4.0)
        since = time.monotonic()
        with pytest.raises(EdgeError, match=r"gives no answer \(it is not done in time\): type the identity"):
            query(read_address(f"dicom://RIS@127.0.0.1:{silent.getsockname()[1]}"), TODAY)
        assert time.monotonic() - since < 60
        port = silent.getsockname()[1]
    monkeypatch.setattr(worklist_module, "_LONGEST_S", 120.0)
    with pytest.raises(EdgeError, match=r"gives no answer \(Connection refused\)"):
        query(read_address(f"dicom://RIS@127.0.0.1:{port}"), TODAY)


def test_an_entry_can_be_chosen_while_the_server_is_away(serve: Callable[..., Server]) -> None:
    server = serve(entry(1))
    worklist = Worklist(address(server))
    (item,) = worklist.items()
    server.stop()
    assert worklist.taken(item.key) == item
    assert worklist.taken("0" * 24) is None


def test_two_phones_at_once_ask_once(serve: Callable[..., Server]) -> None:
    server = serve(entry(1))
    worklist = Worklist(address(server))
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(worklist.items())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert len(set(map(len, got))) == 1
    assert len(server.asked) == 1


# --- the route


def ask(worklist: Worklist | None, **more: Any) -> tuple[int, dict[str, Any]]:
    web = pytest.importorskip("aiohttp.web")
    import json

    from aiohttp.test_utils import make_mocked_request

    from edge.preview.worklist import worklist_route

    async def asked() -> Any:
        return await worklist_route(worklist, **more)(make_mocked_request("GET", "/worklist"))

    answer = asyncio.run(asked())
    assert isinstance(answer, web.Response)
    return answer.status, json.loads(answer.text)


def test_the_page_gets_the_entries_or_one_sentence(serve: Callable[..., Server]) -> None:
    server = serve(entry(1))
    worklist = Worklist(address(server))
    status, body = ask(worklist)
    assert (status, body["note"]) == (200, None)
    assert body["items"] == [item.shown for item in worklist.items()]
    assert ask(None) == (409, {"error": "this session has no worklist; start it with --worklist"})
    assert ask(worklist, refused=lambda request: "no") == (403, {"error": "no"})
    server.stop()
    status, body = ask(Worklist(address(server)))
    assert status == 502
    assert "gives no answer (Connection refused)" in body["error"]


def test_nothing_of_an_answer_is_logged(serve: Callable[..., Server], caplog: pytest.LogCaptureFixture) -> None:
    server = serve(entry(1))
    with caplog.at_level(logging.DEBUG, "edge"):
        query(address(server), TODAY)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("edge")]
    assert not [line for line in ours if "Müller" in line or "P1" in line]
