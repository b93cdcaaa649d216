"""Rows on the disk: one at a time, by many threads, and never half a file."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from edge.errors import EdgeError
from trainer.loop.rows import Rows, opened, rows_in

LAYERS = np.dtype([("grid", np.float32, (2, 2)), ("known", np.bool_), ("picture", np.uint8, (5, 7, 3))])


def row(n: int) -> NDArray[Any]:
    made = np.zeros((), LAYERS)
    made["grid"], made["known"], made["picture"] = n / 4, n % 2, n
    return made


def written(folder: Path, number: int = 30, most: int = 0, name: str = "things-k.npy") -> Rows:
    return rows_in(folder / name, LAYERS, (), most or number, lambda: (row(n) for n in range(number)))


def test_rows_and_their_layers_are_what_was_written(tmp_path: Path) -> None:
    rows = written(tmp_path / "new" / "folder")
    assert len(rows) == 30
    assert [each.tobytes() for each in rows] == [row(n).tobytes() for n in range(30)]
    assert [bool(each) for each in rows["known"]] == [bool(n % 2) for n in range(30)]
    pictures = rows["picture"]
    assert (len(pictures), pictures.shape, pictures.dtype) == (30, (5, 7, 3), np.uint8)
    assert pictures[29].tolist() == np.full((5, 7, 3), 29).tolist()
    assert rows["grid"][3].tolist() == [[0.75, 0.75], [0.75, 0.75]]
    pictures[3][:] = 0  # the caller's own
    assert pictures[3].min() == 3
    for wrong in (30, -1):
        with pytest.raises(IndexError):
            rows[wrong]


def test_numpy_reads_the_same_file(tmp_path: Path) -> None:
    rows = written(tmp_path, 11)
    np.testing.assert_array_equal(np.load(rows.path), np.stack(list(rows)))


def test_plain_rows_need_no_names(tmp_path: Path) -> None:
    stack = np.arange(60, dtype=np.float16).reshape(5, 3, 4)
    rows = rows_in(tmp_path / "plain-k.npy", stack.dtype, (3, 4), 5, lambda: stack)
    np.testing.assert_array_equal(np.stack(list(rows)), stack)


def test_threads_read_at_the_same_time_and_another_process_may_be_handed_them(tmp_path: Path) -> None:
    rows = written(tmp_path, 200)
    numbers = np.random.default_rng(0).integers(0, 200, 3000).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: int(rows[n]["picture"][0, 0, 0]), numbers))
    assert found == numbers
    assert pickle.loads(pickle.dumps(rows))[7].tobytes() == row(7).tobytes()


def test_fewer_rows_than_there_was_room_for_leave_a_whole_file(tmp_path: Path) -> None:
    """Photographs that cannot be read are left out; how many is known only at the end."""
    rows = written(tmp_path, number=3, most=100_000)
    assert len(rows) == 3
    assert rows.path.stat().st_size == rows.offset + 3 * LAYERS.itemsize
    assert np.load(rows.path).shape == (3,)


def test_they_are_made_once_and_others_of_their_name_are_removed(tmp_path: Path) -> None:
    for name in ("things-old.npy", ".things-old.npy.12345678.tmp", "others-old.npy", "things.png"):
        (tmp_path / name).touch()
    written(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"things-k.npy", "others-old.npy", "things.png"}
    again = rows_in(tmp_path / "things-k.npy", LAYERS, (), 30, lambda: pytest.fail("made again"))
    assert len(again) == 30


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    path = written(tmp_path).path
    whole = path.read_bytes()
    other_type = whole.replace(b"<f4", b"<i4", 1)
    for damaged in (b"", whole[:7], whole[:100], whole[:-1], whole + b"\0", b"no numpy at all", other_type):
        path.write_bytes(damaged)
        assert opened(path, LAYERS) is None
        written(tmp_path)
        assert path.read_bytes() == whole
    assert opened(path, LAYERS, (2,)) is None


def test_a_disk_too_small_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "things-old.npy").touch()  # it makes room first
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))

    def begun() -> Iterator[NDArray[Any]]:
        pytest.fail("the work was begun")
        yield

    with pytest.raises(EdgeError, match=r"things-k\.npy needs about 0\.0 GiB and the disk has 0\.0 free: free some"):
        rows_in(tmp_path / "things-k.npy", LAYERS, (), 30, begun)


def test_room_that_cannot_be_reserved_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota, of which the free space of the disk says nothing."""

    def full(*_: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(EdgeError, match=r"things-k\.npy cannot be written \(Disk quota exceeded\): free some space"):
        written(tmp_path)
    assert not list(tmp_path.iterdir())


def test_work_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[NDArray[Any]]:
        yield row(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rows_in(tmp_path / "things-k.npy", LAYERS, (), 30, broken)
    assert not list(tmp_path.iterdir())


def test_a_file_that_goes_while_it_is_read_is_said(tmp_path: Path) -> None:
    rows = written(tmp_path)
    os.truncate(rows.path, rows.offset + 3 * LAYERS.itemsize)
    assert rows[2].tobytes() == row(2).tobytes()
    with pytest.raises(EdgeError, match="was cut while it was in use: run one training at a time"):
        rows[3]
    rows.path.unlink()
    with pytest.raises(EdgeError, match=r"cannot be read \(No such file or directory\): start again"):
        rows[0]
