"""Image files of every kind, made here; nothing is downloaded and nothing of a patient is in them."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.phantom.retina import make_retina

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Files:
    """Writers of files that Pillow does not make."""

    folder: Path

    def save(self, name: str, data: bytes | Image.Image, **settings: Any) -> Path:
        """Bytes as they are, or an image by its suffix."""
        path = self.folder / name
        if isinstance(data, bytes):
            path.write_bytes(data)
        else:
            data.save(path, **settings)
        return path

    @staticmethod
    def bytes_of(image: Image.Image, kind: str, **settings: Any) -> bytes:
        target = io.BytesIO()
        image.save(target, kind, **settings)
        return target.getvalue()

    @staticmethod
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    def png(self, size: tuple[int, int], bits: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
        """A PNG of unfiltered rows, each with a zero in front."""
        header = self.chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0))
        parts = (header, *extra, self.chunk(b"IDAT", zlib.compress(rows)), self.chunk(b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)

    @staticmethod
    def rows(samples: NDArray[np.generic]) -> bytes:
        """Unfiltered rows of a PNG; 16-bit samples are big-endian there."""
        wide = samples.astype(">u2") if samples.dtype == np.uint16 else samples
        return b"".join(b"\0" + row.tobytes() for row in wide)

    @staticmethod
    def tiff(samples: NDArray[np.generic], tags: dict[int, int | None] | None = None, order: str = "<") -> bytes:
        """An uncompressed TIFF of one strip; a tag of None is left out."""
        height, width = samples.shape[:2]
        channels = 1 if samples.ndim == 2 else samples.shape[2]
        bits = samples.dtype.itemsize * 8
        strip = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
        own: dict[int, int | None] = {256: width, 257: height, 258: bits, 259: 1, 262: 1 if channels == 1 else 2}
        own |= {
            273: 0,
            277: channels,
            278: height,
            279: len(strip),
            284: 1,
            339: {"f": 3, "i": 2}.get(samples.dtype.kind, 1),
        }
        own = {tag: value for tag, value in (own | (tags or {})).items() if value is not None}
        end = 8 + 2 + 12 * len(own) + 4
        if 273 in own:
            own[273] = end + 8
        data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(own))
        for tag, value in sorted(own.items()):
            if tag == 258 and channels > 2:
                data += struct.pack(f"{order}HHII", tag, 3, channels, end)
            elif tag in (273, 279) or (value or 0) > 65535:
                data += struct.pack(f"{order}HHII", tag, 4, 1, value)
            else:
                data += struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
        return data + struct.pack(f"{order}I", 0) + struct.pack(f"{order}4H", *[bits] * 4) + strip

    @staticmethod
    def exif(orientation: int, order: str = ">") -> bytes:
        mark = b"MM\0*" if order == ">" else b"II*\0"
        return mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(scope="session")
def eye() -> NDArray[np.uint8]:
    """A synthetic eye, uint8 BGR (120, 160, 3)."""
    picture = make_retina(1, 160).image
    return np.ascontiguousarray(picture[20:140])


@pytest.fixture(scope="session")
def noise() -> NDArray[np.uint8]:
    """Every pixel its own colour, so that no turn or swap goes unnoticed."""
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)


MakeDicom = Callable[..., bytes]


@pytest.fixture(scope="session")
def make_dicom() -> MakeDicom:
    """A DICOM file of an array, or of encoded frames in its place."""
    pytest.importorskip("pydicom", reason="without pydicom NO DICOM FILE WAS READ")
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

    def make(
        samples: NDArray[Any], kind: str, syntax: str = "", frames: list[bytes] | None = None, **more: Any
    ) -> bytes:
        dataset, bits = Dataset(), samples.dtype.itemsize * 8
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax if syntax not in ("", RLELossless) else ExplicitVRLittleEndian
        dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.5.1", generate_uid()
        shape = samples.shape[-3:] if more.get("SamplesPerPixel", 3) == 3 and samples.ndim > 2 else samples.shape[-2:]
        dataset.Rows, dataset.Columns = shape[:2]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = len(shape) * 2 - 3, kind
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
        dataset.PixelRepresentation = int(samples.dtype.kind == "i")
        if len(shape) == 3:
            dataset.PlanarConfiguration = 0
        for name, value in more.items():
            setattr(dataset, name, value)
        if more.get("PlanarConfiguration"):
            samples = np.moveaxis(samples, -1, -3)
        dataset.PixelData = samples.tobytes() if frames is None else encapsulate(frames)
        dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
        if syntax == RLELossless:
            dataset.compress(RLELossless)
        target = io.BytesIO()
        dataset.save_as(target, enforce_file_format=True)
        return target.getvalue()

    return make


@pytest.fixture(scope="session")
def seeds(eye: NDArray[np.uint8]) -> dict[str, bytes]:
    """The eye as a file of every kind, by a name that begins with its kind; lossy ones at a high quality."""
    import tifffile

    image = Image.fromarray(np.ascontiguousarray(eye[:, :, ::-1]))
    grey, wide = image.convert("L"), np.asarray(image).astype(np.uint16) * 257
    save = Files.bytes_of
    found = {
        "jpeg": save(image, "JPEG", quality=92),
        "jpeg-progressive": save(image, "JPEG", quality=92, progressive=True),
        "jpeg-restarts": save(image, "JPEG", quality=92, restart_marker_rows=1),
        "jpeg-grey": save(grey, "JPEG", quality=92),
        "jpeg-cmyk": save(image.convert("CMYK"), "JPEG", quality=92),
        "png": save(image, "PNG"),
        "png-rgba": save(image.convert("RGBA"), "PNG"),
        "png-palette": save(image.quantize(64), "PNG"),
        "png-1": save(image.convert("1"), "PNG"),
        "png-16": save(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG"),
        "bmp": save(image, "BMP"),
        "bmp-palette": save(image.quantize(64), "BMP"),
        "ppm": save(image, "PPM"),
        "pgm-16": save(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PPM"),
        "webp": save(image, "WEBP", quality=92),
        "webp-lossless": save(image, "WEBP", lossless=True),
        "jp2": save(image, "JPEG2000"),
        "j2k-16": save(Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "JPEG2000", no_jp2=True),
        "avif": save(image, "AVIF", quality=90, speed=8),
    }
    for packed in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"):
        found[f"tiff-{packed}"] = save(image, "TIFF", compression=packed)
    for planar in ("contig", "separate"):
        target = io.BytesIO()
        samples = wide if planar == "contig" else np.moveaxis(wide, -1, 0)
        tifffile.imwrite(target, samples, photometric="rgb", planarconfig=planar, compression="zlib")
        found[f"tiff-16-{planar}"] = target.getvalue()
    try:
        import pillow_heif
    except ImportError:
        pass
    else:
        pillow_heif.register_heif_opener()
        found["heic"] = save(image, "HEIF", quality=90)
    return found


@pytest.fixture(scope="session")
def dicom_seeds(seeds: dict[str, bytes], eye: NDArray[np.uint8], make_dicom: MakeDicom) -> dict[str, bytes]:
    """The eye as a DICOM file of every kind."""
    rgb = np.ascontiguousarray(eye[:, :, ::-1])
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    return {
        "dicom-rgb": make_dicom(rgb, "RGB"),
        "dicom-planar": make_dicom(rgb, "RGB", PlanarConfiguration=1),
        "dicom-grey": make_dicom(grey, "MONOCHROME2"),
        "dicom-12": make_dicom(grey.astype(np.uint16) * 16, "MONOCHROME2", BitsStored=12, HighBit=11),
        "dicom-rle": make_dicom(rgb, "RGB", "1.2.840.10008.1.2.5"),
        "dicom-jpeg": make_dicom(rgb, "YBR_FULL_422", "1.2.840.10008.1.2.4.50", [seeds["jpeg"]]),
        "dicom-j2k": make_dicom(rgb, "YBR_RCT", "1.2.840.10008.1.2.4.90", [seeds["jp2"]]),
    }


def tree_mib(process: int) -> int:
    """Memory of a process and its children by now, shared pages once, in MiB; 0 where they have ended."""
    total = 0
    for each in (process, *_children(process)):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total >> 10


def _children(process: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


Peak = Callable[..., int]


@pytest.fixture
def peak_mib() -> Peak:
    """Peak memory, in MiB, of a process that tries to read files, and of its decoder."""
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("this system does not say what a process takes: NO MEMORY WAS MEASURED")
    program = """
import contextlib, sys
from edge.errors import EdgeError
from edge.images import read_image
for path in sys.argv[1:]:
    with contextlib.suppress(EdgeError):
        read_image(path)
"""

    def measure(*paths: Path) -> int:
        peak = 0
        run = subprocess.Popen([sys.executable, "-c", program, *map(str, paths)], cwd=ROOT)
        while run.poll() is None:
            peak = max(peak, tree_mib(run.pid))
        assert run.returncode == 0
        return peak

    return measure


@pytest.fixture(scope="session")
def mib_of() -> Callable[[int], int]:
    return tree_mib
