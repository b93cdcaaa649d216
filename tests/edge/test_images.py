from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge import images
from edge.errors import EdgeError
from edge.image_header import read_header
from edge.images import find_images, read_image

HEIGHT, WIDTH = 40, 56


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """Every pixel its own colour, so that no turn or swap goes unnoticed."""
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def encode(suffix: str, picture: NDArray[np.generic], *settings: int) -> bytes:
    done, data = cv2.imencode(suffix, picture, list(settings))
    assert done
    return bytes(data)


def saved(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, bits: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    parts = (header, *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_rows(samples: NDArray[np.generic]) -> bytes:
    """Unfiltered rows of a PNG; 16-bit samples are big-endian there."""
    wide = samples.astype(">u2") if samples.dtype == np.uint16 else samples
    return b"".join(b"\0" + row.tobytes() for row in wide)


def tiff(samples: NDArray[np.generic], *, extra: dict[int, int] | None = None, order: str = "<") -> bytes:
    """An uncompressed TIFF of one strip, its directory in front."""
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    bits = samples.dtype.itemsize * 8
    strip = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1 if channels == 1 else 2, 277: channels, 278: height}
    tags |= {284: 1, 339: 3 if samples.dtype.kind == "f" else 1} | (extra or {})
    tags |= {273: 8 + 2 + 12 * (len(tags) + 2) + 4 + 8, 279: len(strip)}
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    for tag, value in sorted(tags.items()):
        if tag == 258 and channels > 2:
            data += struct.pack(f"{order}HHII", tag, 3, channels, tags[273] - 8)
        elif tag in (273, 279):
            data += struct.pack(f"{order}HHII", tag, 4, 1, value)
        else:
            data += struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
    return data + struct.pack(f"{order}I", 0) + struct.pack(f"{order}4H", *[bits] * 4) + strip


def exif(orientation: int, order: str = ">") -> bytes:
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def jpeg_with_exif(data: bytes, orientation: int) -> bytes:
    body = b"Exif\0\0" + exif(orientation)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def flat_jpeg(width: int, height: int) -> bytes:
    """A mid-grey JPEG of any size: every block is the same six bits, four blocks are three bytes."""
    small = encode(".jpg", np.full((64, 64), 128, np.uint8))
    frame, scan = small.index(b"\xff\xc0"), small.index(b"\xff\xda")
    blocks = -(-width // 8) * -(-height // 8)
    head = small[: frame + 5] + struct.pack(">HH", height, width) + small[frame + 9 : scan + 2]
    length = int.from_bytes(small[scan + 2 : scan + 4], "big")
    return head + small[scan + 2 : scan + 2 + length] + b"\x28\xa2\x8a" * -(-blocks // 4) + b"\xff\xd9"


def peak_mib(*paths: Path) -> int:
    """Peak memory of a process that tries to read the files, Python and OpenCV included."""
    program = """
import contextlib, sys
from edge.errors import EdgeError
from edge.images import read_image
for path in sys.argv[1:]:
    with contextlib.suppress(EdgeError):
        read_image(path)
# Not ru_maxrss: a child process inherits that of the process that started it.
with open('/proc/self/status') as status:
    print(next(int(line.split()[1]) >> 10 for line in status if line.startswith('VmHWM')))
"""
    root = Path(images.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, paths)], cwd=root, check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def turned(picture: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """What a viewer shows of a picture stored with an EXIF orientation, written with OpenCV's own words."""
    way = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
    if orientation == 1:
        return picture
    if orientation in way:
        return np.asarray(cv2.rotate(picture, way[orientation]), dtype=np.uint8)
    if orientation == 5:
        return np.asarray(cv2.transpose(picture), dtype=np.uint8)
    if orientation == 7:
        return np.asarray(cv2.rotate(cv2.transpose(picture), cv2.ROTATE_180), dtype=np.uint8)
    return np.asarray(cv2.flip(picture, {2: 1, 4: 0}[orientation]), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
def test_lossless_kinds_are_read_exactly(tmp_path: Path, picture: NDArray[np.uint8], suffix: str) -> None:
    frame = read_image(saved(tmp_path, f"eye{suffix}", encode(suffix, picture)))
    assert frame.dtype == np.uint8
    assert frame.flags.c_contiguous
    np.testing.assert_array_equal(frame, picture)


def test_lossy_kinds_and_a_wrong_suffix(tmp_path: Path) -> None:
    smooth = cv2.resize(np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8), (WIDTH, HEIGHT))
    for kind, quality in ((".jpg", cv2.IMWRITE_JPEG_QUALITY), (".webp", cv2.IMWRITE_WEBP_QUALITY)):
        frame = read_image(saved(tmp_path, "eye.txt", encode(kind, smooth, quality, 95)))
        assert np.abs(frame.astype(int) - smooth).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_in_every_kind(
    tmp_path: Path, picture: NDArray[np.uint8], orientation: int
) -> None:
    plain_jpeg = encode(".jpg", picture)
    rgb = np.ascontiguousarray(picture[:, :, ::-1])
    stored = {
        "eye.png": (png(WIDTH, HEIGHT, 8, 2, png_rows(rgb), chunk(b"eXIf", exif(orientation, "<"))), picture),
        "eye.tif": (tiff(rgb, extra={274: orientation}), picture),
        "big-endian.tif": (tiff(rgb, extra={274: orientation}, order=">"), picture),
        "eye.jpg": (jpeg_with_exif(plain_jpeg, orientation), cv2.imdecode(np.frombuffer(plain_jpeg, np.uint8), 1)),
    }
    for name, (data, upright) in stored.items():
        frame = read_image(saved(tmp_path, name, data))
        np.testing.assert_array_equal(frame, turned(upright, orientation), err_msg=name)


def test_orientation_of_16_bit_tiff(tmp_path: Path) -> None:
    grey = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 29
    upright = read_image(saved(tmp_path, "a.tif", tiff(grey)))
    np.testing.assert_array_equal(read_image(saved(tmp_path, "b.tif", tiff(grey, extra={274: 6}))), turned(upright, 6))


def test_broken_exif_is_ignored(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    data = encode(".jpg", picture)
    for body in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + exif(99)):
        segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
        assert read_image(saved(tmp_path, "eye.jpg", data[:2] + segment + data[2:])).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".pgm", ".jpg"])
def test_grey_becomes_three_equal_channels(tmp_path: Path, picture: NDArray[np.uint8], suffix: str) -> None:
    frame = read_image(saved(tmp_path, f"eye{suffix}", encode(suffix, picture[:, :, 0])))
    assert frame.shape == (HEIGHT, WIDTH, 3)
    assert (frame == frame[:, :, :1]).all()
    if suffix != ".jpg":
        np.testing.assert_array_equal(frame[:, :, 0], picture[:, :, 0])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_divided_alike_whatever_they_hold(tmp_path: Path, picture: NDArray[np.uint8], suffix: str) -> None:
    under_exposed = picture // 5
    assert 15 < under_exposed.max() < 64
    noise = np.random.default_rng(0).integers(0, 257, picture.shape)
    for name, eight in (("full", picture), ("dark", under_exposed)):
        wide = (eight.astype(np.int64) * 257 + noise).clip(0, 65535).astype(np.uint16)
        read = read_image(saved(tmp_path, f"{name}{suffix}", encode(suffix, wide)))
        assert np.abs(read.astype(int) - eight).max() <= 1, name


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_12_bits_in_a_16_bit_file(tmp_path: Path, picture: NDArray[np.uint8], suffix: str) -> None:
    for number, eight in enumerate((picture, picture // 5)):
        twelve = eight.astype(np.uint16) * 16 + 7
        assert twelve.max() <= 4095
        read = read_image(saved(tmp_path, f"{number}{suffix}", encode(suffix, twelve)))
        np.testing.assert_array_equal(read, eight)


def test_16_bit_alpha_is_not_scaled_by_its_content(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    faint = np.full((HEIGHT, WIDTH, 1), 12, np.uint8)
    rgba = np.concatenate([picture, faint], axis=2).astype(np.uint16) * 257
    read = read_image(saved(tmp_path, "faint.png", encode(".png", rgba)))
    assert np.abs(read - picture * (12 / 255)).max() <= 1


def test_alpha_is_laid_on_black(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    alpha[:, ::2], alpha[:, 1::4] = 0, 128
    expected = np.rint(picture * (alpha / 255.0))
    rgba = np.concatenate([picture, alpha], axis=2)
    laid = read_image(saved(tmp_path, "rgba.png", encode(".png", rgba)))
    assert np.abs(laid - expected).max() <= 1
    wide = read_image(saved(tmp_path, "rgba16.png", encode(".png", rgba.astype(np.uint16) * 257)))
    assert np.abs(wide - expected).max() <= 1
    unassociated = np.concatenate([picture[:, :, ::-1], alpha], axis=2)
    for name, samples in (("a.tif", unassociated), ("b.tif", unassociated.astype(np.uint16) * 257)):
        assert np.abs(read_image(saved(tmp_path, name, tiff(samples, extra={338: 2}))) - expected).max() <= 1, name
    grey_alpha = np.concatenate([picture[:, :, :1], alpha], axis=2)
    grey = read_image(saved(tmp_path, "la.png", png(WIDTH, HEIGHT, 8, 4, png_rows(grey_alpha))))
    assert np.abs(grey - expected[:, :, :1]).max() <= 1


def test_palette(tmp_path: Path) -> None:
    colours = np.array([[250, 0, 0], [0, 250, 0], [0, 0, 250], [9, 8, 7]], np.uint8)
    index = np.random.default_rng(0).integers(0, 4, (HEIGHT, WIDTH), dtype=np.uint8)
    data = png(WIDTH, HEIGHT, 8, 3, png_rows(index), chunk(b"PLTE", colours.tobytes()))
    np.testing.assert_array_equal(read_image(saved(tmp_path, "p.png", data)), colours[index][:, :, ::-1])


def test_first_page_of_several(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    path = tmp_path / "pages.tif"
    assert cv2.imwritemulti(str(path), [picture, 255 - picture])
    np.testing.assert_array_equal(read_image(path), picture)


@pytest.mark.parametrize(
    "settings",
    [
        (".jpg",),
        (".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (".png",),
        (".tif", cv2.IMWRITE_TIFF_COMPRESSION, 1),
        (".tif", cv2.IMWRITE_TIFF_COMPRESSION, 8),
        (".bmp",),
        (".webp",),
        (".ppm",),
    ],
)
def test_a_file_cut_off_anywhere_is_refused(
    tmp_path: Path, picture: NDArray[np.uint8], settings: tuple[str, int, int]
) -> None:
    data = encode(settings[0], picture, *settings[1:])
    for length in [*range(1, 40), *np.linspace(40, len(data) - 2, 40).astype(int)]:
        with pytest.raises(EdgeError, match=r"eye\.x"):
            read_image(saved(tmp_path, "eye.x", data[:length]))


def test_cut_off_says_so(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    data = encode(".jpg", picture)
    with pytest.raises(EdgeError, match="cut off"):
        read_image(saved(tmp_path, "half.jpg", data[: len(data) // 2]))


def test_a_jpeg_that_goes_on_in_fill_bytes_is_refused_at_once(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    path = saved(tmp_path, "fill.jpg", encode(".jpg", picture)[:-2] + b"\xff" * (1 << 20))
    start = time.monotonic()
    with pytest.raises(EdgeError, match="cut off"):
        read_image(path)
    assert time.monotonic() - start < 5


def test_a_pnm_of_blanks_is_refused_at_once(tmp_path: Path) -> None:
    path = saved(tmp_path, "blank.pgm", b"P5" + b" " * 2000)
    start = time.monotonic()
    with pytest.raises(EdgeError, match="damaged"):
        read_image(path)
    assert time.monotonic() - start < 5


def test_half_grey_jpeg_with_an_end_is_refused(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    data = encode(".jpg", cv2.resize(picture, (200, 160)))
    with pytest.raises(EdgeError, match="flat grey"):
        read_image(saved(tmp_path, "half.jpg", data[: len(data) // 2] + b"\xff\xd9"))


def test_a_picture_on_a_grey_canvas_is_whole(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    canvas = np.full((picture.shape[0] + 64, picture.shape[1] + 64, 3), 128, np.uint8)
    canvas[32:-32, 32:-32] = picture
    assert read_image(saved(tmp_path, "canvas.jpg", encode(".jpg", canvas))).shape == canvas.shape


@pytest.mark.parametrize("brightest", [100, 255, 1023, 4095, 65535])
def test_a_pnm_says_what_its_white_is(tmp_path: Path, picture: NDArray[np.uint8], brightest: int) -> None:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    samples = np.rint(grey * (brightest / 255)).astype(">u2" if brightest > 255 else "u1")
    header = f"P5\n{grey.shape[1]} {grey.shape[0]}\n{brightest}\n".encode()
    found = read_image(saved(tmp_path, "eye.pgm", header + samples.tobytes()))[:, :, 0]
    assert np.abs(found.astype(int) - grey).max() <= (2 if brightest == 100 else 1)


def test_tags_that_nobody_asks_for_are_not_read(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    """A directory of thousands of tags that each claim the whole file would keep a reader busy for minutes."""
    data = bytearray(encode(".tif", picture, cv2.IMWRITE_TIFF_COMPRESSION, 1))
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    own = bytes(data[at + 2 : at + 2 + 12 * entries])
    more = struct.pack("<HHII", 40000, 1, len(data), 0) * 5000
    directory = struct.pack("<H", entries + 5000) + own + more + bytes(4)
    data[4:8] = struct.pack("<I", len(data))
    start = time.monotonic()
    assert read_header(bytes(data) + directory).width == picture.shape[1]
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_damaged_pixels_are_refused(tmp_path: Path, picture: NDArray[np.uint8], suffix: str) -> None:
    data = bytearray(encode(suffix, picture, cv2.IMWRITE_TIFF_COMPRESSION, 8))
    middle = len(data) // 2
    data[middle : middle + 8] = bytes(255 - byte for byte in data[middle : middle + 8])
    with pytest.raises(EdgeError, match="damaged"):
        read_image(saved(tmp_path, f"eye{suffix}", bytes(data)))


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("empty.jpg", b"", "empty"),
        ("text.png", b"no picture at all, but words enough to look like something", "not an image"),
        ("one.png", encode(".png", np.zeros((1, 1, 3), np.uint8)), "fewer than 32"),
        ("flat.bmp", encode(".bmp", np.zeros((31, 400, 3), np.uint8)), "fewer than 32"),
        ("float.tif", tiff(np.zeros((40, 40), np.float32)), "8 or 16 bits"),
        ("scan.dcm", bytes(128) + b"DICM" + bytes(200), "DICOM"),
        ("big.tif", b"II+\0" + bytes(60), "BigTIFF"),
        ("anim.webp", b"RIFF\x2a\0\0\0WEBPVP8X\x0a\0\0\0\x02" + bytes(40), "animated"),
    ],
)
def test_what_is_refused_says_why(tmp_path: Path, name: str, data: bytes, word: str) -> None:
    path = saved(tmp_path, name, data)
    with pytest.raises(EdgeError, match=word) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folder_pipe_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_giant_pictures_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    row = bytes(100)
    giants = {
        "giant.png": png(20_000, 20_000, 8, 2, row),
        "giant.tif": tiff(np.zeros((40, 40), np.uint8), extra={256: 20_000, 257: 20_000}),
        "giant.webp": b"RIFF\x2a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x1f\x4e\0" * 2 + bytes(24),
    }
    for name, data in giants.items():
        with pytest.raises(EdgeError, match="20000 x 20000 pixels, more than the 64 megapixels"):
            read_image(saved(tmp_path, name, data))
    assert peak_mib(*(tmp_path / name for name in giants)) < 200


def test_giant_jpeg_is_decoded_reduced(tmp_path: Path) -> None:
    path = saved(tmp_path, "giant.jpg", jpeg_with_exif(flat_jpeg(20_000, 16_000), 6))
    frame = read_image(path)
    assert frame.shape == (5_000, 4_000, 3)
    assert (frame == 128).all()
    assert peak_mib(path) < 500  # whole it would be 915 in colour


def test_giant_progressive_jpeg_is_refused(tmp_path: Path) -> None:
    data = bytearray(encode(".jpg", np.zeros((64, 64, 3), np.uint8), cv2.IMWRITE_JPEG_PROGRESSIVE, 1))
    frame = data.index(b"\xff\xc2")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 20_000, 20_000)
    with pytest.raises(EdgeError, match="20000 x 20000"):
        read_image(saved(tmp_path, "giant.jpg", bytes(data)))


def test_memory_that_runs_out_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> None:
        raise MemoryError

    path = saved(tmp_path, "eye.png", encode(".png", np.zeros((40, 40, 3), np.uint8)))
    monkeypatch.setattr(images, "_decode", run_out)
    with pytest.raises(EdgeError, match="free memory"):
        read_image(path)


_KINDS = [
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"II*\0",
    b"MM\0*",
    b"BM",
    b"RIFF\0\0\0\0WEBPVP8 ",
    b"P6 40 40 255\n",
]
_ANY_FOLDER = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_ANY_FOLDER
@given(start=st.sampled_from(_KINDS), rest=st.binary(max_size=400))
def test_any_bytes_are_a_frame_or_an_edge_error(tmp_path: Path, start: bytes, rest: bytes) -> None:
    path = saved(tmp_path, "any", start + rest)
    try:
        frame = read_image(path)
    except EdgeError as error:
        sentence = str(error)
    else:
        sentence = str(path)
        assert frame.dtype == np.uint8
        assert frame.ndim == 3
        assert frame.shape[2] == 3
    assert str(path) in sentence


@_ANY_FOLDER
@given(
    kind=st.sampled_from([".jpg", ".png", ".tif", ".bmp", ".webp", ".ppm"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_changed_files_are_a_frame_or_an_edge_error(
    tmp_path: Path, kind: str, changes: list[tuple[float, int]]
) -> None:
    smooth = cv2.resize(np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8), (48, 40))
    data = bytearray(encode(kind, smooth))
    for place, value in changes:
        data[int(place**3 * len(data))] = value  # mostly in the header
    try:
        frame = read_image(saved(tmp_path, "any", bytes(data)))
    except EdgeError:
        return
    assert frame.dtype == np.uint8
    assert frame.ndim == 3
    assert frame.shape[2] == 3


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
