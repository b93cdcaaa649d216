"""Bundles and engine caches that somebody made to hang us, to fill the memory, or to have something run."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import resource
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from edge.bundle.bundle import MANIFEST, ONNX, default_model, read_bundle
from edge.bundle.manifest import read_manifest, write_manifest
from edge.engines.cache import Built, Key, fetch, find, read_note, write_note
from edge.engines.infer import infer_maps
from edge.engines.keep import alone
from edge.errors import EdgeError, EngineError

KEY: Key = {"onnx": "0" * 64, "runtime": "none", "version": "1"}
unix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and owners are Unix's")


def refusal(path: Path) -> str:
    with pytest.raises(EdgeError) as caught:
        read_bundle(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def shipped() -> tuple[bytes, bytes]:
    with zipfile.ZipFile(default_model()) as archive:
        return archive.read(MANIFEST), archive.read(ONNX)


def overlapping(size: int, members: int) -> bytes:
    """A zip whose members all share the bytes of one: together they unfold to ``members`` times the file."""
    data, text = bytes(size), io.BytesIO()
    listed = {f"m{number}.bin": hashlib.sha256(data).hexdigest() for number in range(members)}
    manifest, network = shipped()
    about = dataclasses.replace(read_manifest(manifest))
    listed[ONNX] = hashlib.sha256(network).hexdigest()
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr(MANIFEST, write_manifest(dataclasses.replace(about, members=listed)))
        archive.writestr(ONNX, network)
        archive.writestr("m0.bin", data)
        for number in range(1, members):
            info = zipfile.ZipInfo(f"m{number}.bin")
            first = archive.getinfo("m0.bin")
            info.header_offset, info.CRC = first.header_offset, first.CRC
            info.file_size = info.compress_size = size
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        archive._didModify = True  # type: ignore[attr-defined]
    return text.getvalue()


def test_members_that_lie_in_one_another(tmp_path: Path) -> None:
    path = tmp_path / "model.efiqa"
    path.write_bytes(overlapping(64 << 20, 50))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "lie in one another" in refusal(path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 512 << 20


def test_only_what_is_used_is_read(tmp_path: Path) -> None:
    """Other members may lie there, which a later version uses."""
    manifest, network = shipped()
    about = read_manifest(manifest)
    members = {ONNX: about.members[ONNX], "later.bin": "0" * 64}
    path = tmp_path / "model.efiqa"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, write_manifest(dataclasses.replace(about, members=members)))
        archive.writestr(ONNX, network)
        archive.writestr("later.bin", b"whatever")
    assert read_bundle(path).onnx == network


def test_a_list_of_a_million_members(tmp_path: Path) -> None:
    """Each takes 46 bytes in the file and a thousand in memory."""
    path = tmp_path / "model.efiqa"
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 6, *[0] * 3, *[0] * 5, 0, 0)
    assert len(entry) == 46
    many = 1_000_000
    for end in (
        struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, many & 0xFFFF, many & 0xFFFF, len(entry) * many, 4, 0),
        struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(entry) * many, 4, 0),
    ):
        path.write_bytes(b"PK\3\4" + entry * many + end)
        assert "damaged" in refusal(path)
    larger = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, many, many, len(entry) * many, 4)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 4 + len(entry) * many, 1)
    for place in (4 + len(entry) * many + len(larger) + len(locator), 0xFFFFFFFF):
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, 0, place, 0)
        path.write_bytes(b"PK\3\4" + entry * many + larger + locator + end)
        assert "damaged" in refusal(path)


def test_two_members_of_one_name(tmp_path: Path) -> None:
    """Of which a reader takes the last, and another reader the first."""
    manifest, network = shipped()
    path = tmp_path / "model.efiqa"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in ((MANIFEST, manifest), (ONNX, network)):
            archive.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(MANIFEST, manifest)
    assert "one name" in refusal(path)


@unix
def test_a_bundle_that_is_no_file(tmp_path: Path) -> None:
    """Each would hold us up for ever, or go on for ever."""
    pipe = tmp_path / "pipe.efiqa"
    os.mkfifo(pipe)
    link = tmp_path / "link.efiqa"
    link.symlink_to(pipe)
    ring = tmp_path / "ring.efiqa"
    ring.symlink_to(ring)
    for path in (pipe, link, Path("/dev/zero"), Path("/dev/tty")):
        assert "device or a pipe" in refusal(path) or not path.exists()
    refusal(ring)
    sparse = tmp_path / "sparse.efiqa"
    with sparse.open("wb") as file:
        file.write(b"PK")
        file.truncate(1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "its end is missing" in refusal(sparse)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < (100 << 10)
    with sparse.open("ab") as file:
        file.truncate(5 << 30)
    assert "larger than" in refusal(sparse)


@pytest.mark.parametrize("more", [1, 100, 20_000])
def test_a_bundle_behind_whose_end_something_follows(tmp_path: Path, more: int) -> None:
    path = tmp_path / "model.efiqa"
    whole = default_model().read_bytes()
    path.write_bytes(whole + bytes(more))
    assert "something follows behind its end" in refusal(path)
    path.write_bytes(whole[:-more])
    assert "its end is missing" in refusal(path)


def test_a_link_to_a_bundle_is_one(tmp_path: Path) -> None:
    link = tmp_path / "model.efiqa"
    link.symlink_to(default_model())
    assert read_bundle(link).sha256 == read_bundle(default_model()).sha256


def of(text: bytes) -> str:
    with pytest.raises(EdgeError) as caught:
        read_manifest(text)
    assert len(str(caught.value)) < 300
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        b"schema: " + b"1:" * 30_000 + b"1",
        b"schema: " + b"9" * 60_000,
        b"schema: 0x" + b"f" * 60_000,
        b"schema: 1e999999999",
        b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        b"a: &a\n  b: *a\n",
        b"<<: {schema: 2}\n",
        b"schema: !!int '2'\n",
        b"schema: 2\nschema: 3\n",
        b"? [a]\n: b\n",
        b"[" * 60_000,
        b"{a: " * 15_000,
        b"- " * 30_000,
        b"\n".join(b" " * n + b"a:" for n in range(300)),
        b"--- a\n" * 10_000,
        b"\xef\xbb\xbf\x00",
    ],
    ids=range(16),
)
def test_a_manifest_that_takes_for_ever_or_grows(text: bytes) -> None:
    """In a process of its own, that has ten seconds and little memory; PyYAML takes a minute for the first."""
    assert "manifest" in of(text)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (10, 10))\n"
        "from edge.bundle.manifest import read_manifest\n"
        "try: read_manifest(sys.stdin.buffer.read())\nexcept Exception as error: print(type(error).__name__)"
    )
    run = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True)
    assert run.stdout == b"EdgeError\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"a: &a [x]\nb: [*a, *a]\n", "an anchor in line 1"),
        (b"a: [[[[[[[[x]]]]]]]]\n", "lists in lists"),
        (b"a: 1\nb: !!binary aGVsbG8=\n", "a tag in line 2"),
        (b"a: 1\na: 2\n", "a name twice"),
    ],
)
def test_what_has_no_place_in_a_manifest_is_named(text: bytes, what: str) -> None:
    assert what in of(text)


def test_a_number_of_a_manifest_is_what_it_looks_like() -> None:
    """``1:30`` is 90 to YAML 1.1, ``010`` 8, ``1_0`` 10, ``yes`` true: here all are texts, and so no seeds."""
    manifest, _ = shipped()
    for odd in (b"1:30", b"010", b"1_0", b"0b1", b"+1", b"yes", b".inf", b"2020-01-01"):
        changed = manifest.replace(b"grid: ", b"grid: " + odd + b" #", 1)
        assert changed != manifest
        assert "grid" in of(changed)


@pytest.mark.parametrize("odd", ["\\e[2J", "\\n", "\\0", "\\uD800", "\\x9b2J", "\\u202e", "x" * 3000])
@pytest.mark.parametrize("field", ["name", "thresholds_from", "why_float", "trained_on", "made_with", "metrics"])
def test_what_a_manifest_tells_may_be_shown_and_written_anywhere(field: str, odd: str) -> None:
    """No escape for the terminal it is shown on, no line for the file it is written into, no half letter."""
    told = f'"{odd}"'
    text = {"trained_on": f"[{told}]", "made_with": f"{{{told}: '1'}}", "metrics": f"{{{told}: 1.0}}"}.get(field, told)
    manifest = yaml.safe_load(shipped()[0])
    manifest.pop(field)
    said = of(yaml.safe_dump(manifest).encode() + f"{field}: {text}\n".encode())
    assert field in said
    assert said.isprintable()


# The engine cache.


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EFIQA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def built(text: bytes = b"an engine") -> Built:
    return fetch(KEY, lambda: text)


def kept() -> Path:
    path = built().path
    assert path is not None
    return path


@unix
@pytest.mark.parametrize("umask", [0o022, 0o000, 0o077])
def test_the_cache_is_its_user_s_alone(cache: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        kept()
    finally:
        os.umask(before)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@unix
@pytest.mark.parametrize("suffix", [".engine", ".json", ".verified.json"])
def test_a_file_that_all_may_write_is_not_believed(cache: Path, suffix: str) -> None:
    """The folder is closed now; it may have been open."""
    engine = kept()
    write_note(built(), {"device": "a"}, {"frames": 3})
    engine.with_suffix(suffix).chmod(0o666)
    if suffix == ".verified.json":
        assert read_note(built(), {"device": "a"}) is None
        return
    assert find(KEY) is None
    again = built(b"built anew")
    assert (again.data, again.cached) == (b"built anew", False)
    assert find(KEY) is not None


@unix
def test_files_of_the_cache_are_their_user_s_to_write_under_any_umask(cache: Path) -> None:
    before = os.umask(0)
    try:
        kept()
        write_note(built(), {"device": "a"}, {"frames": 3})
    finally:
        os.umask(before)
    modes = {path.suffixes[0]: stat.S_IMODE(path.stat().st_mode) for path in cache.iterdir()}
    assert len(modes) == 3
    assert not [mode for mode in modes.values() if mode & 0o022]
    assert built(b"anew").cached


@unix
def test_an_older_cache_that_all_may_read_is_closed_and_goes_on(cache: Path) -> None:
    kept()
    cache.chmod(0o755)
    assert built().cached
    fetch({**KEY, "version": "2"}, lambda: b"another")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@unix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o702])
def test_a_cache_that_others_may_write_is_not_used(cache: Path, mode: int, caplog: pytest.LogCaptureFixture) -> None:
    kept()
    cache.chmod(mode)
    assert find(KEY) is None
    again = built(b"built anew")
    assert (again.data, again.path, again.cached) == (b"built anew", None, False)
    (said,) = caplog.messages
    assert str(cache) in said
    assert "chmod 700" in said
    assert "EFIQA_CACHE" in said
    assert "built anew" not in [path.read_text() for path in cache.glob("*.engine")]


@unix
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_cache_of_another_user_is_not_used(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = kept()
    os.chown(cache, 65534, 65534)
    assert built(b"built anew").data == b"built anew"
    (said,) = caplog.messages
    assert "belongs to another user" in said
    assert "EFIQA_CACHE" in said
    os.chown(cache, 0, 0)
    os.chown(path, 65534, 65534)
    assert find(KEY) is None


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terminal(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero


def link(path: Path) -> None:
    """To a sound engine: what a link points to may be another tomorrow."""
    target = path.with_name("elsewhere")
    target.write_bytes(path.with_name("sound").read_bytes())
    path.symlink_to(target)


def folder(path: Path) -> None:
    path.mkdir()


@unix
@pytest.mark.parametrize("suffix", [".engine", ".json", ".verified.json", ".lock"])
@pytest.mark.parametrize("put", [pipe, device, terminal, link, folder])
def test_what_is_no_file_in_the_cache_is_passed_over(cache: Path, suffix: str, put: Callable[[Path], None]) -> None:
    engine = kept()
    write_note(built(), {"device": "a"}, {"frames": 3})
    path = engine.with_suffix(suffix)
    (cache / "sound").write_bytes(path.read_bytes() if path.exists() else b"")
    path.unlink(missing_ok=True)
    try:
        put(path)
    except PermissionError:
        pytest.skip("only root can make a device")
    again = built(b"built anew")
    assert again.data == (b"an engine" if suffix in (".verified.json", ".lock") else b"built anew")
    if suffix == ".verified.json":
        assert read_note(again, {"device": "a"}) is None
    with alone(lambda: path.with_suffix(".lock")):
        pass
    fetch({**KEY, "version": "3"}, lambda: b"another")


def test_a_value_of_a_map_beyond_0_and_1_is_an_error() -> None:
    bundle = read_bundle(default_model())
    about = bundle.manifest
    maps = np.full((len(about.maps), about.grid, about.grid), 0.5, np.float32)

    class Engine:
        name, verified = "none", {}  # type: ignore[var-annotated]

        def infer(self, tensor: object) -> object:
            return maps

    tensor = np.zeros((1, 3, about.input_size, about.input_size), np.float32)
    for edge in (0.0, 1.0, -0.0):
        maps[0, 0, 0] = edge
        assert (infer_maps(bundle, Engine(), tensor) == maps).all()  # type: ignore[arg-type]
    for wrong in (np.nextafter(np.float32(1), np.float32(2)), -1e-9, 1.0005, 7, np.nan, np.inf, -np.inf):
        maps[0, 0, 0] = wrong
        with pytest.raises(EngineError, match=r"between 0 and 1|no number"):
            infer_maps(bundle, Engine(), tensor)  # type: ignore[arg-type]
