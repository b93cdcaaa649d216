"""Which frame is drawn."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.loop import Graded
from edge.preview import painter
from edge.preview.painter import Painter, Picture


def graded(number: int) -> Graded:
    image = np.zeros((60, 80, 3), np.uint8)
    nothing = np.zeros((4, 4), bool)
    assessment = Assessment(0.0, "no_fundus", nothing.astype(np.float32), nothing, None, Timings(1, 1, 1))
    return Graded(Frame(image, number, 50.0 + number, behind=0.25), assessment, 0.0, 1.0)


@pytest.mark.parametrize("still_s", [60.0, 0.01])
def test_a_frame_that_has_lain_is_drawn_only_where_no_newer_one_comes(
    monkeypatch: pytest.MonkeyPatch, still_s: float
) -> None:
    monkeypatch.setattr(painter, "_STILL_S", still_s)
    drawn: list[Picture] = []
    shown = threading.Event()

    def show(kind: painter.Kind, picture: Picture) -> None:
        drawn.append(picture)
        shown.set()

    made = Painter(show, lambda *kept: None, lambda sentence: None)
    try:
        made.newest(1, graded(1))
        made.want("overlay")
        if still_s > 1:
            assert not shown.wait(0.2)
            made.newest(2, graded(2))
        assert shown.wait(10)
    finally:
        made.close()
    number = 2 if still_s > 1 else 1
    assert [(each.number, each.taken) for each in drawn] == [(number, 50.25 + number)]
