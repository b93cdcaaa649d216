from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle import Bundle
from edge.engines.cache import Built, Key, cache_folder, engine_key, fetch, open_cached
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

    assert open_cached(KEY, build, load) == "engine 2"
    assert build.times == 2


def test_a_runtime_that_refuses_its_own_engine_is_an_error() -> None:
    build = Builder()

    def load(data: bytes) -> str:
        raise EdgeError("never")

    with pytest.raises(EdgeError, match="never"):
        open_cached(KEY, build, load)
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
