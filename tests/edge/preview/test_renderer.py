"""Which frame is drawn."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from edge.capture.graded import Graded
from edge.preview import renderer as painter
from edge.preview.renderer import RenderedFrame, Renderer


@pytest.mark.parametrize("still_s", [60.0, 0.01])
def test_a_frame_that_has_lain_is_drawn_only_where_no_newer_one_comes(
    monkeypatch: pytest.MonkeyPatch, graded_grey: Callable[..., Graded], still_s: float
) -> None:
    monkeypatch.setattr(painter, "_STILL_S", still_s)
    drawn: list[RenderedFrame] = []
    shown = threading.Event()

    def show(kind: painter.Kind, picture: RenderedFrame) -> None:
        drawn.append(picture)
        shown.set()

    made = Renderer(show, lambda *kept: None, lambda sentence: None)
    try:
        made.newest(1, graded_grey(10, age_s=0.0))
        made.want("overlay")
        if still_s > 1:
            assert not shown.wait(0.2)
            made.newest(2, graded_grey(20, age_s=0.0))
        assert shown.wait(60)
    finally:
        made.close()
    assert [each.number for each in drawn] == [2 if still_s > 1 else 1]
