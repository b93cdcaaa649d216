"""The picture and the film of the README are what their scripts draw with the model that ships."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge import GuidedSession, QualityModel

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a script of docs/pictures by its name."""
    monkeypatch.syspath_prepend(str(PICTURES))
    yield importlib.import_module
    for name in ("drawn", "point", "film"):
        sys.modules.pop(name, None)


def apart(one: Image.Image, other: Image.Image) -> float:
    """Grey values, on average."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one.convert("RGB"), float) - np.asarray(other.convert("RGB"), float)).mean())


def test_the_picture_is_drawn_by_its_script(scripts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point = scripts("point")
    monkeypatch.setattr(scripts("drawn"), "__file__", str(tmp_path / "drawn.py"))
    monkeypatch.setattr(sys, "argv", ["point.py"])
    point.main()
    with Image.open(tmp_path / "point.webp") as made, Image.open(PICTURES / "point.webp") as kept:
        assert apart(made, kept) < 2  # machines round INT8 in ways of their own


def test_the_film_begins_as_its_script_begins(scripts: Any) -> None:
    film = scripts("film")
    with QualityModel.load(threads=1) as model, GuidedSession(model, strictness="normal") as session:
        frames = list(itertools.islice(film.film(session, model.manifest.thresholds.usable), 20))
    with Image.open(PICTURES / "film.webp") as kept:
        assert kept.size == frames[0].size
        shown = []
        for number in range(kept.n_frames):
            kept.seek(number)
            kept.load()
            shown += [kept.convert("RGB")] * round(kept.info["duration"] * film.FPS / 1000)
    for number in (0, 10, 19):
        assert apart(frames[number], shown[number]) < 6, number  # it is compressed
