"""The field finder on synthetic eyes as cameras, operators and archives hand them over; the exact field is known."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count, islice

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.field.find import MASK_SIZE, find_field
from edge.phantom.retina import Retina, Shape, make_look, make_retina
from edge.phantom.sequence import Sequence
from edge.phantom.transfer import shadow_cover

Picture = NDArray[np.uint8]
Truth = NDArray[np.bool_]
Scene = tuple[Picture, Truth]  # a frame, uint8 BGR (H, W, 3), and where its field is, (H, W)

FRAMES = 12  # of each kind
SIZE = 448  # side of an eye in pixels
SENSORS = ((480, 640), (570, 760), (720, 960), (768, 768))


@cache
def eyes(shape: Shape) -> list[Retina]:
    """Four eyes with a field of this shape."""
    seeds = (seed for seed in count() if make_look(np.random.default_rng((seed, 1))).shape == shape)
    return [make_retina(seed, SIZE) for seed in islice(seeds, 4)]


def draw_eye(rng: np.random.Generator, shape: Shape = "round") -> Retina:
    return eyes(shape)[int(rng.integers(0, 4))]


def place(eye: Retina, sensor: tuple[int, int], middle: tuple[float, float], side: float) -> Scene:
    """An eye on a black sensor (height, width): the middle (x, y) of its square and the side of it, in pixels."""
    scale = side / SIZE
    onto = np.array([[scale, 0, middle[0] - side / 2], [0, scale, middle[1] - side / 2]])
    size = (sensor[1], sensor[0])
    frame = cv2.warpAffine(eye.image, onto, size, flags=cv2.INTER_LINEAR)
    field = cv2.warpAffine(eye.field, onto, size, flags=cv2.INTER_LINEAR)
    return np.asarray(frame, np.uint8), np.asarray(field >= 128)


def centred(rng: np.random.Generator, shape: Shape = "round", share: tuple[float, float] = (0.85, 1.0)) -> Scene:
    """A whole field about the middle of a sensor; ``share``: its side, of the sensor's shorter one."""
    height, width = SENSORS[int(rng.integers(0, len(SENSORS)))]
    side = min(height, width) * rng.uniform(*share)
    return place(draw_eye(rng, shape), (height, width), (width / 2 + rng.uniform(-9, 9), height / 2), side)


def noisy(rng: np.random.Generator, frame: Picture, sigma: float, pedestal: float = 0.0) -> Picture:
    """The noise of a sensor whose black is not quite black."""
    return np.asarray((frame + pedestal + rng.normal(0, sigma, frame.shape)).clip(0, 255), np.uint8)


def plain(rng: np.random.Generator) -> Scene:
    frame, truth = centred(rng)
    return noisy(rng, frame, 1.5), truth


def off_centre(rng: np.random.Generator) -> Scene:
    height, width = SENSORS[int(rng.integers(0, len(SENSORS)))]
    middle = (width * rng.uniform(0.25, 0.75), height * rng.uniform(0.3, 0.7))
    frame, truth = place(draw_eye(rng), (height, width), middle, min(height, width) * rng.uniform(0.5, 1.0))
    return noisy(rng, frame, 1.5), truth


def small(rng: np.random.Generator) -> Scene:
    height, width = SENSORS[int(rng.integers(0, len(SENSORS)))]
    middle = (width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.7))
    frame, truth = place(draw_eye(rng), (height, width), middle, width * rng.uniform(0.25, 0.35))
    return noisy(rng, frame, 1.5), truth


def truncated(rng: np.random.Generator) -> Scene:
    """The disc is higher than the sensor, or wider."""
    frame, truth = centred(rng, share=(1.1, 1.4))
    return noisy(rng, frame, 1.5), truth


def letterboxed(rng: np.random.Generator) -> Scene:
    """Cut at top and bottom by the camera, with bars; now and then stray light makes a bar grey."""
    frame, truth = centred(rng, "cut" if rng.random() < 0.5 else "whole")
    if rng.random() < 0.5:
        rows = np.flatnonzero(truth.any(axis=1))
        cut = rows[-1] - int(rng.uniform(0.1, 0.2) * len(rows))
        frame[cut:] = np.rint(frame[cut:] * 0.08).astype(np.uint8)
        truth[cut:] = False
    return noisy(rng, frame, 1.5), truth


def rectangle(rng: np.random.Generator) -> Scene:
    """All field, or all but the corners."""
    eye = draw_eye(rng, "whole")
    rows = np.flatnonzero(eye.field.any(axis=1))
    inner = 0 if rng.random() < 0.5 else int(0.1 * SIZE)
    window = (slice(rows[0] + inner, rows[-1] + 1 - inner), slice(inner, SIZE - inner))
    frame = cv2.resize(eye.image[window], (760, 570), interpolation=cv2.INTER_LINEAR)
    field = cv2.resize(eye.field[window], (760, 570), interpolation=cv2.INTER_LINEAR)
    return noisy(rng, np.asarray(frame, np.uint8), 1.5), np.asarray(field >= 128)


def grey(rng: np.random.Generator) -> Scene:
    frame, truth = centred(rng)
    single = np.ascontiguousarray(frame[:, :, int(rng.integers(1, 3))])
    return noisy(rng, np.asarray(cv2.cvtColor(single, cv2.COLOR_GRAY2BGR), np.uint8), 1.5), truth


def very_dark(rng: np.random.Generator) -> Scene:
    frame, truth = centred(rng)
    return noisy(rng, np.asarray(frame * rng.uniform(0.12, 0.25), np.uint8), 3.0), truth


def equalised(rng: np.random.Generator) -> Scene:
    """Cut close, stored as a JPEG, equalised per channel, reduced: what the JPEG left beside the disc is bright."""
    side = int(rng.uniform(1.02, 1.3) * SIZE)
    frame, truth = place(draw_eye(rng, "round" if rng.random() < 0.5 else "cut"), (side, side), (side / 2,) * 2, SIZE)
    packed = cv2.imencode(".jpg", noisy(rng, frame, 1.0), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))])[1]
    stored = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    channels = [cv2.equalizeHist(channel) for channel in cv2.split(stored)]
    reduced = cv2.resize(cv2.merge(channels), (256, 256), interpolation=cv2.INTER_AREA)
    field = cv2.resize(truth.astype(np.float32), (256, 256), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.uint8), np.asarray(field >= 0.5)


def noisy_border(rng: np.random.Generator) -> Scene:
    frame, truth = centred(rng)
    return noisy(rng, frame, rng.uniform(4, 12), rng.uniform(4, 18)), truth


def grey_between_bands(rng: np.random.Generator) -> Scene:
    """A border that is not black, and above and below it bands that are: an equalised frame made square."""
    eye = draw_eye(rng)
    high = int(rng.uniform(0.65, 0.85) * SIZE)
    frame, truth = place(eye, (high, SIZE), (SIZE / 2 + rng.uniform(-15, 15), high / 2), high * rng.uniform(0.97, 1.05))
    frame = noisy(rng, np.maximum(frame, np.uint8(rng.integers(60, 90))), rng.uniform(3, 20))
    band = (SIZE - high) // 2
    bands = ((band, band), (0, 0))
    return np.pad(frame, (*bands, (0, 0))), np.pad(truth, bands)


def stamped(rng: np.random.Generator) -> Scene:
    """A date in the corner, over the border or the rim."""
    frame, truth = centred(rng)
    frame = noisy(rng, frame, 1.5)
    height, width = truth.shape
    at = (int(rng.choice([8, width - 210])), int(rng.choice([24, height - 12])))
    ink = ((60, 255, 60), (255, 255, 255), (0, 220, 255))[int(rng.integers(0, 3))]
    cv2.putText(frame, "12.05.2006 11:42", at, cv2.FONT_HERSHEY_SIMPLEX, 0.7, ink, 2, cv2.LINE_AA)
    return frame, truth


def redacted(rng: np.random.Generator) -> Scene:
    """White blocks where a name or a date was: in the field, over its rim, beside it."""
    frame, truth = centred(rng)
    frame = noisy(rng, frame, 1.5)
    height, width = truth.shape
    for _ in range(int(rng.integers(1, 4))):
        wide, high = int(width * rng.uniform(0.08, 0.28)), int(height * rng.uniform(0.04, 0.1))
        x, y = int(rng.integers(0, width - wide)), int(rng.integers(0, height - high))
        frame[y : y + high, x : x + wide] = 255
    return frame, truth


def shadowed(rng: np.random.Generator) -> Scene:
    """The rim of the pupil in the way: a crescent that hardly any light comes through."""
    frame, truth = centred(rng)
    rows, columns = np.nonzero(truth)
    radius = float(np.ptp(columns) + 1) / 2
    across = ((np.arange(truth.shape[1]) - columns.mean()) / radius).astype(np.float32)
    down = ((np.arange(truth.shape[0]) - rows.mean()) / radius).astype(np.float32)
    x, y = np.meshgrid(across, down)
    light = 1 - shadow_cover(x, y, float(rng.uniform(0.3, 0.8)), float(rng.uniform(0, 2 * np.pi)))
    return noisy(rng, np.asarray(frame * light[:, :, None], np.uint8), 1.5), truth


KINDS: dict[str, Callable[[np.random.Generator], Scene]] = {
    scene.__name__: scene
    for scene in (
        plain,
        off_centre,
        small,
        truncated,
        letterboxed,
        rectangle,
        grey,
        very_dark,
        equalised,
        noisy_border,
        grey_between_bands,
        stamped,
        redacted,
        shadowed,
    )
}


def overlap(scene: Scene) -> float:
    """Intersection over union of the field found with the exact one; 0 where none is found."""
    frame, truth = scene
    field = find_field(frame)
    if field is None:
        return 0.0
    pixels = field.crop.side / MASK_SIZE  # frame pixels per cell of the mask
    onto = np.array([[pixels, 0, field.crop.x], [0, pixels, field.crop.y]])
    found = cv2.warpAffine(field.mask, onto, (truth.shape[1], truth.shape[0]), flags=cv2.INTER_NEAREST) > 0
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_finds_the_exact_field(kind: str) -> None:
    overlaps = [overlap(KINDS[kind](np.random.default_rng((seed, 11)))) for seed in range(FRAMES)]
    assert np.mean(overlaps) >= 0.97, np.round(overlaps, 3).tolist()
    assert min(overlaps) >= 0.90, np.round(overlaps, 3).tolist()


def test_finds_the_aperture_behind_whatever_spoils_a_sequence() -> None:
    scene = Sequence(0, width=480, height=360)
    crop = scene.crop
    rows, columns = np.mgrid[: scene.height, : scene.width]
    middle = (crop.side - 1) / 2
    truth = (columns - crop.x - middle) ** 2 + (rows - crop.y - middle) ** 2 < (crop.side / 2) ** 2
    in_view = np.flatnonzero(scene.script.approach == 1)[::5]
    overlaps = {int(i): overlap((scene.render(int(i)).image, truth)) for i in in_view}
    assert np.mean(list(overlaps.values())) >= 0.97
    assert min(overlaps.values()) >= 0.90, {i: round(o, 3) for i, o in overlaps.items() if o < 0.9}


@pytest.mark.parametrize("seed", range(6))
def test_a_nearly_black_frame_shows_a_field_only_where_a_rim_shows(seed: int) -> None:
    rng = np.random.default_rng((seed, 11))
    frame, truth = centred(rng)
    bright = np.percentile(frame.max(axis=2)[truth], 90)
    dim = noisy(rng, np.asarray(frame * (10 / bright), np.uint8), 1.0)
    assert overlap((dim, truth)) >= 0.90
    assert find_field(noisy(rng, np.zeros_like(frame), 5.0)) is None
