"""Queries of archives and what comes of them, of servers that answer anything."""

from __future__ import annotations

import http.server
import json
import pickle
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("aiohttp")
from edge.archive.http import Answer
from edge.archive.query import PAGE, Instance, _first_part, _instances, search
from edge.archive.refusal import ArchiveRefusedError
from edge.archive.server import read_server
from edge.errors import EdgeError
from edge.sources import patience
from edge.sources.dicomweb import Access, DicomwebInstance, dicomweb_instances
from edge.sources.shared import Shared
from edge.sources.source import Trouble, held

PLAIN = Access()
FUNDUS, REPORT = "1.2.840.10008.5.1.4.1.1.77.1.5.1", "1.2.840.10008.5.1.4.1.1.104.1"


class Archive:
    """Holds bytes by UID; ``ways`` answer in its place, one after the other."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.kinds: dict[str, str] = {}
        self.most = PAGE  # of a page, as many servers limit them
        self.knows_offset = True
        self.ways: list[Callable[[Any], None]] = []
        self.asked: list[tuple[str, str]] = []
        archive = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                archive.asked.append((self.path, self.headers.get("Authorization", "")))
                if archive.ways:
                    archive.ways.pop(0)(self)
                elif self.path.startswith("/dicom-web/instances?"):
                    self.page()
                else:
                    uid = self.path.rpartition("/")[2]
                    body = archive.held[uid]
                    self.say(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n--b--\r\n")

            def page(self) -> None:
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                first = int(query["offset"]) if archive.knows_offset else 0
                uids = list(archive.held)[first : first + min(archive.most, int(query["limit"]))]
                self.say(json.dumps([item(uid, archive.kinds.get(uid, FUNDUS)) for uid in uids]).encode())

            def say(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=b')
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/dicom-web"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def item(uid: str, kind: str = FUNDUS) -> dict[str, Any]:
    said = {"0020000D": "1.2", "0020000E": "1.3", "00080018": uid, "00080016": kind, "00100020": "P-17"}
    return {tag: {"vr": "UI", "Value": [value]} for tag, value in said.items()}


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    for name in ("EFIQA_STOW_TOKEN", "EFIQA_STOW_LOGIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(patience, "FIRST_S", 0.5)
    monkeypatch.setattr(patience, "LONGEST_S", 0.5)
    made = Archive()
    yield made
    made.close()


def found(address: str, access: Access = PLAIN) -> tuple[list[DicomwebInstance], list[str], int]:
    """Instances, what was told of, and how many were passed over."""
    passed: list[str] = []
    both = list(dicomweb_instances("dicomweb+" + address, access, lambda name, head: passed.append(name), Shared()))
    instances = [each for each in both if isinstance(each, DicomwebInstance)]
    return instances, [each.words for each in both if isinstance(each, Trouble)], len(passed)


def says(status: int, body: bytes = b"", **headers: str) -> Callable[[Any], None]:
    def way(handler: Any) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return way


@pytest.mark.parametrize("most", [PAGE, 7, 10_000])
def test_every_instance_is_listed_once_and_comes_with_its_bytes(archive: Archive, most: int) -> None:
    archive.held = {f"1.4.{number}": b"\r\n--a" + bytes([number % 256]) * 9 for number in range(2 * PAGE + 20)}
    archive.most = most
    instances, troubles, _ = found(archive.address + "?Modality=OP&StudyDate=20210101-")
    assert troubles == []
    assert [each.uids for each in instances] == [("1.2", "1.3", uid) for uid in archive.held]
    assert "Modality=OP&StudyDate=20210101-&limit=200&offset=0" in archive.asked[0][0]
    for each in instances[::40]:
        with held(pickle.loads(pickle.dumps(each)), Shared()) as bytes_of:  # as another process gets it
            assert bytes_of.path.read_bytes() == archive.held[each.uids[2]]


@pytest.mark.parametrize("identity", [False, True])
def test_the_path_of_an_instance_tells_no_site(archive: Archive, identity: bool) -> None:
    archive.held = {"1.4.1": b"x"}
    ((instance,), _, _) = found(archive.address, replace(PLAIN, identity=identity))
    assert PurePosixPath(instance.name).relative_to(instance.root).parts == (instance.name.rpartition("/")[2],)
    assert ("1.4.1" in instance.name) == identity


def test_an_archive_that_knows_no_offset_is_not_asked_for_ever(archive: Archive) -> None:
    archive.held, archive.knows_offset = {f"1.4.{number}": b"x" for number in range(9)}, False
    assert len(found(archive.address)[0]) == 9
    assert len(archive.asked) == 2


def test_a_limit_is_for_all(archive: Archive) -> None:
    archive.held = {f"1.4.{number}": b"x" for number in range(PAGE + 50)}
    assert len(found(archive.address + f"?limit={PAGE + 3}")[0]) == PAGE + 3
    assert len(found(archive.address + "?limit=2")[0]) == 2


def test_what_is_no_picture_is_passed_over(archive: Archive) -> None:
    pytest.importorskip("pydicom")
    archive.held = {"1.4.1": b"x", "1.4.2": b"x", "1.4.3": b"x"}
    archive.kinds = {"1.4.2": REPORT, "1.4.3": "1.9.9"}  # one that nobody knows may be one
    instances, _, passed = found(archive.address)
    assert ([each.uids[2] for each in instances], passed) == (["1.4.1", "1.4.3"], 1)


def test_names_tell_nobody_unless_asked_for(archive: Archive) -> None:
    archive.held = {"1.4.1": b"x", "1.4.2": b"x"}
    plain, _, _ = found(archive.address + "?PatientID=P-17")
    for each in plain:
        assert re.fullmatch(re.escape(f"dicomweb+{archive.address}") + "/instances/[0-9a-f]{32}", each.name)
        assert not [secret for secret in ("1.4.", "P-17", '"1.2"') if secret in repr(each)]
    assert len({each.name for each in plain}) == len({each.change for each in plain}) == 2
    assert [each.name for each in found(archive.address)[0]] == [each.name for each in plain]
    told, _, _ = found(archive.address, Access(identity=True))
    assert told[0].name == f"dicomweb+{archive.address}/studies/1.2/series/1.3/instances/1.4.1"
    (one,), _, _ = found(told[1].name.removeprefix("dicomweb+"), Access(identity=True))
    assert (one.name, one.uids) == (told[1].name, told[1].uids)


def test_credentials_are_sent_and_never_shown(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.held = {"1.4.1": b"x"}
    address = archive.address.replace("://", "://me:tell%2Fnobody@")
    (one,), _, _ = found(address)
    assert archive.asked[0][1].startswith("Basic ")
    assert "nobody" not in one.name + repr(one)
    monkeypatch.setenv("EFIQA_STOW_TOKEN", "word")
    (told,) = found(address)[1]
    assert "credentials for" in told
    assert "nobody" not in told
    archive.ways = [says(401)]
    (told,) = found(archive.address)[1]
    assert told == (
        f"dicomweb+{archive.address} cannot be asked (it answers 401: user, password or token is wrong): check the "
        "address, and the network."
    )


def test_pictures_come_unencrypted_only_from_here() -> None:
    (told,) = found("http://pacs.example/dicom-web?Modality=OP")[1]
    assert "is another machine, and identities would be sent to it unencrypted" in told
    assert read_server("http://pacs.example/x", "", insecure=True, secret=True).shown == "http://pacs.example/x"
    (told,) = found("https://pacs example/dicom-web")[1]
    assert "that is no address of a query" in told
    (told,) = found("http://127.0.0.1:1/dicom-web", Access(ca=Path("ca.pem")))[1]
    assert "has no certificate to check with --ca" in told


def test_what_fails_for_a_while_is_tried_again(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.held = {"1.4.1": b"x" * 50}
    monkeypatch.setattr(patience, "FIRST_S", 300.0)  # for two failures in a row, on a machine that halts between them
    archive.ways = [says(503), says(500)]
    (one,), troubles, _ = found(archive.address)
    assert troubles == []
    archive.ways = [says(503), says(200, b"--b\r\n\r\nxx", **{"Content-Length": "900"})]
    with held(one, Shared()) as bytes_of:
        assert bytes_of.size == 50
    monkeypatch.setattr(patience, "FIRST_S", 0.5)
    archive.ways = [says(503)] * 999
    with pytest.raises(EdgeError, match=r"does not come from the archive \(it answers 503: it is overloaded"):
        held(one, Shared()).__enter__()
    assert "cannot be asked (it answers 503" in found(archive.address)[1][0]


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (says(302, Location="http://elsewhere.example/"), "it answers 302, which redirects"),
        (says(200, b"<html>"), "its answer is no list of instances"),
        (says(200, b'[{"00080018": {"Value": ["../1"]}}]'), "names an instance that cannot be"),
        (says(404), "there is no DICOMweb server at this path"),
    ],
)
def test_other_answers_are_one_sentence(archive: Archive, way: Callable[[Any], None], words: str) -> None:
    archive.ways = [way]
    instances, (told,), _ = found(archive.address)
    assert instances == []
    assert words in told
    assert len(archive.asked) == 1


_json = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.just("1.2.3"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["0020000D", "0020000E", "00080018", "00080016", "Value", "x"]), inner)
    ),
    max_leaves=20,
)


@given(_json.map(json.dumps).map(str.encode) | st.binary(max_size=60))
def test_any_page_is_instances_or_a_refusal(body: bytes) -> None:
    try:
        found = _instances(Answer(200, {}, body))
    except ArchiveRefusedError as error:
        assert str(error).startswith("its answer")  # noqa: PT017 (either may be)
        return
    for each in found:
        assert all(set(uid) <= set("0123456789.") for uid in (each.study, each.series, each.instance))


@given(st.binary(max_size=200), st.text("ab'()+_,-./:=? ", max_size=9), st.binary(max_size=50))
def test_any_part_comes_back_or_is_refused(data: bytes, boundary: str, noise: bytes) -> None:
    kind = f'multipart/related; type="application/dicom"; boundary="{boundary}"'
    mark = boundary.strip().encode()
    body = b"--" + mark + b"\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--" + mark + b"--\r\n"
    try:
        found = _first_part(Answer(200, {"Content-Type": kind}, body))
    except ArchiveRefusedError:
        assert not mark or boundary != boundary.strip()
    else:
        assert data.startswith(found)
    try:
        assert len(_first_part(Answer(200, {"Content-Type": kind}, noise))) <= len(noise)
    except ArchiveRefusedError as error:
        assert "no DICOM file" in str(error)  # noqa: PT017 (either may be)


def test_a_page_is_asked_for_only_when_the_one_before_is_used_up(archive: Archive) -> None:
    archive.held = {f"1.4.{number}": b"x" for number in range(3 * PAGE)}
    instances = search(read_server(archive.address, ""), "", lambda work: work())
    assert isinstance(next(instances), Instance)
    assert len(archive.asked) == 1
