"""Tables of what is no folder: graded once, taken up again, and what is wrong told of once."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.grading import find_inputs, grade_files, picture_stems
from edge.grading.inputs import HOW, Passed, stream_inputs
from edge.grading.table.run import Asked, Grading
from edge.grading.table.table import Table
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame
from edge.sources import patience
from edge.sources.elsewhere import How
from edge.sources.manifest import Listing

pytest.importorskip("imagehash")


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as model:
        yield model


@pytest.fixture(scope="module")
def eyes() -> dict[str, bytes]:
    frames: list[NDArray[np.uint8]] = [cv2.resize(phantom_frame(seed), (240, 180)).astype(np.uint8) for seed in (0, 1)]
    named = zip(("north/0.png", "south/1.png"), frames, strict=True)
    return {name: cv2.imencode(".png", frame)[1].tobytes() for name, frame in named}


def packed(path: Path, members: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def grade(
    model: QualityModel, paths: Sequence[Path | str], table: Path, how: How = HOW, recheck: bool = False, **asked: Any
) -> tuple[list[dict[str, Any]], int, list[str]]:
    """Rows of what was graded, how many were in the table, and what was told of."""
    told: list[str] = []

    def graded(inputs: Iterator[Any]) -> Iterator[Any]:
        for item in inputs:
            if item.error:
                told.append(item.error)
            else:
                yield item

    with Table(table) as kept:
        grading = Grading(model, kept, Asked(**asked), recheck)
        rows = [dict(row) for _, row in grading.rows(graded(stream_inputs(paths, Passed(), how)))]
        kept.settle()
    return rows, grading.kept, told


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_members_are_graded_as_files_are_and_once(
    tmp_path: Path, model: QualityModel, eyes: dict[str, bytes], name: str
) -> None:
    for member, data in eyes.items():
        (tmp_path / member).parent.mkdir()
        (tmp_path / member).write_bytes(data)
    plain, _, _ = grade(model, [tmp_path], tmp_path / "plain.jsonl")
    archive, table = packed(tmp_path / name, eyes), tmp_path / "t.jsonl"
    rows, _, told = grade(model, [archive], table)
    assert told == []
    assert [row["path"] for row in rows] == [f"{archive}!/{member}" for member in eyes]
    own = {"path", "modified"}
    assert [{key: row[key] for key in row if key not in own} for row in rows] == [
        {key: row[key] for key in row if key not in own} for row in plain
    ]
    assert {row["site"] for row in rows} == {"north", "south"}
    assert grade(model, [archive], table)[:2] == ([], 2)
    assert grade(model, [archive], table, recheck=True)[:2] == ([], 2)
    assert grade(model, [f"{archive}!/south/1.png"], table)[:2] == ([], 1)
    other = cv2.imencode(".png", np.full((180, 240, 3), 9, np.uint8))[1].tobytes()
    packed(archive, {"new.png": other, "north/0.png": other, "south/1.png": eyes["south/1.png"]})
    rows, kept, _ = grade(model, [archive], table)
    assert ([row["path"].partition("!/")[2] for row in rows], kept) == (["new.png", "north/0.png"], 1)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_of_members_of_one_name_the_first_is_graded_and_a_note_says_so(
    tmp_path: Path, model: QualityModel, eyes: dict[str, bytes], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    archive, table = tmp_path / name, tmp_path / "t.jsonl"
    first, other = eyes.values()
    if name == "a.zip":
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr("eye.png", first)
            with pytest.warns(UserWarning, match="Duplicate name"):
                made.writestr("eye.png", other)
    else:
        with tarfile.open(archive, "w:gz" if name == "a.tgz" else "w") as tar:
            for data in (first, other):
                info = tarfile.TarInfo("eye.png")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    (row,), _, _ = grade(model, [archive, archive], table)
    assert row["sha256"] == hashlib.sha256(first).hexdigest()
    assert grade(model, [archive], table)[:2] == ([], 1)
    assert (
        caplog.messages
        == [f"of members that have one name the first is graded (as of {archive}!/eye.png): pack the archive again."]
        * 2
    )


def test_a_damaged_archive_costs_no_other_row(tmp_path: Path, model: QualityModel, eyes: dict[str, bytes]) -> None:
    whole = packed(tmp_path / "whole.tar", eyes)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(packed(tmp_path / "b.zip", eyes).read_bytes()[:-30])
    bad = packed(tmp_path / "bad.zip", {"0.png": b"no picture", **eyes})
    rows, _, told = grade(model, [cut, tmp_path / "none.zip", bad, whole], tmp_path / "t.csv")
    assert len(told) == 2
    assert told[0] == f"{cut}: it is no zip, or is cut off: copy it again from its source."
    assert [bool(row["error"]) for row in rows] == [True, False, False, False, False]
    assert rows[0]["error"].startswith(f"{bad}!/0.png is not an image")


def test_archives_may_be_named_by_a_pattern(tmp_path: Path, eyes: dict[str, bytes]) -> None:
    for name in ("1.zip", "2.zip"):
        packed(tmp_path / name, eyes)
    assert len(find_inputs([str(tmp_path / "*.zip")])) == 4
    with pytest.raises(EdgeError, match="matches no archive or list"):
        find_inputs([str(tmp_path / "*.tar")])
    with pytest.raises(EdgeError, match="holds no images"):
        find_inputs([packed(tmp_path / "3.zip", {"notes.txt": b""})])


def test_a_list_may_say_camera_site_and_time(tmp_path: Path, model: QualityModel, eyes: dict[str, bytes]) -> None:
    for name in ("0", "1"):
        (tmp_path / f"{name}.png").write_bytes(eyes["north/0.png"])
    lines = ["path,site,camera,taken", "0.png,=Bern,Maker 7,2021-05-06 07:08", "1.png,,,6.5.2021", "no.png,Bern,,2021"]
    (tmp_path / "l.csv").write_text("\n".join(lines) + "\n")
    carry = ("site", "camera", "taken")
    rows, _, _ = grade(model, [tmp_path / "l.csv"], tmp_path / "t.csv", How(Listing(carry=carry)), carry=carry)
    found = [(row["site"], row["camera"], row["taken"]) for row in rows]
    assert found == [("./=Bern", "Maker 7", "2021-05-06T07:08"), ("", "", ""), ("Bern", "", "")]
    assert json.loads(rows[1]["carried"]) == {"site": "", "camera": "", "taken": "6.5.2021"}


def test_a_list_names_files_and_members(tmp_path: Path, model: QualityModel, eyes: dict[str, bytes]) -> None:
    packed(tmp_path / "a.zip", eyes)
    (tmp_path / "photo.png").write_bytes(eyes["north/0.png"])
    lines = ["path,patient", "photo.png,7", "a.zip!/south/1.png,8", "gone.png,9", "a.zip!/gone.png,9"]
    (tmp_path / "l.csv").write_text("\n".join(lines) + "\n")
    how, table = How(Listing(carry=("patient",))), tmp_path / "t.jsonl"
    rows, _, told = grade(model, [tmp_path / "l.csv"], table, how, carry=("patient",))
    assert [json.loads(row["carried"]) for row in rows] == [{"patient": "7"}, {"patient": "8"}, {"patient": "9"}]
    assert [row["path"] for row in rows] == [str(tmp_path / line.split(",")[0]) for line in lines[1:4]]
    assert rows[2]["error"] == f"{tmp_path}/gone.png does not exist: check the path."
    assert told == [f"{tmp_path}/a.zip has no photograph gone.png that can be read: check the name."]
    assert [row["carried"] for row in grade(model, [tmp_path / "l.csv"], table)[0]] == [""] * 3
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "l.csv").rename(tmp_path / "elsewhere" / "l.csv")
    moved, kept, _ = grade(model, [tmp_path / "elsewhere" / "l.csv"], table, How(Listing(root=tmp_path)))
    assert (len(moved), kept) == (1, 2)  # what is not there is tried again


def test_pictures_and_rows_of_members_have_places(tmp_path: Path, model: QualityModel, eyes: dict[str, bytes]) -> None:
    inputs = find_inputs([packed(tmp_path / "a.zip", eyes)])
    assert [stem.as_posix() for stem in picture_stems(inputs)] == ["north/0", "south/1"]
    graded = list(grade_files(model, [str(tmp_path / "a.zip")]))
    assert [each.cells()[0] for each in graded] == [f"{tmp_path}/a.zip!/{member}" for member in eyes]
    assert [each.error for each in graded] == ["", ""]


def test_identity_is_written_only_where_it_is_asked_for(tmp_path: Path, model: QualityModel) -> None:
    pydicom = pytest.importorskip("pydicom")
    image = pydicom.Dataset()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.5.1", "1.2.3.4"
    image.PatientID, image.PatientName, image.StudyInstanceUID, image.SeriesInstanceUID = (
        "P-17",
        "Doe^Jane",
        "1.2",
        "1.3",
    )
    frame = cv2.resize(phantom_frame(0), (240, 180))[:, :, ::-1]
    image.Rows, image.Columns, image.SamplesPerPixel, image.PlanarConfiguration = 180, 240, 3, 0
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation, image.PhotometricInterpretation = 7, 0, "RGB"
    image.PixelData = np.ascontiguousarray(frame).tobytes()
    pydicom.dcmwrite(tmp_path / "eye.dcm", image, enforce_file_format=True)
    table = tmp_path / "t.jsonl"
    ((row,), _, _) = grade(model, [tmp_path / "eye.dcm"], table)
    assert row["verdict"]
    assert row["carried"] == ""
    assert not [secret for secret in ("P-17", "Jane", "1.2.3.4", '"1.2"', '"1.3"') if secret in table.read_text()]
    ((row,), _, _) = grade(model, [tmp_path / "eye.dcm"], table, identity=True)
    assert json.loads(row["carried"]) == {"instance": "1.2.3.4", "patient": "P-17", "series": "1.3", "study": "1.2"}
    assert "Jane" not in table.read_text()


def test_a_table_of_an_older_version_is_refused_and_stays(tmp_path: Path) -> None:
    for name, old in (("t.csv", b"path,score,verdict\n"), ("t.jsonl", b'{"path": "a.png", "schema": 1}\n')):
        (tmp_path / name).write_bytes(old)
        with pytest.raises(EdgeError, match="is no table of this version of edge-grade"):
            Table(tmp_path / name)
        assert (tmp_path / name).read_bytes() == old


def test_a_bucket_is_graded_once_also_by_a_list(tmp_path: Path, model: QualityModel, eyes: dict[str, bytes]) -> None:
    fsspec = pytest.importorskip("fsspec")
    system, table = fsspec.filesystem("memory"), tmp_path / "t.jsonl"
    for name, data in eyes.items():
        system.pipe(f"/archive/{name}", data)
    try:
        rows, _, told = grade(model, ["memory://archive"], table)
        assert told == []
        assert [row["path"] for row in rows] == [f"memory://archive/{name}" for name in eyes]
        assert {row["site"] for row in rows} == {"north", "south"}
        assert grade(model, ["memory://archive/"], table)[:2] == ([], 2)
        lines = ["image", *(f"memory://archive/{name}" for name in (*eyes, "gone.png"))]
        (tmp_path / "l.csv").write_text("\n".join(lines) + "\n")
        rows, kept, told = grade(model, [tmp_path / "l.csv"], table, How(Listing("image")))
        assert (told, kept) == ([], 2)
        assert [row["error"] for row in rows] == ["memory://archive/gone.png does not exist: check the address."]
        system.pipe("/archive/south/1.png", eyes["north/0.png"])
        rows, kept, _ = grade(model, ["memory://archive"], table)
        assert ([row["path"] for row in rows], kept) == (["memory://archive/south/1.png"], 1)
    finally:
        system.rm("/archive", recursive=True)


def test_a_server_that_fails_for_long_costs_its_rows_and_not_the_run(
    tmp_path: Path, model: QualityModel, eyes: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setattr(patience, "FIRST_S", 0.3)
    down = [True]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = eyes[self.path[1:]]
            self.send_response(503 if down[0] else 200)
            self.send_header("Content-Length", "0" if down[0] else str(len(data)))
            self.send_header("Last-Modified", "Thu, 06 May 2021 07:08:09 GMT")
            self.end_headers()
            if self.command == "GET" and not down[0]:
                self.wfile.write(data)

        do_HEAD = do_GET  # noqa: N815 (as it is called)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        addresses = [f"http://127.0.0.1:{server.server_address[1]}/{name}" for name in eyes]
        (tmp_path / "local.png").write_bytes(eyes["south/1.png"])
        (tmp_path / "l.csv").write_text("\n".join(["path", *addresses, "local.png"]) + "\n")
        rows, _, told = grade(model, [tmp_path / "l.csv"], tmp_path / "t.jsonl")
        assert told == []
        assert [row["error"].rpartition("(")[2] for row in rows[:2]] == [
            "it answers 503): check the address, and who may read there."
        ] * 2
        assert rows[2]["error"] == ""
        down[0] = False
        rows, kept, _ = grade(model, [tmp_path / "l.csv"], tmp_path / "t.jsonl")
        assert ([(row["path"], row["error"]) for row in rows], kept) == ([(each, "") for each in addresses], 1)
        assert grade(model, [tmp_path / "l.csv"], tmp_path / "t.jsonl")[:2] == ([], 3)
        down[0] = True
        rows, kept, _ = grade(model, [tmp_path / "l.csv"], tmp_path / "t.jsonl")
        assert ([bool(row["error"]) for row in rows], kept) == ([True, True], 1)
        stay = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
        assert [row["error"] for row in stay] == [""] * 3  # what is known of them is not lost
        server.shutdown()
