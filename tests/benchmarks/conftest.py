from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import frames
from edge.phantom import phantom_frame

_drawn = functools.cache(phantom_frame)


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], NDArray[np.uint8]]:
    """The real synthetic eyes, each drawn once for all tests: drawing takes longer than grading a hundred times."""
    monkeypatch.setattr(frames, "phantom_frame", _drawn)
    return _drawn
