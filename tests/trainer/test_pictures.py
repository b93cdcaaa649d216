from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from edge.images import read_image
from trainer.pictures import save_sheet, tint


def test_a_layer_of_any_size_turns_yellow_where_it_is_one() -> None:
    picture = np.full((64, 64, 3), 100, np.uint8)
    layer = np.zeros((8, 8), np.float32)
    layer[:, 4:] = 1
    shown = tint(picture, layer)
    assert shown.shape == picture.shape
    np.testing.assert_array_equal(shown[:, 40:], np.broadcast_to([0, 220, 255], (64, 24, 3)))
    np.testing.assert_array_equal(shown[:, :24], np.full((64, 24, 3), 50))
    np.testing.assert_array_equal(tint(picture, None), np.full((64, 64, 3), 50))


def test_a_sheet_has_a_column_for_each_head_and_a_row_for_each_row(tmp_path: Path) -> None:
    rows = [[np.full((side, side, 3), value, np.uint8) for value in (40, 200)] for side in (100, 300, 64)]
    save_sheet(tmp_path / "new/sheet.png", rows, ("left", "right"))
    sheet = read_image(tmp_path / "new/sheet.png")
    head = sheet.shape[0] - 3 * 256
    assert 0 < head < 64
    assert sheet.shape[1] == 2 * 256
    assert (sheet[head:, :256] == 40).all()
    assert (sheet[head:, 256:] == 200).all()
