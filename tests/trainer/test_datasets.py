from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from edge.errors import EdgeError
from trainer.datasets import Photograph, find_photographs, in_threads, is_held_out, load_square, load_squares


def test_photographs_are_found_with_their_vessel_maps_and_without_what_is_excluded(photographs: Path) -> None:
    found = find_photographs(photographs, ["graded"])
    assert len(found) == 16
    assert sum(p.vessels is not None for p in found) == 8
    assert not any("vessels" in p.path.parts[-3:-1] for p in found)
    assert len(find_photographs(photographs)) == 32


def test_excluded_folders_are_paths_from_the_data_folder(photographs: Path) -> None:
    assert len(find_photographs(photographs, ["graded/good"])) == 24


def test_a_missing_folder_and_an_empty_one_are_said(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="not a folder"):
        find_photographs(tmp_path / "nowhere")
    with pytest.raises(EdgeError, match=r"holds no|no image"):
        find_photographs(tmp_path)


def test_both_eyes_of_a_subject_are_held_out_together(photographs: Path) -> None:
    drawn = [p for p in find_photographs(photographs) if p.vessels]
    kept = {p.path.stem for p in drawn if is_held_out(p, drawn, 4)}
    assert kept == {"03L", "03R"}
    assert not any(is_held_out(p, drawn, 0) for p in drawn)


def test_a_square_holds_picture_field_and_vessels_in_register(photographs: Path) -> None:
    square = load_square(find_photographs(photographs / "set")[0], 160)
    assert square is not None
    assert square.vessels is not None
    assert square.picture.shape == (160, 160, 3)
    assert square.field.shape == square.vessels.shape == (160, 160)
    assert square.vessels[~square.field].max() == 0
    green = square.picture[:, :, 1].astype(float)
    inner = cv2.erode(square.field.astype(np.uint8), np.ones((15, 15))) > 0
    near = cv2.GaussianBlur(green, (0, 0), 6)
    assert (green - near)[(square.vessels > 0.8) & inner].mean() < (green - near)[(square.vessels < 0.1) & inner].mean()


def test_a_mask_of_another_size_is_said(tmp_path: Path, photographs: Path) -> None:
    photograph = find_photographs(photographs / "set")[0]
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), np.zeros((50, 60), np.uint8))
    with pytest.raises(EdgeError, match="60x50 pixels"):
        load_square(Photograph(photograph.path, small), 160)


def test_a_file_that_cannot_be_read_is_left_out(
    tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"not a picture")
    good = find_photographs(photographs / "loose")[0]
    assert [s.path for s in load_squares([Photograph(bad, None), good], 64)] == [good.path]
    assert "bad.jpg" in capsys.readouterr().err
    with pytest.raises(EdgeError, match="none of the photographs"):
        load_squares([Photograph(bad, None)], 64)


def test_a_folder_above_the_data_may_be_called_anything(tmp_path: Path, photographs: Path) -> None:
    data = tmp_path / "fov" / "vessels"
    data.mkdir(parents=True)
    (data / "a.png").write_bytes((photographs / "loose" / "0.png").read_bytes())
    assert [p.path.name for p in find_photographs(data)] == ["a.png"]


def test_only_a_few_are_read_ahead() -> None:
    """Full-size photographs by the hundred do not fit into memory."""
    begun: list[int] = []
    results = in_threads(lambda n: begun.append(n) or n, range(100), "reading", threads=2)
    assert next(iter(results)) == 0
    assert len(begun) <= 6
    results.close()  # type: ignore[attr-defined]
