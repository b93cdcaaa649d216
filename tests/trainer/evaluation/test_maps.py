from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge.errors import EdgeError
from edge.field.find import Crop, find_field
from edge.frame.prepare import cut
from edge.model import QualityModel
from edge.phantom.degradation import KINDS
from edge.phantom.retina import make_retina
from trainer.data.datasets import Square
from trainer.evaluation.maps import LOST, WHOLE, quality
from trainer.evaluation.predictors import Maps, bundle_maps, coverage_maps, on_grid, sharpness_maps
from trainer.evaluation.truth.eyes import Eye, phantom_eyes, photograph_eyes, sequence_eyes
from trainer.evaluation.truth.frames import GRID, SEVERITIES, SIDE, TrueFrame, played, spoiled, swept
from trainer.evaluation.truth.regions import SHAPES, region
from trainer.networks.students import Segmenter
from trainer.recipe import load_recipe


@pytest.fixture(scope="module")
def eyes() -> list[Eye]:
    return phantom_eyes(4)


@pytest.fixture(scope="module")
def frames(eyes: list[Eye]) -> list[TrueFrame]:
    return spoiled(eyes)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_region_holds_some_of_the_field_and_not_all_and_lies_in_field_radii(shape: Any) -> None:
    y, x = np.mgrid[:120, :160]
    disc = np.hypot(x - 79.5, y - 59.5) < 60
    places = []
    for seed in range(12):
        made = region(shape, (120, 160), Crop(20, 0, 120), np.random.default_rng(seed))
        twice = region(shape, (240, 320), Crop(40, 0, 240), np.random.default_rng(seed))
        assert made.shape == (120, 160)
        assert made.dtype == np.float32
        assert 0.04 < made[disc].mean() < 0.9, seed
        assert ((made == 0) | (made == 1)).mean() > 0.8, seed
        reduced = cv2.resize(twice, (160, 120), interpolation=cv2.INTER_AREA)
        assert np.abs(made - reduced).mean() < 0.01, seed  # the same at another size
        places.append(made)
    assert np.ptp(np.stack(places), axis=0)[disc].mean() > 0.8  # elsewhere in every frame


def test_phantoms_are_the_same_every_time_and_whole_before_they_are_spoiled(eyes: list[Eye]) -> None:
    again = phantom_eyes(2, 900_001)
    np.testing.assert_array_equal(again[0].image, eyes[1].image)
    one, two, other = (spoiled(eyes[:1], seed, ("haze", "lid")) for seed in (0, 0, 1))
    for a, b, c in zip(one, two, other, strict=True):
        np.testing.assert_array_equal(a.square.picture, b.square.picture)
        assert (a.square.picture != c.square.picture).any()
    (alone,) = (frame for frame in spoiled(eyes[:1], kinds=("lid",)) if frame.kind == "lid")
    np.testing.assert_array_equal(alone.square.picture, one[2].square.picture)  # whatever else is made
    assert len({eye.image.tobytes() for eye in eyes}) == 4


def test_every_kind_spoils_every_eye_and_only_where_its_mask_lies(eyes: list[Eye], frames: list[TrueFrame]) -> None:
    assert [frame.kind for frame in frames] == ["none", *KINDS] * 4
    for frame in frames:
        assert frame.square.picture.shape == (SIDE, SIDE, 3)
        assert frame.truth.shape == frame.counted.shape == (GRID, GRID)
        assert frame.counted.any()
        if frame.kind == "none":
            assert frame.truth[frame.counted].max() <= WHOLE
        else:
            assert 0.3 <= frame.severity <= 1
    worst = {kind: max(f.truth[f.counted].max() for f in frames if f.kind == kind) for kind in KINDS}
    assert min(worst.values()) > 0.5
    for kind in ("blur", "motion", "noise", "dark", "haze"):  # part of the field is as it was
        assert all((f.truth[f.counted] <= WHOLE).mean() > 0.05 for f in frames if f.kind == kind), kind


def test_the_macula_is_where_the_phantom_drew_it(eyes: list[Eye], frames: list[TrueFrame]) -> None:
    y, x = np.mgrid[:640, :640]
    for eye, frame in zip(eyes, frames[:: 1 + len(KINDS)], strict=True):
        retina = make_retina(int(eye.path.name.rsplit("-")[-1]), 640)
        disc = (np.hypot(x - retina.macula[0], y - retina.macula[1]) <= retina.disc_radius) & (retina.field > 0)
        shown = cut(np.repeat(disc[:, :, None] * np.uint8(255), 3, axis=2), eye.field.crop, GRID)[:, :, 0] >= 128
        assert frame.macula is not None
        assert shown.sum() >= 4
        assert (shown ^ frame.macula).sum() <= 0.35 * shown.sum()  # cells at the rim of the circle


def test_a_frame_whose_fault_hides_the_field_is_cut_where_the_field_is(eyes: list[Eye]) -> None:
    black = replace(eyes[0], image=np.zeros_like(eyes[0].image))
    (frame,) = spoiled([black], kinds=())
    share = frame.counted.mean() / spoiled(eyes[:1], kinds=())[0].counted.mean()
    assert share == pytest.approx(1, abs=0.03)


def test_sequences_are_spoiled_between_their_own_causes() -> None:
    seen = sequence_eyes(1, every=10)
    assert "no_fundus" not in {eye.cause for eye in seen}
    made = played(seen)
    assert len(made) == len(seen)
    clear = [frame.kind for eye, frame in zip(seen, made, strict=True) if eye.cause == "none"]
    assert clear[::2] == ["none"] * len(clear[::2])
    assert clear[1::2] == [KINDS[n % len(KINDS)] for n in range(len(clear[1::2]))]
    for eye, frame in zip(seen, made, strict=True):
        if eye.cause != "none":
            assert frame.kind == eye.cause
            assert frame.truth[frame.counted].mean() > 0.05, eye.path


def test_photographs_are_reduced_and_one_that_shows_nothing_is_left_out(tmp_path: Path) -> None:
    retina = make_retina(2, 900)
    cv2.imwrite(str(tmp_path / "eye.png"), retina.image)
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((300, 300, 3), np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (eye,) = photograph_eyes([tmp_path / "black.png", tmp_path / "broken.png", tmp_path / "eye.png"])
    assert eye.path.name == "eye.png"
    assert max(eye.image.shape) == 640
    assert spoiled([eye])[0].macula is None
    with pytest.raises(EdgeError, match="shows a field of view"):
        photograph_eyes([tmp_path / "black.png"])


def test_the_truth_itself_is_perfect_and_its_opposite_the_worst(eyes: list[Eye], frames: list[TrueFrame]) -> None:
    steps = swept(eyes[:1])
    by_path = {id(f.square): f.truth for f in (*frames, *steps)}
    best = quality(lambda squares: np.stack([by_path[id(s)] for s in squares]), frames, steps)
    assert best.overall.auroc == 1.0
    assert best.overall.dice is not None
    assert best.overall.dice > 0.99
    assert [each.kind for each in best.kinds] == list(KINDS)
    assert (best.macula, best.false_lights) == (0.0, 0.0)
    assert [sweep.kind for sweep in best.sweeps] == list(KINDS)
    for sweep in best.sweeps:
        assert sweep.severities == (0.0, *SEVERITIES)
        assert sweep.scores == pytest.approx(sweep.true_scores)
        assert sweep.falls, sweep.kind
        assert sweep.frames_falling == 1.0
    worst = quality(lambda squares: np.stack([1 - by_path[id(s)] for s in squares]), frames, steps)
    assert worst.overall.auroc == 0.0
    assert worst.macula == 1.0
    assert worst.false_lights == 1.0
    assert not any(sweep.falls for sweep in worst.sweeps)


def tiny_frame(truth: Any, kind: str = "blur", severity: float = 0.5, name: str = "eye") -> TrueFrame:
    """A frame with the same truth in each row of cells, all of it counted."""
    square = Square(Path(name), np.zeros((SIDE, SIDE, 3), np.uint8), np.ones((SIDE, SIDE), np.bool_))
    whole = np.broadcast_to(np.float32(truth), (GRID, GRID)).astype(np.float32)
    return TrueFrame(kind, severity, square, whole, np.ones((GRID, GRID), np.bool_))


def test_figures_are_counted_by_hand_and_doubtful_cells_belong_to_neither() -> None:
    columns = np.repeat(np.array([0.0, (LOST + WHOLE) / 2, 1.0, 1.0]), GRID // 4)
    frame = tiny_frame(columns[None, :])
    said = np.broadcast_to(np.repeat(np.array([0.6, 0.9, 0.7, 0.2], np.float32), GRID // 4)[None, :], (GRID, GRID))
    (blur,) = quality(lambda _: said[None], [frame]).kinds
    assert blur.auroc == 0.5  # half of the lost cells lie above the whole ones, half below
    assert blur.dice == pytest.approx(2 * 1 / (2 + 2))
    one_class = quality(lambda _: said[None], [tiny_frame(1.0)])
    assert one_class.overall.auroc is None
    assert one_class.macula is None
    assert one_class.false_lights is None


def test_what_is_not_counted_does_not_count() -> None:
    half = np.arange(GRID) < GRID // 2
    frame = tiny_frame(np.where(half, 0.0, 1.0)[None, :])
    said = frame.truth.copy()
    said[:4] = 1 - said[:4]
    counted = np.ones((GRID, GRID), np.bool_)
    counted[:4] = False
    assert quality(lambda _: said[None], [frame]).overall.auroc != 1.0
    assert quality(lambda _: said[None], [replace(frame, counted=counted)]).overall.auroc == 1.0


def test_false_lights_are_frames_with_more_than_a_hundredth_of_the_centre_alight() -> None:
    good = [tiny_frame(0.0, "none", 0.0, str(n)) for n in range(2)]
    said = np.zeros((2, GRID, GRID), np.float32)
    said[0, :8] = 1  # far from the middle
    said[1, 15, 15] = 0.9  # one of about two hundred
    assert quality(lambda _: said, good).false_lights == 0.0
    said[1, 15, 15:18] = 0.9
    assert quality(lambda _: said, good).false_lights == 0.5


@pytest.mark.parametrize(
    ("scores", "falls"),
    [
        ([0.9, 0.8, 0.6, 0.3, 0.1], True),
        ([0.9, 0.905, 0.6, 0.3, 0.1], True),  # where nothing is lost yet it may rise a little
        ([0.9, 0.92, 0.6, 0.3, 0.1], False),
        ([0.9, 0.8, 0.6, 0.605, 0.1], False),  # where much is lost it must fall
        ([0.9, 0.9, 0.9, 0.9, 0.9], False),
    ],
)
def test_a_score_falls_with_the_truth(scores: list[float], falls: bool) -> None:
    severities = (0.0, *SEVERITIES)
    truths = (0.0, 0.01, 0.4, 0.7, 1.0)
    steps = [tiny_frame(t, "blur" if s else "none", s) for t, s in zip(truths, severities, strict=True)]
    maps = np.stack([np.full((GRID, GRID), 1 - s, np.float32) for s in scores])
    (sweep,) = quality(lambda squares: maps[: len(squares)], steps, steps).sweeps
    assert sweep.scores == pytest.approx(scores, abs=1e-5)
    assert (sweep.falls, sweep.frames_falling) == (falls, float(falls))


def test_maps_of_any_grid_are_held_against_the_truth() -> None:
    half = np.where(np.arange(14) < 7, 0.0, 1.0).astype(np.float32)
    coarse = np.broadcast_to(half[None, None, :], (1, 14, 14))
    fine = np.broadcast_to(np.repeat(half, 32)[None, None, :], (1, 448, 448))
    frame = tiny_frame(np.where(np.arange(GRID) < GRID // 2, 0.0, 1.0)[None, :])
    for maps in (coarse, fine):
        assert on_grid(maps).shape == (1, GRID, GRID)
        assert quality(lambda _, maps=maps: maps, [frame]).overall.auroc == 1.0  # type: ignore[misc]


def test_every_map_maker_gives_maps(frames: list[TrueFrame]) -> None:
    some = [frame.square for frame in frames[:3]]
    torch.manual_seed(0)
    segmenter, recipe = Segmenter().eval(), load_recipe("quick")
    made: dict[str, Maps] = {"sharpness": sharpness_maps(some), "coverage": coverage_maps(segmenter, recipe)(some)}
    with QualityModel.load(threads=1) as model:
        made["bundle"] = bundle_maps(model)(some)
        assert made["bundle"].shape[1:] == (model.manifest.grid, model.manifest.grid)
    for name, maps in made.items():
        assert maps.dtype == np.float32, name
        assert maps.ndim == 3, name
        assert len(maps) == 3
        assert maps.min() >= 0, name
        assert maps.max() <= 1, name
        assert maps.std() > 0, name


def test_a_bundle_shows_on_a_whole_frame_what_it_shows_on_the_square(eyes: list[Eye]) -> None:
    (frame,) = spoiled(eyes[:1], kinds=())
    field = find_field(frame.square.picture)
    assert field is not None
    with QualityModel.load(threads=1) as model:
        said = model.assess(frame.square.picture)
        (found,) = bundle_maps(model)([frame.square])
    counted = cv2.resize(frame.counted.astype(np.uint8), said.map.shape, interpolation=cv2.INTER_NEAREST) > 0
    assert np.abs(said.map - found)[counted].mean() < 0.06  # cut once more, a pixel or two apart


def test_sharpness_alone_finds_blur_and_does_not_reach_what_is_asked_of_a_map(frames: list[TrueFrame]) -> None:
    found = quality(sharpness_maps, frames)
    assert found.overall.auroc is not None
    assert 0.5 < found.overall.auroc < 0.95
    by_kind = {each.kind: each.auroc for each in found.kinds}
    assert by_kind["blur"] is not None and by_kind["noise"] is not None  # noqa: PT018
    assert by_kind["blur"] > 0.7 > by_kind["noise"]  # noise is the sharpest of all


def test_figures_are_plain_json(eyes: list[Eye]) -> None:
    found = quality(sharpness_maps, spoiled(eyes[:1]), swept(eyes[:1], kinds=("blur", "lid")))
    plain = json.loads(json.dumps(asdict(found), allow_nan=False))
    assert plain["overall"]["auroc"] == found.overall.auroc
    assert [each["kind"] for each in plain["kinds"]] == list(KINDS)
    assert [tuple(sweep["scores"]) for sweep in plain["sweeps"]] == [sweep.scores for sweep in found.sweeps]
    assert len(plain["sweeps"]) == 2
    with pytest.raises(EdgeError, match="at least one frame"):
        quality(sharpness_maps, [])
