import tracemalloc

import numpy as np

from edge.field.find import find_field
from edge.field.known import field_setting
from edge.field.whole import finder_of, whole_field


def frame(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_all_of_a_square_is_field():
    found = whole_field(frame(304, 304))
    assert (found.crop.x, found.crop.y, found.crop.side) == (0, 0, 304)
    assert found.on_grid(38).all()


def test_a_longer_frame_lies_in_the_middle_of_a_square():
    for shape in ((100, 200), (200, 100)):
        found = whole_field(frame(*shape))
        assert found.crop.side == 200
        assert abs((found.mask > 0).mean() - 0.5) < 0.02
        cells = found.on_grid(8)
        assert np.array_equal(
            cells if shape[0] < shape[1] else cells.T, np.repeat([0, 0, 1, 1, 1, 1, 0, 0], 8).reshape(8, 8)
        )


def test_a_long_frame_takes_no_square_of_memory():
    long = np.zeros((600, 4000, 3), np.uint8)
    long[:, :2000] = 200
    tracemalloc.start()
    found = whole_field(long)
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()
    assert found.crop.side == 4000


def test_a_blank_frame_has_none():
    assert whole_field(np.full((304, 304, 3), 90, np.uint8)) is None


def test_who_finds_it():
    assert finder_of("fundus") is find_field
    assert finder_of("octa") is whole_field
    assert str(field_setting("whole")) == "whole"
    assert field_setting("whole").of(frame(64, 64)).crop.side == 64
