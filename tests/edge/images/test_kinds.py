"""What comes out of each kind of file, compared with Pillow, or with the numbers that were put in."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edge.errors import EdgeError
from edge.images import read_image

Picture = NDArray[np.uint8]


def truth(path: Path) -> Picture:
    """As Pillow shows a file: upright, what is transparent on black."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))[:, :, ::-1]


def grey_of(picture: Picture) -> Picture:
    return np.asarray(Image.fromarray(picture).convert("L"))


def test_every_seed_is_pillows_picture(files: Any, seeds: dict[str, bytes], eye: Picture) -> None:
    for name, data in seeds.items():
        path = files.save(name, data)
        frame = read_image(path)
        assert frame.dtype == np.uint8, name
        assert frame.flags.c_contiguous, name
        if "16" in name:
            wanted = eye if "tiff" in name else grey_of(eye[:, :, ::-1])[:, :, None]
            assert np.abs(frame.astype(int) - wanted).max() <= 1, name
        else:
            np.testing.assert_array_equal(frame, truth(path), err_msg=name)


MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "jpg", "webp", "ppm", "jp2", "avif"])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_every_kind_is_pillows_picture(files: Any, noise: Picture, suffix: str, mode: str) -> None:
    image = Image.fromarray(noise).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(noise[:, :, 0]))
    try:
        path = files.save(f"eye.{suffix}", image)
    except (OSError, ValueError):
        pytest.skip(f"Pillow writes no {suffix} of mode {mode}")
    try:
        wanted = truth(path)
    except OSError:  # Pillow before 13 cannot read the YCbCr TIFF that it wrote
        with pytest.raises(EdgeError):
            read_image(path)
        return
    np.testing.assert_array_equal(read_image(path), wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
def test_orientation_is_applied_once(files: Any, noise: Picture, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    path = files.save(f"eye.{suffix}", Image.fromarray(noise), exif=exif)
    frame = read_image(path)
    assert frame.shape == ((56, 40, 3) if orientation >= 5 else (40, 56, 3))
    np.testing.assert_array_equal(frame, truth(path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_16_bits(files: Any, noise: Picture, orientation: int) -> None:
    upright = read_image(files.save("a.tif", files.tiff(noise[:, :, 0].astype(np.uint16) * 257)))
    stored = Image.fromarray(upright)
    turned = np.asarray(ImageOps.exif_transpose(_with_orientation(stored, orientation)))
    for name, samples in (("grey", noise[:, :, 0]), ("colour", np.repeat(noise[:, :, :1], 3, axis=2))):
        path = files.save(f"{name}.tif", files.tiff(samples.astype(np.uint16) * 257, {274: orientation}))
        np.testing.assert_array_equal(read_image(path), turned, err_msg=name)


def _with_orientation(image: Image.Image, orientation: int) -> Image.Image:
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x112] = orientation
    image.save(target, "PNG", exif=exif)
    return Image.open(target)


def test_broken_exif_is_ignored(files: Any, noise: Picture) -> None:
    data = files.bytes_of(Image.fromarray(noise), "JPEG")
    for body in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + files.exif(99), b"Exif\0\0" + bytes(40)):
        segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
        assert read_image(files.save("eye.jpg", data[:2] + segment + data[2:])).shape == (40, 56, 3)


def test_the_content_decides_not_the_suffix(files: Any, seeds: dict[str, bytes], eye: Picture) -> None:
    np.testing.assert_array_equal(read_image(files.save("eye.jpg", seeds["png"])), eye)


def test_first_of_several(files: Any, noise: Picture) -> None:
    first, second = Image.fromarray(noise), Image.fromarray(255 - noise)
    for suffix, settings in (("tif", {}), ("webp", {"lossless": True}), ("png", {})):
        path = files.save(f"pages.{suffix}", first, save_all=True, append_images=[second], **settings)
        np.testing.assert_array_equal(read_image(path), noise[:, :, ::-1], err_msg=suffix)
    path = files.save("pages.mpo", first, save_all=True, append_images=[second], quality=95)
    np.testing.assert_array_equal(read_image(path), truth(path))


def test_formats_that_start_programs_are_out_of_reach(files: Any, noise: Picture) -> None:
    for suffix in ("eps", "pdf", "ico", "gif", "pcx", "tga"):
        image = Image.fromarray(noise).quantize() if suffix == "gif" else Image.fromarray(noise)
        with pytest.raises(EdgeError, match="not an image that is read"):
            read_image(files.save(f"eye.{suffix}", image))


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "mpeg4"), ("mov", "mpeg4"), ("webm", "vp8"), ("avi", "mjpeg")])
def test_a_video_is_for_another_command(tmp_path: Path, suffix: str, codec: str) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / f"clip.{suffix}"), "w") as clip:
        stream = clip.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        clip.mux([*stream.encode(picture), *stream.encode()])
    with pytest.raises(EdgeError, match="is a video rather than an image; edge-capture reads videos"):
        read_image(tmp_path / f"clip.{suffix}")


@pytest.mark.parametrize("brand", [b"avif", b"heic", b"mif1"])
def test_a_damaged_photograph_of_a_phone_is_no_video(tmp_path: Path, brand: bytes) -> None:
    path = tmp_path / "eye.heic"
    path.write_bytes(b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0" + brand + b"miafavif" + bytes(400))
    with pytest.raises(EdgeError) as told:
        read_image(path)
    assert "video" not in str(told.value)


# 16 bits: full scale is white, whatever the picture holds.


@pytest.mark.parametrize(
    "kind", ["png-grey", "png-colour", "tif-grey", "tif-colour", "tif-planar", "pgm", "ppm", "j2k"]
)
def test_full_scale_is_white_however_dark_the_picture(files: Any, noise: Picture, kind: str) -> None:
    for name, eight in (("full", noise), ("dark", noise // 20)):
        path = wide_file(files, kind, eight.astype(np.uint16) * 257)
        wanted = eight if kind.endswith(("colour", "planar", "ppm")) else eight[:, :, :1]
        assert np.abs(read_image(path).astype(int) - wanted[:, :, ::-1]).max() <= 1, name


def wide_file(files: Any, kind: str, samples: NDArray[np.uint16], tag: bytes = b"", white: int = 65535) -> Path:
    """Samples RGB (H, W, 3), or their first channel, as a file of 16 bits."""
    height, width = samples.shape[:2]
    grey = np.ascontiguousarray(samples[:, :, 0])
    if kind == "png-grey":
        return files.save("eye.png", files.png((width, height), 16, 0, files.rows(grey), tag))
    if kind == "png-colour":
        return files.save("eye.png", files.png((width, height), 16, 2, files.rows(samples), tag))
    if kind == "j2k":
        return files.save("eye.j2k", files.bytes_of(Image.fromarray(grey), "JPEG2000", no_jp2=True))
    if kind in ("pgm", "ppm"):
        part = grey if kind == "pgm" else samples
        head = f"P{5 if kind == 'pgm' else 6}\n# white\n{width} {height}\n{white}\n".encode()
        return files.save(f"eye.{kind}", head + part.astype(">u2").tobytes())
    if kind == "tif-planar":
        path = files.folder / "eye.tif"
        tifffile.imwrite(path, np.moveaxis(samples, -1, 0), photometric="rgb", planarconfig="separate")
        return path
    tags = {} if white == 65535 else {281: white}
    return files.save("eye.tif", files.tiff(grey if kind == "tif-grey" else samples, tags))


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", ["png-grey", "png-colour", "tif-grey", "tif-colour", "tif-planar", "pgm", "ppm"])
def test_fewer_bits_where_the_user_says_so(files: Any, noise: Picture, kind: str, bits: int) -> None:
    samples = np.rint(noise * (((1 << bits) - 1) / 255)).astype(np.uint16)
    path = wide_file(files, kind, samples)
    wanted = noise if kind.endswith(("colour", "planar", "ppm")) else noise[:, :, :1]
    assert np.abs(read_image(path, bits).astype(int) - wanted[:, :, ::-1]).max() <= 1
    assert read_image(path).max() <= 256 >> (16 - bits)  # nobody says so: full scale
    with pytest.raises(EdgeError, match=f"more than {bits} bits"):
        read_image(wide_file(files, kind, samples * 2), bits)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", ["png-grey", "png-colour", "tif-grey", "tif-colour", "pgm", "ppm"])
def test_fewer_bits_where_the_file_says_so(files: Any, noise: Picture, kind: str, bits: int) -> None:
    samples = np.rint(noise * (((1 << bits) - 1) / 255)).astype(np.uint16)
    tag = files.chunk(b"sBIT", bytes([bits] * (3 if kind == "png-colour" else 1)))
    path = wide_file(files, kind, samples, tag, (1 << bits) - 1)
    wanted = noise if kind.endswith(("colour", "ppm")) else noise[:, :, :1]
    assert np.abs(read_image(path).astype(int) - wanted[:, :, ::-1]).max() <= 1


def test_bits_that_a_png_has_scaled_up_are_left_so(files: Any, noise: Picture) -> None:
    """By the standard samples of fewer significant bits are scaled up, and so a dark picture is dark."""
    twelve = noise.astype(np.uint16) // 16
    for filled in (twelve << 4, twelve << 4 | twelve >> 8):
        path = wide_file(files, "png-colour", filled, files.chunk(b"sBIT", bytes([12] * 3)))
        assert read_image(path).max() <= 1


def test_12_bits_packed_tightly(files: Any, noise: Picture) -> None:
    twelve = np.rint(noise[:, :, 0] * (4095 / 255)).astype(np.uint16)
    pairs = twelve.reshape(40, 28, 2)
    packed = np.stack(
        [pairs[..., 0] >> 4, (pairs[..., 0] & 15) << 4 | pairs[..., 1] >> 8, pairs[..., 1] & 255], axis=-1
    )
    data = files.tiff(packed.astype(np.uint8).reshape(40, 84), {256: 56, 258: 12})
    frame = read_image(files.save("eye.tif", data))
    assert np.abs(frame[:, :, 0].astype(int) - noise[:, :, 0]).max() <= 1


def test_16_bit_colours_in_planes_are_one_picture(files: Any, noise: Picture) -> None:
    """They came out as three small eyes over memory that nobody had written."""
    for packed in (None, "zlib", "packbits"):
        path = files.folder / "eye.tif"
        samples = np.moveaxis(noise.astype(np.uint16) * 257, -1, 0)
        try:
            tifffile.imwrite(path, samples, photometric="rgb", planarconfig="separate", compression=packed)
        except (ImportError, ValueError, KeyError):
            continue
        np.testing.assert_array_equal(read_image(path), noise[:, :, ::-1])


def test_16_bit_alpha(files: Any, noise: Picture) -> None:
    alpha = np.full((40, 56, 1), 12, np.uint8)
    rgba = np.concatenate([noise, alpha], axis=2)
    laid = noise[:, :, ::-1] * (12 / 255)
    wide = rgba.astype(np.uint16) * 257
    png = files.save("a.png", files.png((56, 40), 16, 6, files.rows(wide)))
    assert np.abs(read_image(png) - laid).max() <= 1
    assert np.abs(read_image(files.save("b.tif", files.tiff(wide, {338: 2}))) - laid).max() <= 1
    multiplied = files.save("c.tif", files.tiff(wide, {338: 1}))  # the colours are multiplied already
    assert np.abs(read_image(multiplied).astype(int) - noise[:, :, ::-1]).max() <= 1


def test_a_transparent_colour_of_16_bits_is_black(files: Any, noise: Picture) -> None:
    wide = noise.astype(np.uint16) * 257
    wide[3, 5], wide[7, 9] = (1, 2, 65535), (1, 2, 65534)
    path = files.save(
        "a.png", files.png((56, 40), 16, 2, files.rows(wide), files.chunk(b"tRNS", struct.pack(">3H", 1, 2, 65535)))
    )
    frame = read_image(path)
    assert not frame[3, 5].any()
    assert frame[7, 9].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("samples", "tags"),
    [
        (np.zeros((40, 40), np.float32), {}),
        (np.zeros((40, 40), np.int16), {}),
        (np.zeros((40, 40), np.uint32), {}),
        (np.zeros((40, 40), np.int8), {}),
        (np.zeros((40, 40, 3), np.float32), {}),
        (np.zeros((40, 40, 3), np.uint32), {}),
    ],
)
def test_samples_of_another_kind_are_refused(files: Any, samples: Any, tags: dict[int, int]) -> None:
    with pytest.raises(EdgeError, match="signed, floating-point or 32-bit"):
        read_image(files.save("eye.tif", files.tiff(samples, tags)))


def test_float_pnm_and_signed_jpeg_2000_are_refused(files: Any, noise: Picture) -> None:
    with pytest.raises(EdgeError, match="floating-point"):
        read_image(files.save("eye.pfm", b"Pf\n40 40\n-1.0\n" + bytes(6400)))
    data = bytearray(files.bytes_of(Image.fromarray(noise), "JPEG2000"))
    data[data.index(b"\xff\x4f\xff\x51") + 42] |= 0x80
    with pytest.raises(EdgeError, match="signed"):
        read_image(files.save("eye.jp2", bytes(data)))


def test_a_raw_file_is_not_its_thumbnail(files: Any, noise: Picture) -> None:
    for tags in ({254: 1}, {50706: 1}):
        with pytest.raises(EdgeError, match="raw file"):
            read_image(files.save("eye.tif", files.tiff(noise, tags)))


@pytest.mark.parametrize("text", ["P1\n40 40\n", "P2\n40 40\n100\n", "P3\n40 40\n255\n", "P2\n40 40\n4095\n"])
def test_plain_pnm(files: Any, text: str) -> None:
    white = int(text.split()[3]) if text[1] != "1" else 1
    samples = np.random.default_rng(0).integers(0, white + 1, (40, 40, 3 if text[1] == "3" else 1))
    frame = read_image(files.save("eye.pnm", (text + " ".join(map(str, samples.reshape(-1)))).encode()))
    wanted = np.rint((1 - samples if text[1] == "1" else samples) * (255 / white))
    assert np.abs(frame.astype(int) - wanted[:, :, ::-1]).max() <= 1


@pytest.mark.parametrize("brightest", [100, 255, 1023, 4095, 65535])
def test_a_pnm_says_what_its_white_is(files: Any, noise: Picture, brightest: int) -> None:
    samples = np.rint(noise * (brightest / 255)).astype(">u2" if brightest > 255 else "u1")
    for magic, part in ((b"P5", samples[:, :, 0]), (b"P6", samples)):
        path = files.save("eye.pnm", magic + f"\n56 40\n{brightest}\n".encode() + part.tobytes())
        wanted = noise[:, :, ::-1] if magic == b"P6" else noise[:, :, :1]
        assert np.abs(read_image(path).astype(int) - wanted).max() <= (2 if brightest == 100 else 1)


def test_heic(files: Any, eye: Picture) -> None:
    heif = pytest.importorskip("pillow_heif", reason="without pillow-heif NO HEIC WAS READ")
    heif.register_heif_opener()
    path = files.save("eye.heic", Image.fromarray(eye[:, :, ::-1]), quality=95)
    frame = read_image(path)
    assert np.abs(frame.astype(int) - eye).mean() < 4
    np.testing.assert_array_equal(frame, truth(path))


def test_the_same_bytes_whatever_the_memory_held(files: Any, seeds: dict[str, bytes]) -> None:
    import subprocess
    import sys

    program = """
import sys, zlib
from edge.images import read_image
print(*(zlib.crc32(read_image(path)) for path in sys.argv[1:]))
"""
    paths = [str(files.save(name, data)) for name, data in seeds.items()]
    root = Path(__file__).parents[3]
    said = {
        subprocess.run(
            [sys.executable, "-c", program, *paths],
            cwd=root,
            env={"MALLOC_PERTURB_": perturb, "PATH": "/usr/bin:/bin"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for perturb in ("1", "165")
    }
    assert len(said) == 1
