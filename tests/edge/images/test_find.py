"""Which files a list of paths means, and what is said of those that are no image."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge.errors import EdgeError
from edge.images import PassedOver, find, find_images, passed_over, read_image, remedy_of

ROOT = Path(__file__).parents[3]
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
DICOM = bytes(128) + b"DICM" + bytes(200)


def saved(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_missing_folder_pipe_unreadable(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="does not exist"):
        read_image(tmp_path / "nowhere.jpg")
    with pytest.raises(EdgeError, match="is a folder"):
        read_image(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EdgeError, match="device or a pipe"):
        read_image(tmp_path / "pipe")
    with pytest.raises(EdgeError, match="cannot be read"):
        read_image("zero\0byte.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(EdgeError, match="cannot be read"):
        read_image(tmp_path / "loop.png")
    with (tmp_path / "huge.tif").open("wb") as file:
        file.truncate(600 << 20)  # sparse: takes no space
    with pytest.raises(EdgeError, match="more than the 512"):
        read_image(tmp_path / "huge.tif")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_no_permission(tmp_path: Path) -> None:
    path = saved(tmp_path, "eye.png", b"x")
    path.chmod(0)
    with pytest.raises(EdgeError, match="cannot be read"):
        read_image(path)


def test_find_images_walks_sorts_and_skips(tmp_path: Path) -> None:
    for name in (
        "b/2.PNG",
        "b/1.jpg",
        "a.tiff",
        "note.txt",
        ".hidden.png",
        ".cache/x.png",
        "a.map.png",
        "a.overlay.jpg",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path)
    inside = [tmp_path / "a.tiff", tmp_path / "b/1.jpg", tmp_path / "b/2.PNG"]
    assert find_images([tmp_path]) == inside
    explicit = [tmp_path / "note.txt", tmp_path / "b"]
    assert find_images(explicit) == [tmp_path / "note.txt", *inside[1:]]
    assert find_images([f"{tmp_path}/b/*"]) == inside[1:]
    assert find_images([tmp_path / "**/*.jpg"]) == [tmp_path / "b/1.jpg"]
    assert find_images([tmp_path / "gone.png"]) == [tmp_path / "gone.png"]


def test_find_images_takes_names_with_pattern_signs(tmp_path: Path) -> None:
    path = tmp_path / "eye[1].png"
    path.touch()
    assert find_images([path]) == [path]


def test_find_images_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, words in (
        (tmp_path / "nowhere", "neither a file nor a folder"),
        (tmp_path / "empty", "holds no images"),
        (tmp_path / "*.png", "matches no image"),
    ):
        with pytest.raises(EdgeError, match=words) as caught:
            find_images([path])
        assert str(path) in str(caught.value)


def test_raw_files_are_passed_over_and_told_of(tmp_path: Path) -> None:
    names = ["a.arw", "b.CR2", "c.cr3", "d.dng", "e.nef", "f.jxl"]
    for name in [*names, "note.txt", "eye.png", ".g.nef"]:
        saved(tmp_path, name, b"x")
    assert find_images([tmp_path]) == [tmp_path / "eye.png"]
    passed = passed_over([tmp_path])
    assert passed == PassedOver(tuple(tmp_path / name for name in names), 1)
    assert remedy_of(passed.unread) == "convert them to JPEG or PNG"


def test_every_file_is_found_or_passed_over_once(tmp_path: Path) -> None:
    others = ("note.txt", "eye.map.png", "DICOMDIR", "sub/x.csv")
    for name in ("eye.png", "a.nef", "sub/b.nef", ".h/c.nef", ".d.nef", *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    whole = PassedOver((tmp_path / "a.nef", tmp_path / "sub/b.nef"), len(others))
    assert passed_over([tmp_path]) == passed_over([tmp_path, tmp_path / "sub", tmp_path]) == whole
    assert passed_over([f"{tmp_path}/**/*"]) == whole
    assert passed_over([f"{tmp_path}/*.nef"]) == PassedOver((tmp_path / "a.nef",))
    for none in (tmp_path / "note.txt", tmp_path / "nowhere", "zero\0byte"):  # what is named is graded, or an error
        assert passed_over([none]) == PassedOver()


def test_without_their_extras_heic_and_dicom_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = find.SUFFIXES - find.HEIF_SUFFIXES - find.DICOM_SUFFIXES
    monkeypatch.setattr(find, "SUFFIXES", bare)
    monkeypatch.setattr(find, "UNREAD", find.UNREAD | find.HEIF_SUFFIXES | find.DICOM_SUFFIXES)
    passed = [
        saved(tmp_path, name, data) for name, data in (("a.heic", HEIC), ("b.dcm", DICOM), ("c", DICOM), ("d.7", HEIC))
    ]
    saved(tmp_path, "eye.jfif", b"x")
    assert find_images([tmp_path]) == [tmp_path / "eye.jfif"]
    assert passed_over([tmp_path]) == PassedOver(tuple(passed))
    assert remedy_of(passed[:1]) == 'pip install "efiqa-edge[heic]"'
    assert remedy_of(passed) == 'pip install "efiqa-edge[heic,dicom]"'
    assert remedy_of([*passed, Path("x.nef")]).startswith("convert them to JPEG or PNG, and pip install")


@pytest.mark.parametrize(("module", "data", "extra"), [("pillow_heif", HEIC, "heic"), ("pydicom", DICOM, "dicom")])
def test_a_missing_extra_is_one_sentence(tmp_path: Path, module: str, data: bytes, extra: str) -> None:
    hidden = f"import sys; sys.modules[{module!r}] = None\n"
    program = hidden + (
        "from edge.images import decode, limits\n"
        "try:\n"
        "    with decode.opened(sys.argv[1].encode(), None): pass\n"
        "except limits.RefusedError as error:\n"
        "    print(error)\n"
    )
    path = saved(tmp_path, "eye", data)
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f'pip install "efiqa-edge[{extra}]"' in done.stdout


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("empty.jpg", b"", "empty"),
        ("text.png", b"no picture at all, but words enough to look like something", "not an image"),
        ("video.mp4", b"\0\0\0\x18ftypisom" + bytes(100), "a video rather than an image"),
        ("scan.dcm", DICOM, "without a picture|dicom"),
        ("big.tif", b"II+\0" + bytes(60), "TIFF"),
    ],
)
def test_what_is_no_image_says_so(tmp_path: Path, name: str, data: bytes, word: str) -> None:
    path = saved(tmp_path, name, data)
    with pytest.raises(EdgeError, match=word) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path, seeds: dict[str, bytes]) -> None:
    os.mkfifo(tmp_path / "pipe")
    saved(tmp_path, "eye", seeds["jpeg"])
    assert find_images([tmp_path]) == [tmp_path / "eye"]
    assert passed_over([tmp_path]) == PassedOver((), 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be taken on by root alone")
def test_a_sub_folder_that_cannot_be_listed_costs_no_photograph() -> None:
    """Such as ``lost+found``, for whoever is not root."""
    program = (
        "import logging, os, sys; from pathlib import Path; from edge.grading import find_inputs\n"
        "from edge.images import find_images, passed_over; from edge.errors import EdgeError\n"
        "logging.basicConfig(format='log: %(message)s'); os.setuid(65534); folder = Path(sys.argv[1])\n"
        "for item in find_inputs([folder]): print(item.path, item.error)\n"
        "for path in find_images([folder]): print(path)\n"
        "print(passed_over([folder]).others)\n"
        "try: find_images([folder / 'lost+found'])\n"
        "except EdgeError as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as name:  # pytest's own are for their owner alone
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "lost+found").mkdir(mode=0)
        (folder / "sub").mkdir()
        for path in (folder / "a.png", folder / "sub" / "b.png", folder / "sub" / "note.txt"):
            path.touch()
        done = subprocess.run(
            [sys.executable, "-c", program, name], cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        why = "it cannot be listed (Permission denied): check its permissions."
        assert done.stdout.splitlines() == [
            f"{folder}/a.png ",
            f"{folder}/sub/b.png ",
            f"{folder}/lost+found {folder}/lost+found is passed over: {why}",
            f"{folder}/a.png",
            f"{folder}/sub/b.png",
            "1",
            f"{folder}/lost+found cannot be listed (Permission denied): check its permissions.",
        ], done.stderr
        assert done.stderr == f"log: {folder}/lost+found is passed over: {why}\n"
        (folder / "lost+found").chmod(0o700)
