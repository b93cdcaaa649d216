from __future__ import annotations

import concurrent.futures
import dataclasses
import errno
import json
import logging
import multiprocessing
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.bundle import Bundle
from edge.engines.cache import Built, Key, cache_folder, engine_key, fetch, open_cached, read_note, write_note
from edge.errors import EdgeError

MakeBundle = Callable[..., Bundle]
KEY: Key = {"onnx": "0" * 64, "runtime": "none", "version": "1"}


class Builder:
    """Builds another engine each time, and counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return b"engine %d" % self.times


def agrees(loaded: object, built: Built) -> None:
    """What ``verify`` is where the engine is right."""


def kept(built: Built) -> Path:
    assert built.path is not None
    return built.path


def test_the_second_time_it_comes_from_the_cache() -> None:
    build = Builder()
    first, second = fetch(KEY, build), fetch(KEY, build)
    assert (first.cached, second.cached, build.times) == (False, True, 1)
    assert first.data == second.data == kept(second).read_bytes()
    assert second.seconds == 0.0


def test_a_fresh_one_replaces_it() -> None:
    build = Builder()
    fetch(KEY, build)
    assert fetch(KEY, build, fresh=True).data == fetch(KEY, build).data == b"engine 2"


def test_the_sidecar_says_what_it_is() -> None:
    beside = kept(fetch(KEY, Builder())).with_suffix(".json")
    assert json.loads(beside.read_text())["key"] == KEY


@pytest.mark.parametrize("field", sorted(KEY))
def test_any_difference_in_the_key_is_another_engine(field: str) -> None:
    build = Builder()
    fetch(KEY, build)
    assert fetch({**KEY, field: "other"}, build).data == b"engine 2"
    assert fetch(KEY, build).data == b"engine 1"


def test_the_key_of_a_bundle_holds_everything(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    given = {
        "runtime": "r",
        "version": "v",
        "options": "o",
        "target": "t",
        "device": "d",
        "capability": "c",
        "driver": "n",
    }
    base = engine_key(bundle, **given)
    for name in given:
        assert engine_key(bundle, **{**given, name: "other"}) != base
    other = bundle.onnx.replace(b"make_sums", b"made_sums")
    assert engine_key(make_bundle(other), **given) != base


def change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda engine, beside: change(engine),
        lambda engine, beside: engine.write_bytes(engine.read_bytes()[:-1]),
        lambda engine, beside: engine.write_bytes(b""),
        lambda engine, beside: engine.unlink(),
        lambda engine, beside: beside.unlink(),
        lambda engine, beside: change(beside),
        lambda engine, beside: beside.write_bytes(b""),
        lambda engine, beside: beside.write_text("[]"),
        lambda engine, beside: beside.write_text(beside.read_text().replace('"version": "1"', '"version": "2"')),
    ],
)
def test_a_damaged_engine_is_built_again_and_kept(damage: Callable[[Path, Path], None]) -> None:
    build = Builder()
    engine = kept(fetch(KEY, build))
    damage(engine, engine.with_suffix(".json"))
    again = fetch(KEY, build)
    assert (again.data, again.cached) == (b"engine 2", False)
    assert fetch(KEY, build).cached


def test_a_foreign_engine_under_our_name_is_built_again() -> None:
    build = Builder()
    ours = kept(fetch(KEY, build))
    theirs = kept(fetch({**KEY, "version": "2"}, build))
    ours.write_bytes(theirs.read_bytes())
    ours.with_suffix(".json").write_bytes(theirs.with_suffix(".json").read_bytes())
    assert fetch(KEY, build).data == b"engine 3"


def test_a_cache_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EFIQA_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        built = fetch(KEY, Builder())
    assert (built.data, built.path) == (b"engine 1", None)
    assert "cannot be kept" in caplog.text
    assert str(tmp_path / "file" / "cache") in caplog.text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev")
def test_a_failed_write_leaves_nothing(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource", reason="limits on the size of files are Unix's")
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # the disk is full after 1000 bytes
    try:
        built = fetch(KEY, lambda: bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert built.path is None
    assert list(own_cache.iterdir()) == []


def test_an_engine_that_the_runtime_refuses_is_built_once_more() -> None:
    build = Builder()
    fetch(KEY, build)

    def load(data: bytes) -> str:
        if data == b"engine 1":
            raise EdgeError("made by another driver")
        return data.decode()

    loaded, built = open_cached(KEY, build, load, agrees)
    assert (loaded, built.data, built.cached) == ("engine 2", b"engine 2", False)
    assert build.times == 2


def test_a_cached_engine_that_is_wrong_is_built_once_more() -> None:
    build = Builder()
    fetch(KEY, build)

    def verify(loaded: bytes, built: Built) -> None:
        if loaded == b"engine 1":
            raise EdgeError("computes something else")

    assert open_cached(KEY, build, bytes, verify)[0] == b"engine 2"


def test_a_wrong_engine_is_freed_before_the_next_one_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    class Engine:
        """It may fill the memory of a GPU."""

    monkeypatch.setattr(logging.getLogger("edge.engines.cache"), "disabled", True)  # a kept record keeps the error
    fetch(KEY, lambda: b"wrong")
    loaded: list[weakref.ref[Engine]] = []

    def build() -> bytes:
        assert [engine() for engine in loaded] == [None]
        return b"right"

    def load(data: bytes) -> Engine:
        engine = Engine()
        loaded.append(weakref.ref(engine))
        return engine

    def verify(engine: Engine, built: Built) -> None:
        if built.data == b"wrong":
            raise EdgeError("computes something else")

    assert open_cached(KEY, build, load, verify)[1].data == b"right"
    assert len(loaded) == 2


def test_a_fresh_engine_that_is_wrong_is_an_error() -> None:
    build = Builder()

    def verify(loaded: bytes, built: Built) -> None:
        raise EdgeError("computes something else")

    with pytest.raises(EdgeError, match="something else"):
        open_cached(KEY, build, bytes, verify)
    assert build.times == 1


def test_a_runtime_that_refuses_its_own_engine_is_an_error() -> None:
    build = Builder()

    def load(data: bytes) -> str:
        raise EdgeError("never")

    with pytest.raises(EdgeError, match="never"):
        open_cached(KEY, build, load, agrees)
    assert build.times == 1


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("EFIQA_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("EFIQA_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "efiqa-edge"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache" / "efiqa-edge"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache" / "efiqa-edge"


def test_a_note_holds_for_this_engine_on_this_device_alone() -> None:
    built = fetch(KEY, Builder())
    assert read_note(built, {"device": "a"}) is None
    write_note(built, {"device": "a"}, {"frames": 3})
    assert read_note(built, {"device": "a"}) == {"frames": 3}
    assert read_note(built, {"device": "b"}) is None
    assert read_note(dataclasses.replace(built, data=b"other"), {"device": "a"}) is None
    note = kept(built).with_suffix(".verified.json")
    for damaged in (b"", b"[]", b"{}", b"\xff", note.read_bytes()[:-3]):
        note.write_bytes(damaged)
        assert read_note(built, {"device": "a"}) is None


def build_slowly(folder: str, number: int) -> tuple[bytes, bool]:
    """In a process of its own: an engine that differs from those of the others."""
    os.environ["EFIQA_CACHE"] = folder

    def build() -> bytes:
        time.sleep(0.3)
        return b"engine of process %d " % number * 100_000

    built = fetch(KEY, build)
    return built.data, built.cached


@pytest.mark.skipif(sys.platform == "win32", reason="files are locked on Unix only")
def test_processes_that_want_the_same_engine_build_it_once(own_cache: Path) -> None:
    with concurrent.futures.ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork")) as pool:
        done = list(pool.map(build_slowly, [str(own_cache)] * 4, range(4)))
    assert len({data for data, _ in done}) == 1
    assert [cached for _, cached in done].count(False) == 1
    assert fetch(KEY, Builder()).data == done[0][0]
    assert sorted(path.suffix for path in own_cache.iterdir()) == [".engine", ".json"]


def test_threads_that_want_the_same_engine_build_it_once() -> None:
    build = Builder()

    def slow() -> bytes:
        time.sleep(0.1)
        return build()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: fetch(KEY, slow).data, range(4)))
    assert done == [b"engine 1"] * 4


def test_a_holder_that_dies_does_not_keep_the_others_out(own_cache: Path) -> None:
    code = "import os, sys; from edge.engines.cache import fetch; fetch({'onnx': 'x'}, lambda: os._exit(9))"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "EFIQA_CACHE": str(own_cache)}, check=False)
    assert fetch({"onnx": "x"}, Builder()).data == b"engine 1"


@pytest.mark.skipif(sys.platform == "win32", reason="files are locked on Unix only")
@pytest.mark.parametrize("failure", [errno.ENOLCK, errno.ENOSYS, errno.EIO])
def test_a_disk_that_knows_no_locks_keeps_nobody_waiting(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch, failure: int
) -> None:
    import fcntl

    def flock(file: int, operation: int) -> None:
        raise OSError(failure, os.strerror(failure))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert not fetch(KEY, Builder()).cached
    assert fetch(KEY, Builder()).data == b"engine 1"
