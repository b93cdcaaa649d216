"""Frames made from photographs and synthetic eyes, and what is known of them."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from edge.errors import EdgeError
from trainer.data.datasets import Square
from trainer.recipe import Recipe, load_recipe
from trainer.steps import frames as made
from trainer.steps.frames import Frames, FrameView, make_frames
from trainer.steps.vessel_maps import phantoms, segmented

LAYERS = [field.name for field in dataclasses.fields(Frames)]


def recipe(side: int, number: int) -> Recipe:
    quick = load_recipe("quick")
    return dataclasses.replace(quick, side=side, frames=dataclasses.replace(quick.frames, number=number))


def exact(squares: list[Square]) -> NDArray[np.uint8]:
    return np.stack([np.rint(s.vessels * 255) for s in squares if s.vessels is not None]).astype(np.uint8)


def views(squares: list[Square], whole: list[int], settings: Recipe) -> tuple[Frames, list[FrameView]]:
    """All views of a training, and the frames with what ``_view`` notes in them; vessels are exact."""
    frames, vessels = made.empty_frames(settings.frames.number, settings.side), exact(squares)
    numbers = range(settings.frames.number)
    return frames, [made._view(n, squares, vessels, whole, settings, frames) for n in numbers]


@pytest.fixture(scope="module")
def eyes() -> list[Square]:
    return phantoms(2, 160)


def test_frames_are_the_same_for_every_call_however_many_there_are(tiny_run: Any) -> None:
    settings = load_recipe(str(tiny_run.recipe))
    frames = make_frames(settings, tiny_run.data, tiny_run.run)
    again = made._make(settings, tiny_run.data, tiny_run.run, segmented)  # neither from memory nor from the disk
    fewer = dataclasses.replace(settings, frames=dataclasses.replace(settings.frames, number=8))
    first = made._make(fewer, tiny_run.data, tiny_run.run, segmented)
    assert (len(frames), len(first)) == (settings.frames.number, 8)
    for name in LAYERS:
        np.testing.assert_array_equal(getattr(again, name), getattr(frames, name), err_msg=name)
        np.testing.assert_array_equal(getattr(first, name), getattr(frames, name)[:8], err_msg=name)


def test_frames_are_kept_and_made_again_only_where_they_are_damaged_or_others(tiny_run: Any, tmp_path: Path) -> None:
    shutil.copytree(tiny_run.run / "vessels", tmp_path / "vessels")
    settings = load_recipe(str(tiny_run.recipe))
    settings = dataclasses.replace(settings, frames=dataclasses.replace(settings.frames, number=8))
    path, ask = tmp_path / "frames/frames.safetensors", make_frames
    first = ask(settings, tiny_run.data, tmp_path)
    whole, written = path.read_bytes(), path.stat().st_mtime_ns
    kept = ask(settings, tiny_run.data, tmp_path)
    assert path.stat().st_mtime_ns == written
    path.write_bytes(whole[:-100])
    restored = ask(settings, tiny_run.data, tmp_path)
    assert path.read_bytes() == whole
    for name in LAYERS:
        np.testing.assert_array_equal(getattr(kept, name), getattr(first, name), err_msg=name)
        np.testing.assert_array_equal(getattr(restored, name), getattr(first, name), err_msg=name)
    for other in (dataclasses.replace(settings, seed=4), dataclasses.replace(settings, side=176)):
        assert made.frames_key(other, tiny_run.data, tmp_path) != made.frames_key(settings, tiny_run.data, tmp_path)


def test_frames_hold_layers_of_the_sizes_they_say(tiny_run: Any) -> None:
    settings = load_recipe(str(tiny_run.recipe))
    frames = make_frames(settings, tiny_run.data, tiny_run.run)
    n, side = settings.frames.number, settings.side
    assert frames.pictures.shape == (n, side, side, 3)
    assert frames.fields.shape == frames.truth.shape == (n, side // 8, side // 8)
    assert frames.vessels.shape == (n, side // 2, side // 2)
    assert frames.regions.shape == (n, side // 8, side // 8, 2)
    assert 0 <= frames.truth.min() <= frames.truth.max() <= 1
    assert not frames.truth[~frames.has_truth].any()
    assert frames.fields.any(axis=(1, 2)).all()
    assert len(np.unique(frames.pictures.reshape(n, -1), axis=0)) == n


def test_any_number_of_frames_holds_the_shares_that_the_recipe_asks_for() -> None:
    (eye,) = phantoms(1, 64)
    unmarked = dataclasses.replace(eye, regions=None)
    for number in (40, 200):
        settings = recipe(64, number)
        frames, some = views([unmarked], [0], settings)
        empty = np.array([not view.vessels.any() for view in some])
        assert abs(frames.has_truth.mean() - (1 - settings.frames.any_share)) <= 1.5 / number
        assert abs(empty.mean() - settings.frames.empty_share) <= 1.5 / number
        assert frames.has_truth[empty].all()
        assert np.array_equal(frames.has_regions, empty)  # that there is no disc is known, where the disc is is not


def test_only_whole_photographs_are_spoiled(eyes: list[Square]) -> None:
    white = dataclasses.replace(eyes[0], picture=np.full_like(eyes[0].picture, 255))
    frames, some = views([white, eyes[1]], [1], recipe(160, 30))
    of_white = np.array([view.clean[60:100, 60:100].min() == 255 for view in some])
    assert not of_white[frames.has_truth].any()
    assert of_white[~frames.has_truth].any()


def test_an_empty_frame_has_lost_everything(eyes: list[Square]) -> None:
    frames, some = views(eyes, [0, 1], recipe(160, 30))
    empty = [n for n, view in enumerate(some) if not view.vessels.any()]
    assert empty
    for n in empty:
        made._keep(frames, n, some[n], np.ones((160, 160), np.float32))  # whatever the segmenter dreams of
        assert frames.truth[n].min() == 1
        assert not frames.vessels[n].any()
        assert not frames.regions[n].any()
        assert not np.array_equal(some[n].stored, some[n].clean)


def test_an_untouched_frame_has_lost_next_to_nothing_and_one_whose_vessels_are_gone_much(eyes: list[Square]) -> None:
    frames, some = views(eyes, [0, 1], recipe(160, 120))
    untouched = [n for n, v in enumerate(some) if frames.has_truth[n] and np.array_equal(v.clean, v.spoiled)]
    assert untouched
    for n in untouched:
        made._keep(frames, n, some[n], some[n].vessels)
        kept, inside = frames.truth[n].copy(), frames.fields[n]
        assert kept[inside].mean() < 0.1, n
        assert frames.vessels[n].max() > 200
        made._keep(frames, n, some[n], np.zeros_like(some[n].vessels))
        assert frames.truth[n][inside].mean() > kept[inside].mean() + 0.3, n
        assert not frames.vessels[n].any()


def test_regions_and_vessels_are_turned_with_the_picture(eyes: list[Square]) -> None:
    """A picture whose colours are its own regions and vessels shows them where the layers say."""
    marked = []
    for eye, vessels in zip(eyes, exact(eyes), strict=True):
        assert eye.regions is not None
        picture = np.dstack([eye.regions[:, :, 0], eye.regions[:, :, 1], vessels])
        marked.append(dataclasses.replace(eye, picture=picture))
    settings = recipe(160, 30)
    # Lesions are painted on the picture alone.
    settings = dataclasses.replace(settings, frames=dataclasses.replace(settings.frames, lesion_share=0.0))
    frames, some = views(marked, [0, 1], settings)
    seen = 0
    for n, view in enumerate(some):
        if view.vessels.any():
            layers = np.dstack([view.regions, view.vessels * 255])
            # OpenCV rounds each type in its own way, at few pixels by more.
            off = np.abs(view.clean.astype(np.float32) - layers) > 8
            assert off.mean() < 1e-3, n
            made._keep(frames, n, view, view.vessels)
            middle = view.regions[4::8, 4::8]
            assert ((frames.regions[n] > 128) == (middle > 128)).mean() > 0.95
            seen += bool(view.regions[:, :, 0].any())
    assert seen > 10


def test_a_disk_too_small_is_said_before_the_frames_are_made(tiny_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames of a run are gigabytes: half an hour of work would be lost at its end."""
    tiny = load_recipe(str(tiny_run.recipe))
    more = dataclasses.replace(tiny, frames=dataclasses.replace(tiny.frames, number=tiny.frames.number + 1))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(made, "_make", lambda *_: pytest.fail("the work was begun"))
    with pytest.raises(EdgeError, match=r"needs about .* GiB and the disk has 0\.0 free"):
        make_frames(more, tiny_run.data, tiny_run.run)
