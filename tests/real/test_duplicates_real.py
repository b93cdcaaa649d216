"""Near duplicates among real photographs: what is saved again is found, and no two eyes are taken for one."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("imagehash")
from edge.curate.duplicates import NEAR
from edge.grading.table.fingerprint import perceptual_hash

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is missing: NO REAL PHOTOGRAPH WAS COMPARED")
Frame = NDArray[np.uint8]


def bits(frame: Frame) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(bytes.fromhex(perceptual_hash(frame)), np.uint8))


def saved(frame: Frame, quality: int) -> Frame:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)


@pytest.fixture(scope="module")
def photographs() -> dict[str, Frame]:
    """Of four cameras, among them many hazy and dark ones; two photographs of an eye have one number."""
    folders = (("srahim", 250), ("tvhl/left", 350), ("idrid-diaretdb1", 200))
    found = itertools.chain(*(sorted((DATA / folder).rglob("*.jpg"))[:most] for folder, most in folders))
    return {str(path.relative_to(DATA)): np.asarray(cv2.imread(str(path)), np.uint8) for path in found}


def test_no_two_eyes_are_one_photograph(photographs: dict[str, Frame], capsys: pytest.CaptureFixture[str]) -> None:
    names, hashes = list(photographs), np.array([bits(frame) for frame in photographs.values()])
    ones = hashes.astype(np.float32)
    apart = ones.sum(1)[:, None] + ones.sum(1)[None] - 2 * ones @ ones.T
    near = [(names[a], names[b]) for a, b in np.argwhere(np.triu(apart <= NEAR, 1))]
    different = [
        pair for pair in near if not _same_eye(*pair) and _difference(*(photographs[each] for each in pair)) > 4
    ]
    with capsys.disabled():
        print(f"\n{len(names)} photographs, each with each other: {len(near)} pairs near, of two eyes {different}")
    assert near
    assert not different


def _same_eye(one: str, other: str) -> bool:
    eye, second = (re.fullmatch(r"(tvhl/\w+/\d+)_\d+\.jpg", name) for name in (one, other))
    return eye is not None and second is not None and eye[1] == second[1]


def _difference(one: Frame, other: Frame) -> float:
    """Grey levels between two photographs, made small: copies of one photograph have next to none."""
    small = [cv2.resize(each, (64, 64), interpolation=cv2.INTER_AREA).astype(float) for each in (one, other)]
    return float(np.sqrt(((small[0] - small[1]) ** 2).mean()))


@pytest.mark.parametrize(
    ("what", "again", "least"),
    [
        ("JPEG 90", lambda frame: saved(frame, 90), 0.99),
        ("JPEG 60", lambda frame: saved(frame, 60), 0.80),
        ("half size", lambda frame: cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 0.99),
        ("brighter by 15 %", lambda frame: np.clip(frame * 1.15, 0, 255).astype(np.uint8), 0.95),
    ],
)
def test_what_is_saved_again_is_found(
    photographs: dict[str, Frame],
    what: str,
    again: Callable[[Frame], Frame],
    least: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frames = list(photographs.values())[::4]
    found = np.mean([np.count_nonzero(bits(frame) != bits(again(frame))) <= NEAR for frame in frames])
    with capsys.disabled():
        print(f"\n{what}: {found:.1%} of {len(frames)} found")
    assert found >= least
