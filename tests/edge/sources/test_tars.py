"""Tars, whole, damaged and hostile, packed and not."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.images.limits import MOST_BYTES
from edge.sources import tars
from edge.sources.members import Sieve
from edge.sources.shared import Shared
from edge.sources.source import Trouble
from edge.sources.tars import TarMember, tar_members

KINDS = ["a.tar", "a.tar.gz", "a.tgz"]


def tarred(path: Path, members: dict[str, bytes], more: tuple[tarfile.TarInfo, ...] = ()) -> Path:
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_600_000_000
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return path


@pytest.mark.parametrize("name", KINDS)
def test_members_come_with_their_bytes(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, content: Any, name: str
) -> None:
    others = {"notes.txt": b"x", ".hidden.png": b"x", "long" * 60 + "/x.txt": b""}
    path = tarred(tmp_path / name, {**others, **photographs})
    found = listing(tar_members, path)
    assert found.troubles == []
    assert {name: content(each) for name, each in zip(found.members, found.sources, strict=True)} == photographs
    assert {each.change for each in found.sources} == {1_600_000_000 * 10**9}
    assert found.passed == [f"{path}!/notes.txt", f"{path}!/{'long' * 60}/x.txt"]


def test_members_of_a_packed_one_may_be_read_by_threads_and_backwards(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, content: Any
) -> None:
    many = {f"{number}/{name}": data + bytes([number]) for number in range(9) for name, data in photographs.items()}
    found = listing(tar_members, tarred(tmp_path / "a.tgz", many))
    order = list(found.sources)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(content, order)) == list(many.values())
    random.Random(4).shuffle(order)
    assert [content(each) for each in order] == [many[each.name.partition("!/")[2]] for each in order]


def test_a_little_later_is_not_unpacked_again(tmp_path: Path, photographs: dict[str, bytes], listing: Any) -> None:
    found = listing(tar_members, tarred(tmp_path / "a.tgz", photographs))
    one, two, *_ = found.sources
    assert isinstance(one, TarMember)
    stream = tars._Forward(one.archive, one.version, Shared())
    assert stream.piece(two.offset, two.size) == photographs["north/1.png"]
    at = stream._file.tell()
    assert stream.piece(one.offset, one.size) == photographs["north/0.png"]
    assert stream._file.tell() == at


@pytest.mark.parametrize("name", KINDS)
def test_links_and_names_that_lead_out_are_told_of_once(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, name: str
) -> None:
    links = []
    for kind, called in ((tarfile.SYMTYPE, "s.png"), (tarfile.LNKTYPE, "h.png"), (tarfile.FIFOTYPE, "f.png")):
        links.append(tarfile.TarInfo(called))
        links[-1].type, links[-1].linkname = kind, "/etc/passwd"
    path = tarred(tmp_path / name, {"../out.png": b"x", "/root.png": b"x", **photographs}, tuple(links))
    found = listing(tar_members, path)
    assert found.members == list(photographs)
    assert [words.split(": ")[1] for words in found.troubles] == [
        "2 members are left out, such as ../out.png",
        "2 members are left out, such as s.png",
    ]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_tar_that_is_cut_off_gives_what_is_before(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, content: Any, name: str, share: float
) -> None:
    path = tarred(tmp_path / name, photographs)
    whole = path.read_bytes().rstrip(b"\0") + bytes(1024 if name == "a.tar" else 0)
    path.write_bytes(whole[: int(share * len(whole))])
    found = listing(tar_members, path)
    assert len(found.troubles) == 1
    assert found.troubles[0].startswith(str(path))
    assert found.members == list(photographs)[: len(found.members)]
    for each in found.sources[:-1]:
        assert content(each) == photographs[each.name.partition("!/")[2]]


def test_a_tar_without_its_end_is_told_of(tmp_path: Path, photographs: dict[str, bytes], listing: Any) -> None:
    path = tarred(tmp_path / "a.tar", photographs)
    (last,) = listing(tar_members, path, "south/3.png").sources
    path.write_bytes(path.read_bytes()[: last.offset + -(-last.size // 512) * 512])
    found = listing(tar_members, path)
    assert found.members == list(photographs)
    assert found.troubles == [
        f"{path} is cut off, damaged or no tar (its end is missing) behind south/3.png: copy it again."
    ]


def test_what_is_no_tar_is_told_of(tmp_path: Path, listing: Any) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar" * 200)
    (tmp_path / "a.tgz").write_bytes(b"no gzip" * 200)
    assert "no tar" in listing(tar_members, tmp_path / "a.tar").troubles[0]
    assert "cannot be read (Not a gzipped file" in listing(tar_members, tmp_path / "a.tgz").troubles[0]
    assert "No such file" in listing(tar_members, tmp_path / "none.tar").troubles[0]


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, content: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tars, "_FREE", 1 << 20)
    path = tarred(tmp_path / "a.tgz", {"1.png": photographs["north/0.png"], "zeros.png": bytes(5 << 20)})
    found = listing(tar_members, path)
    assert found.members == ["1.png"]
    assert "unfolds to more than 100 times its size" in found.troubles[0]
    with pytest.raises(EdgeError, match="more than the 512 MiB"):
        content(TarMember(str(path), "x.png", MOST_BYTES + 1, 0, 0, True, (0, 0)))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_that_is_a_bomb_is_not_read(tmp_path: Path, listing: Any, kind: bytes) -> None:
    info = tarfile.TarInfo("name")
    info.type, info.size = kind, 1 << 40
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 22)))
    assert "a header is longer than any" in listing(tar_members, path).troubles[0]


def test_a_negative_size_ends_the_listing(tmp_path: Path, photographs: dict[str, bytes], listing: Any) -> None:
    path = tmp_path / "a.tar"
    header = bytearray(tarfile.TarInfo("back.bin").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + (0x10000 - 1024).to_bytes(2, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(tarred(path, photographs).read_bytes().rstrip(b"\0") + bytes(-1 % 512) + bytes(header) * 2)
    data = tarred(path, photographs).read_bytes()
    path.write_bytes(data[:-9728] + bytes(header) + bytes(1024))
    found = listing(tar_members, path)
    assert len(found.sources) <= 4
    assert len(found.troubles) == 1


@pytest.mark.parametrize("packed", [False, True])
@settings(max_examples=150)
@given(data=st.data())
def test_whatever_a_tar_holds_is_a_photograph_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, complaint: Any, packed: bool, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / ("fuzz.tar.gz" if packed else "fuzz.tar")
    whole = bytearray(tarred(path, {"a/1.png": b"x" * 40, "2.png": b"y" * 700, "n" * 120: b""}).read_bytes())
    if packed:
        whole = bytearray(gzip.decompress(whole))
    for _ in range(data.draw(st.integers(0, 6))):
        whole[data.draw(st.integers(0, 4500))] = data.draw(st.integers(0, 255))
    whole = whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole
    stored = bytearray(gzip.compress(whole)) if packed else whole
    if packed and data.draw(st.booleans()):
        stored[data.draw(st.integers(0, len(stored) - 1))] ^= 255
    path.write_bytes(stored)
    for found in tar_members(Sieve(str(path), lambda name, head: None)):
        if isinstance(found, Trouble):
            assert found.words.startswith(str(path))
            continue
        assert ".." not in found.name.partition("!/")[2].split("/")
        said = complaint(found)
        assert not said or said.startswith(found.name)


@pytest.mark.parametrize("name", KINDS)
def test_a_member_is_never_read_from_another_archive_of_that_name(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, complaint: Any, name: str
) -> None:
    data = photographs["north/0.png"]
    other = data[:-9] + b"x" + data[-8:]
    path = tarred(tmp_path / name, {"a.png": data, "b.png": other})
    found = listing(tar_members, path)
    tarred(tmp_path / f"new-{name}", {"b.png": other, "a.png": data, "c.png": data}).replace(path)
    assert all("was changed after it was listed" in complaint(each) for each in found.sources)


def _with_holes(blocks: int) -> bytes:
    """A header of a photograph with holes, and blocks that list more of them."""
    info = tarfile.TarInfo("holes.png")
    info.type = tarfile.GNUTYPE_SPARSE
    header, entry = bytearray(info.tobuf(tarfile.GNU_FORMAT)), b"%011o\0%011o\0" % (512, 512)
    header[386:482], header[482] = 4 * entry, blocks > 0
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + (21 * entry + b"\1" + bytes(7)) * blocks


@pytest.mark.parametrize("name", KINDS)
def test_holes_are_told_of_and_a_list_of_them_without_end_is_not_read(
    tmp_path: Path, photographs: dict[str, bytes], listing: Any, name: str
) -> None:
    pack = bytes if name == "a.tar" else gzip.compress
    (tmp_path / name).write_bytes(pack(_with_holes(0) + bytes(1024)))
    assert "what is stored with holes is not read" in "".join(listing(tar_members, tmp_path / name).troubles)
    (tmp_path / name).write_bytes(pack(_with_holes(4000)))
    (told,) = listing(tar_members, tmp_path / name).troubles
    assert "a header is longer than any" in told
    (tmp_path / name).write_bytes(pack(_with_holes(3)))  # cut off within the list: tarfile raises an IndexError
    (told,) = listing(tar_members, tmp_path / name).troubles
    assert "is cut off, damaged or no tar" in told


def test_attributes_for_all_that_follows_are_bounded(tmp_path: Path, listing: Any) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    many = tarfile.TarInfo.create_pax_global_header({f"key{number}": "x" for number in range(2000)})
    (tmp_path / "a.tar").write_bytes(many + (tmp_path / "a.tar").read_bytes())
    (told,) = listing(tar_members, tmp_path / "a.tar").troubles
    assert "more attributes than any" in told
