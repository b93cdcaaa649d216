"""What tells a photograph from others: the hash of its bytes, and a hash that stays when it is saved again."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.errors import EdgeError

_PIECE = 1 << 20
_SIDE = 128  # pixels: twice what the hash looks at
_SPREAD = 10.0  # pixels, sigma: what is coarser is light and the shape of the field, alike in most photographs
_HASH_SIDE = 16  # frequencies in each direction: 256 bits
_GAIN, _NOISE = 40, 2  # grey levels of one standard deviation; below this deviation there is only noise


@dataclass(frozen=True)
class FileFacts:
    """A photograph when it was read.

    Attributes:
        size: bytes; None where nothing says.
        modified: of a file nanoseconds since 1970, by its file system; else ``Source.change``.
        sha256: of its bytes, hexadecimal; empty where they were not read.
    """

    size: int | None
    modified: int | None
    sha256: str = ""


def facts_of(path: Path, hashed: bool = True) -> FileFacts:
    """Look at a file.

    Args:
        path: the file.
        hashed: whether to read all of its bytes.

    Raises:
        OSError: it cannot be read.
    """
    about = path.stat()
    return FileFacts(about.st_size, about.st_mtime_ns, _sha256(path) if hashed else "")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def check_hash() -> None:
    """Refuse to begin without the library of the perceptual hash.

    Raises:
        EdgeError: it is not installed.
    """
    try:
        importlib.import_module("imagehash")
    except ImportError as error:
        raise EdgeError(f'--table needs {error.name}: pip install "efiqa-edge[curate]".') from error


def perceptual_hash(frame: NDArray[np.uint8]) -> str:
    """The pHash of a photograph's fine structure, 256 bits as 64 hexadecimal digits.

    Alone it calls many fundus photographs alike, since all are a bright disc on black. So it gets the green channel
    with light and shape taken out and local contrast made equal: vessels and lesions are what is left.

    Args:
        frame: uint8 BGR (H, W, 3).
    """
    imagehash = importlib.import_module("imagehash")
    green = cv2.resize(cv2.extractChannel(frame, 1), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    fine = green - cv2.GaussianBlur(green, (0, 0), _SPREAD)
    contrast = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), _SPREAD)) + _NOISE
    flat = np.clip(128 + _GAIN * fine / contrast, 0, 255).astype(np.uint8)
    bits = imagehash.phash(Image.fromarray(flat), hash_size=_HASH_SIDE).hash
    return np.packbits(np.asarray(bits, np.uint8)).tobytes().hex()
