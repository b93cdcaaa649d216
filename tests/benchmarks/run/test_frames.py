from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.run import frames
from benchmarks.run.frames import folder_frames, phantom_frames
from edge import EdgeError
from edge.field.find import find_field
from edge.field.resample import resize

Drawn = Callable[[int], NDArray[np.uint8]]


def save(path: Path, image: NDArray[np.uint8]) -> None:
    assert cv2.imwrite(str(path), image)


def test_phantoms_have_the_size_asked_for_and_a_field() -> None:
    chosen = phantom_frames((400, 300), count=3)
    assert chosen.sizes == ("400x300",)
    assert len(chosen.images) == 3
    assert all(find_field(image) is not None for image in chosen.images)
    assert not np.array_equal(chosen.images[0], chosen.images[1])
    np.testing.assert_array_equal(chosen.images[0], phantom_frames((400, 300), count=1).images[0])


def test_photographs_keep_their_size_unless_another_is_asked_for(tmp_path: Path, drawn: Drawn) -> None:
    eye = drawn(0)
    save(tmp_path / "eye.png", eye)
    own = folder_frames(tmp_path)
    assert own.source == tmp_path.name
    np.testing.assert_array_equal(own.images[0], eye)
    assert folder_frames(tmp_path, (500, 400)).sizes == ("500x400",)


def test_what_cannot_be_timed_is_left_out_and_said(tmp_path: Path, drawn: Drawn) -> None:
    save(tmp_path / "eye.png", drawn(0))
    save(tmp_path / "black.png", np.zeros((200, 200, 3), np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    chosen = folder_frames(tmp_path)
    assert len(chosen.images) == 1
    assert "1 of 3 pictures could not be read" in chosen.notes[0]
    assert "1 of 2 frames show no retina" in chosen.notes[1]


def test_a_large_folder_is_sampled_evenly(tmp_path: Path, drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST", 2)
    for seed in range(4):
        save(tmp_path / f"{seed}.png", resize(drawn(seed), (150, 150)))
    chosen = folder_frames(tmp_path)
    np.testing.assert_array_equal(chosen.images[0], resize(drawn(0), (150, 150)))
    np.testing.assert_array_equal(chosen.images[1], resize(drawn(2), (150, 150)))
    assert "2 of the 4 pictures" in chosen.notes[0]


def test_a_folder_without_a_retina_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "black.png", np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(EdgeError, match="shows a retina"):
        folder_frames(tmp_path)


def test_a_file_or_nothing_is_not_a_folder(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="not a folder"):
        folder_frames(tmp_path / "missing")
