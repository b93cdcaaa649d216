"""Frames made from photographs and synthetic eyes, and what is known of them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from edge.errors import EdgeError
from trainer.data.datasets import Square
from trainer.recipe import Recipe, load_recipe
from trainer.steps import frames as made
from trainer.steps.frames import FrameView, make_frames
from trainer.steps.vessel_maps import phantoms, segmented_square


def recipe(side: int, number: int) -> Recipe:
    quick = load_recipe("quick")
    return dataclasses.replace(quick, side=side, frames=dataclasses.replace(quick.frames, number=number))


def views(squares: list[Square], whole: list[int], settings: Recipe) -> list[FrameView]:
    """All views of a training; vessels are exact."""
    known = [segmented_square(s, s.vessels) for s in squares if s.vessels is not None]
    numbers = range(settings.frames.number)
    return [made._view(n, known.__getitem__, len(known), whole, settings) for n in numbers]


@pytest.fixture(scope="module")
def eyes() -> list[Square]:
    return list(phantoms(2, 160))


def same(some: Iterable[Any], others: Iterable[Any]) -> None:
    for one, other in zip(some, others, strict=True):
        assert one.tobytes() == other.tobytes()


def test_frames_are_the_same_for_every_call_however_many_there_are(tiny_run: Any, tmp_path: Path) -> None:
    settings = load_recipe(str(tiny_run.recipe))
    frames = make_frames(settings, tiny_run.data, tiny_run.run)
    shutil.copytree(tiny_run.run / "vessels", tmp_path / "vessels")
    same(make_frames(settings, tiny_run.data, tmp_path).rows, frames.rows)  # neither from memory nor from the disk
    fewer = dataclasses.replace(settings, frames=dataclasses.replace(settings.frames, number=8))
    first = make_frames(fewer, tiny_run.data, tmp_path)
    assert (len(frames), len(first)) == (settings.frames.number, 8)
    same(first.rows, (frames.rows[n] for n in range(8)))


def test_frames_are_kept_and_made_again_only_where_they_are_damaged_or_others(tiny_run: Any, tmp_path: Path) -> None:
    shutil.copytree(tiny_run.run / "vessels", tmp_path / "vessels")
    settings = load_recipe(str(tiny_run.recipe))
    settings = dataclasses.replace(settings, frames=dataclasses.replace(settings.frames, number=8))
    make_frames(settings, tiny_run.data, tmp_path)
    (path,) = (tmp_path / "frames").iterdir()
    whole, written = path.read_bytes(), path.stat().st_mtime_ns
    make_frames(settings, tiny_run.data, tmp_path)
    assert path.stat().st_mtime_ns == written
    path.write_bytes(whole[:-100])
    make_frames(settings, tiny_run.data, tmp_path)
    assert path.read_bytes() == whole
    for other in (dataclasses.replace(settings, seed=4), dataclasses.replace(settings, side=176)):
        assert made.frames_key(other, tiny_run.data, tmp_path) != made.frames_key(settings, tiny_run.data, tmp_path)


def test_frames_hold_layers_of_the_sizes_they_say(tiny_run: Any) -> None:
    settings = load_recipe(str(tiny_run.recipe))
    frames = make_frames(settings, tiny_run.data, tiny_run.run)
    side, grid = settings.side, settings.side // 8
    assert len(frames) == settings.frames.number
    for frame in map(frames.__getitem__, range(len(frames))):
        assert frame.picture.shape == (side, side, 3)
        assert frame.field.shape == frame.truth.shape == (grid, grid)
        assert frame.vessels.shape == (side // 2, side // 2)
        assert frame.regions.shape == (grid, grid, 2)
        assert 0 <= frame.truth.min() <= frame.truth.max() <= 1
        assert frame.has_truth or not frame.truth.any()
        assert frame.field.any()
    assert len({picture.tobytes() for picture in frames.rows["picture"]}) == len(frames)


def test_any_number_of_frames_holds_the_shares_that_the_recipe_asks_for() -> None:
    (eye,) = phantoms(1, 64)
    unmarked = dataclasses.replace(eye, regions=None)
    for number in (40, 200):
        settings = recipe(64, number)
        some = views([unmarked], [0], settings)
        empty, has_truth, has_regions = (
            np.array(each)
            for each in zip(*((not v.vessels.any(), v.has_truth, v.has_regions) for v in some), strict=True)
        )
        assert abs(has_truth.mean() - (1 - settings.frames.any_share)) <= 1.5 / number
        assert abs(empty.mean() - settings.frames.empty_share) <= 1.5 / number
        assert has_truth[empty].all()
        assert np.array_equal(has_regions, empty)  # that there is no disc is known, where the disc is is not


def test_only_whole_photographs_are_spoiled(eyes: list[Square]) -> None:
    white = dataclasses.replace(eyes[0], picture=np.full_like(eyes[0].picture, 255))
    some = views([white, eyes[1]], [1], recipe(160, 30))
    of_white = [view for view in some if view.clean[60:100, 60:100].min() == 255]
    assert of_white
    assert not any(view.has_truth for view in of_white)


def test_an_empty_frame_has_lost_everything(eyes: list[Square]) -> None:
    empty = [view for view in views(eyes, [0, 1], recipe(160, 30)) if not view.vessels.any()]
    assert empty
    for view in empty:
        frame = made._frame(view, np.ones((160, 160), np.float32))  # whatever the segmenter dreams of
        assert frame.truth.min() == 1
        assert not frame.vessels.any()
        assert not frame.regions.any()
        assert not np.array_equal(view.stored, view.clean)


def test_an_untouched_frame_has_lost_next_to_nothing_and_one_whose_vessels_are_gone_much(eyes: list[Square]) -> None:
    some = views(eyes, [0, 1], recipe(160, 120))
    untouched = [view for view in some if view.has_truth and np.array_equal(view.clean, view.spoiled)]
    assert untouched
    for view in untouched:
        seen, gone = made._frame(view, view.vessels), made._frame(view, np.zeros_like(view.vessels))
        kept = float(seen.truth[seen.field].mean())
        assert kept < 0.1
        assert seen.vessels.max() > 200
        assert gone.truth[gone.field].mean() > kept + 0.3
        assert not gone.vessels.any()


def test_regions_and_vessels_are_turned_with_the_picture(eyes: list[Square]) -> None:
    """A picture whose colours are its own regions and vessels shows them where the layers say."""
    marked = []
    for eye in eyes:
        assert eye.regions is not None
        assert eye.vessels is not None
        vessels = np.rint(eye.vessels * 255).astype(np.uint8)
        picture = np.dstack([eye.regions[:, :, 0], eye.regions[:, :, 1], vessels])
        marked.append(dataclasses.replace(eye, picture=picture))
    settings = recipe(160, 30)
    # Lesions are painted on the picture alone.
    settings = dataclasses.replace(settings, frames=dataclasses.replace(settings.frames, lesion_share=0.0))
    seen = 0
    for n, view in enumerate(views(marked, [0, 1], settings)):
        if view.vessels.any():
            layers = np.dstack([view.regions, view.vessels * 255])
            # OpenCV rounds each type in its own way, at few pixels by more.
            off = np.abs(view.clean.astype(np.float32) - layers) > 8
            assert off.mean() < 1e-3, n
            middle = view.regions[4::8, 4::8]
            assert ((made._frame(view, view.vessels).regions > 128) == (middle > 128)).mean() > 0.95
            seen += bool(view.regions[:, :, 0].any())
    assert seen > 10


def test_a_disk_too_small_is_said_before_the_frames_are_made(tiny_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames of a run are gigabytes: half an hour of work would be lost at its end."""
    tiny = load_recipe(str(tiny_run.recipe))
    more = dataclasses.replace(tiny, frames=dataclasses.replace(tiny.frames, number=tiny.frames.number + 1))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(made, "_view", lambda *_: pytest.fail("the work was begun"))
    with pytest.raises(EdgeError, match=r"needs about .* GiB and the disk has 0\.0 free"):
        make_frames(more, tiny_run.data, tiny_run.run)
