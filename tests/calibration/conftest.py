"""What tests of calibration share: synthetic eyes, drawn once, as drawing them takes longer than grading."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from edge.engines import verify


@pytest.fixture(autouse=True, scope="session")
def eyes_drawn_once() -> Iterator[None]:
    """The real frames, kept."""
    try:
        from calibration import frames
    except ImportError:  # tests of a site's criterion need no torch
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        kept = functools.lru_cache(maxsize=100)(frames.golden_frame)
        for module in (frames, verify):
            patch.setattr(module, "golden_frame", kept)
        yield
