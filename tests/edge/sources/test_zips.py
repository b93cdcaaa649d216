"""Zips, whole, damaged and hostile."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.images.limits import MOST_BYTES
from edge.sources.members import MOST_MEMBERS, Sieve
from edge.sources.source import Trouble
from edge.sources.zips import ZipMember, zip_members


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n"])
def test_members_come_with_their_bytes(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, content: Any, method: int, before: bytes
) -> None:
    others = {"notes.txt": b"x", "raw.cr2": b"x", ".hidden.png": b"x", "__MACOSX/0.png": b"x", "a.map.png": b"x"}
    path = tmp_path / "a.zip"
    path.write_bytes(before + zipped({**photographs, **others}, method))
    found = listing(zip_members, path)
    assert found.troubles == []
    assert {name: content(each) for name, each in zip(found.members, found.sources, strict=True)} == photographs
    assert [each.size for each in found.sources] == [len(data) for data in photographs.values()]
    assert found.passed == [f"{path}!/{name}" for name in ("notes.txt", "raw.cr2", "a.map.png")]
    assert found.sources[0].root == f"{path}!"


def test_one_member_or_a_folder_of_them(tmp_path: Path, photographs: dict[str, bytes], listing: Any) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(photographs))
    assert listing(zip_members, path, "north/1.png").members == ["north/1.png"]
    assert listing(zip_members, path, "south").members == ["south/2.png", "south/3.png"]
    assert listing(zip_members, path, "sou").members == []


def test_a_dicom_file_without_a_suffix_is_seen_by_its_bytes(tmp_path: Path, listing: Any) -> None:
    pytest.importorskip("pydicom")
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"IM01": bytes(128) + b"DICM", "README": b"words"}))
    found = listing(zip_members, path)
    assert (found.members, found.passed) == (["IM01"], [f"{path}!/README"])


def test_the_change_of_a_member_is_its_own(tmp_path: Path, photographs: dict[str, bytes], listing: Any) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(photographs))
    before = {each.name: each.change for each in listing(zip_members, path).sources}
    path.write_bytes(zipped({"new.png": b"1", **photographs, "north/0.png": b"2"}))
    after = {each.name: each.change for each in listing(zip_members, path).sources}
    assert {name for name, change in after.items() if before.get(name) != change} == {
        f"{path}!/new.png", f"{path}!/north/0.png",
    }  # fmt: skip


def test_names_that_lead_out_links_and_encrypted_members_are_told_of_once(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any
) -> None:
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../out.png", "/root.png", "a/../../b.png"):
            archive.writestr(name, b"x")
        archive.writestr(link, b"/etc/passwd")
        for name, data in photographs.items():
            archive.writestr(name, data)
    data = bytearray(path.read_bytes())
    for name in (b"north/0.png", b"south/2.png"):  # the flag of encryption, in the directory
        data[data.rindex(name) - 46 + 8] |= 1
    path.write_bytes(data)
    found = listing(zip_members, path)
    assert found.members == ["north/1.png", "south/3.png"]
    assert [words.split(": ")[1] for words in found.troubles] == [
        "3 members are left out, such as ../out.png",
        "1 member is left out, such as link.png",
        "2 members are left out, such as north/0.png",
    ]
    assert "password" in found.troubles[2]


def test_a_zip_that_is_cut_off_is_told_of(tmp_path: Path, photographs: dict[str, bytes], listing: Any) -> None:
    whole = zipped(photographs)
    path = tmp_path / "a.zip"
    path.write_bytes(whole[: len(whole) // 2])
    found = listing(zip_members, path)
    assert (found.members, found.troubles) == (
        [], [f"{path}: it is no zip, or is cut off: copy it again from its source."],
    )  # fmt: skip
    assert "cannot be read (No such file" in listing(zip_members, tmp_path / "none.zip").troubles[0]


def test_a_directory_that_is_damaged_in_the_middle_gives_what_is_before(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any
) -> None:
    data = bytearray(zipped(photographs))
    data[data.rindex(b"south/2.png") - 46] ^= 1
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    found = listing(zip_members, path)
    assert found.members == ["north/0.png", "north/1.png"]
    assert found.troubles == [f"{path}: its directory is damaged: copy it again from its source."]


def test_damaged_bytes_of_a_member_are_its_error(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, content: Any
) -> None:
    data = bytearray(zipped(photographs, zipfile.ZIP_STORED))
    data[data.index(b"north/1.png") + 200] ^= 1
    data[data.index(b"south/2.png") - 30] ^= 1
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    first, second, third, last = listing(zip_members, path).sources
    assert content(first) == photographs["north/0.png"]
    with pytest.raises(EdgeError, match=r"a.zip!/north/1.png cannot be read \(Bad CRC-32"):
        content(second)
    with pytest.raises(EdgeError, match="other bytes in its place"):
        content(third)
    assert content(last) == photographs["south/3.png"]


def test_a_bomb_is_refused_by_what_it_declares_and_by_what_it_is(tmp_path: Path, listing: Any, content: Any) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"zeros.png": bytes(65 << 20)}))
    (bomb,) = listing(zip_members, path).sources
    with pytest.raises(EdgeError, match="unfolds to more than any photograph, as a zip bomb does"):
        content(bomb)
    with pytest.raises(EdgeError, match="more than the 512 MiB"):
        content(ZipMember(str(path), "large.png", MOST_BYTES + 1, 0, 0, MOST_BYTES, 0))
    # It declares less than it has: no more than that is unpacked.
    with pytest.raises(EdgeError, match=r"Bad CRC-32"):
        content(ZipMember(str(path), "zeros.png", 5000, 1, bomb.offset, bomb.packed, zipfile.ZIP_DEFLATED))


def test_members_that_overlap_end_the_listing(tmp_path: Path, listing: Any) -> None:
    data = zipped({"a.png": os.urandom(5000)}, zipfile.ZIP_STORED)
    end = data.index(b"PK\5\6")
    start = data.index(b"PK\1\2")
    entry = data[start:end]
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 9 * len(entry), start, 0)
    path = tmp_path / "a.zip"
    path.write_bytes(data[:start] + entry * 9 + tail)
    found = listing(zip_members, path)
    assert found.members == ["a.png"]
    assert "overlap, as those of a zip bomb do" in found.troubles[0]


def test_absurd_counts_are_refused_by_what_is_declared(tmp_path: Path, listing: Any) -> None:
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, MOST_MEMBERS + 1, MOST_MEMBERS + 1, 0, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path = tmp_path / "a.zip"
    path.write_bytes(end64 + locator + end)
    assert "declares 10000001 members" in listing(zip_members, path).troubles[0]


def test_a_large_zip_is_read_by_its_long_numbers(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, content: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 60)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, data in photographs.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
    assert b"PK\6\6" in path.read_bytes()
    found = listing(zip_members, path)
    assert found.troubles == []
    assert [content(each) for each in found.sources] == list(photographs.values())


@pytest.mark.parametrize("kind", ["changed", "any"])
@settings(max_examples=150)
@given(data=st.data())
def test_whatever_a_zip_holds_is_a_photograph_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, complaint: Any, kind: str, data: st.DataObject
) -> None:
    whole = bytearray(zipped({"a/1.png": b"x" * 40, "2.png": b"y" * 9, "no": b""}))
    if kind == "any":
        whole = bytearray(data.draw(st.binary(max_size=300)) + whole[-22:])
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "fuzz.zip"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for found in zip_members(Sieve(str(path), lambda name, head: None)):
        if isinstance(found, Trouble):
            assert found.words.startswith(str(path))
            assert "\n" not in found.words
            continue
        assert ".." not in found.name.partition("!/")[2].split("/")
        said = complaint(found)
        assert not said or said.startswith(found.name)


def test_a_listing_reads_no_more_than_it_gives(tmp_path: Path, photographs: dict[str, bytes]) -> None:
    """So that a million members take no memory: the first comes before the last entry is looked at."""
    data = bytearray(zipped(photographs))
    data[data.rindex(b"south/3.png") - 46] ^= 1
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    found = zip_members(Sieve(str(path), lambda name, head: None))
    assert isinstance(next(found), ZipMember)
    found.close()  # type: ignore[attr-defined]
