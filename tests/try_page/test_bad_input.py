"""What cannot be graded is said in one sentence, with what to do; the next photograph is graded all the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.images import read_image
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

from .conftest import Site, TryPage, saved


@pytest.fixture(scope="module")
def browser(open_chromium: Callable[..., Any]) -> Any:
    return open_chromium(800, 700)


@pytest.fixture(scope="module")
def page(browser: Any, site: Site) -> TryPage:
    opened = TryPage(browser)
    opened.open(site.address)
    return opened


@pytest.fixture(scope="module")
def program() -> Iterator[QualityModel]:
    with QualityModel.load(engine="openvino", threads=1) as model:
        yield model


def is_a_sentence(words: str) -> bool:
    return words.endswith(".") and words.count(". ") == 0 and "rror" not in words


def test_files_that_are_no_photographs(page: TryPage, tmp_path: Path, program: QualityModel) -> None:
    good = saved(phantom_frame(1), tmp_path / "good.jpg")
    whole, png = good.read_bytes(), saved(phantom_frame(1), tmp_path / "good.png").read_bytes()
    middle = len(whole) // 2
    unreadable = "is no picture that this browser can read: choose a JPEG or PNG photograph."
    damaged = "is damaged or cut off: copy it again from its source."
    cases = {
        "notes.txt": (b"no picture at all", unreadable),
        "empty.jpg": (b"", unreadable),
        "cut.jpg": (whole[:middle], damaged),
        "spoiled.jpg": (whole[:middle] + b"\xff" * 300 + whole[middle + 300 :], damaged),
        "cut.png": (png[: len(png) // 2], damaged),
    }
    for name, (data, rest) in cases.items():
        (tmp_path / name).write_bytes(data)
        sentence = page.refuses(tmp_path / name)
        assert sentence == f"{name} {rest}"
        assert is_a_sentence(sentence)
    assert page.grade(good)["score"] == pytest.approx(program.assess(read_image(good)).score, abs=0.01)


def test_photographs_that_are_too_large_or_too_small(page: TryPage, tmp_path: Path) -> None:
    huge, tiny = np.zeros((10_000, 10_000), np.uint8), np.zeros((16, 200), np.uint8)
    sentence = page.refuses(saved(huge, tmp_path / "huge.png"))
    assert sentence == (
        "huge.png has 10000 x 10000 pixels, more than the 25 megapixels that this page reads: "
        "save it smaller, or grade it with edge-grade."
    )
    sentence = page.refuses(saved(tiny, tmp_path / "tiny.png"))
    assert sentence == "tiny.png has 200 x 16 pixels, fewer than 32 on a side: give the original photograph."


def test_a_photograph_without_a_retina_is_a_verdict(page: TryPage, tmp_path: Path) -> None:
    table = cv2.applyColorMap(np.arange(240 * 320, dtype=np.uint8).reshape(240, 320), cv2.COLORMAP_OCEAN)
    said = page.grade(saved(table, tmp_path / "table.png"))
    assert (said["verdict"], said["score"], said["cause"], said["eye"]) == ("no_fundus", 0, None, None)
    assert page.text("verdict") == "No retina seen"
    assert page.text("advice") == "No retina yet: find the pupil and come closer"


def test_turned_transparent_and_coloured_files_are_read_as_the_program_reads_them(
    page: TryPage, tmp_path: Path, program: QualityModel
) -> None:
    eye = Image.fromarray(np.ascontiguousarray(phantom_frame(2)[:, :, ::-1]))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right
    eye.save(tmp_path / "turned.jpg", quality=93, exif=exif)
    half = np.full(eye.size[::-1], 255, np.uint8)
    half[:, : eye.size[0] // 2] = 0
    clear = eye.copy()
    clear.putalpha(Image.fromarray(half))
    clear.save(tmp_path / "transparent.png")
    eye.save(tmp_path / "profiled.png", icc_profile=linear_profile())
    for name in ("turned.jpg", "transparent.png", "profiled.png"):
        picture = read_image(tmp_path / name)
        ours, said = program.assess(picture), page.grade(tmp_path / name)
        assert said["score"] == pytest.approx(ours.score, abs=0.01), name
        assert said["verdict"] == ours.verdict, name
        assert page.text("time").endswith(f"for {picture.shape[1]} x {picture.shape[0]} pixels")


def linear_profile() -> bytes:
    """A profile that a browser would act on: with it a retina becomes far brighter."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    for entry in range(132, 132 + 12 * count, 12):
        if bytes(profile[entry : entry + 4]) in (b"rTRC", b"gTRC", b"bTRC"):
            at = int.from_bytes(profile[entry + 4 : entry + 8], "big")
            profile[at : at + 16] = b"curv" + bytes(8) + b"\0\0\0\0"  # no entries: linear
            profile[entry + 8 : entry + 12] = (12).to_bytes(4, "big")
    return bytes(profile)


@pytest.mark.parametrize("name", ["model.onnx", "ort.wasm"])
def test_a_file_is_missing_beside_the_page(
    browser: Any, built: Path, serve: Callable[[Path], Site], tmp_path: Path, name: str
) -> None:
    shutil.copytree(built, tmp_path / "page", copy_function=lambda a, b: Path(b).symlink_to(a))
    (tmp_path / "page" / name).unlink()
    page = TryPage(browser)
    page.open(serve(tmp_path / "page").address)
    assert page.text("failed") == (
        f'{name} is not beside this page: build the page again with "make try", and serve its whole folder.'
    )
    assert page.browser.find_element("id", "choose").get_attribute("disabled")


def test_a_model_that_is_not_whole(browser: Any, built: Path, serve: Callable[[Path], Site], tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "page", copy_function=lambda a, b: Path(b).symlink_to(a))
    (tmp_path / "page" / "model.onnx").unlink()
    (tmp_path / "page" / "model.onnx").write_bytes((built / "model.onnx").read_bytes()[:100_000])
    page = TryPage(browser)
    page.open(serve(tmp_path / "page").address)
    assert page.text("failed") == (
        'model.onnx is not the one that this page was built with: build the page again with "make try".'
    )
