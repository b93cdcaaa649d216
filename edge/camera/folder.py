"""A folder of frames as a camera."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.camera.protocol import Frame
from edge.camera.recording.lossy import lossy_file
from edge.errors import EdgeError
from edge.images import find_images, read_image


class FolderCamera:
    """The images of a folder in natural order of their names, played like a recording."""

    live = False
    missed = 0

    def __init__(self, folder: Path, fps: float = 30.0) -> None:
        """List a folder.

        Raises:
            EdgeError: it holds no image.
        """
        self.fps = fps
        self._folder = folder
        self._paths = sorted(find_images([folder]), key=_natural)
        self.format = f"{len(self._paths)} images, as if at {fps:g} fps"
        self._next = 0
        self._start = 0.0

    def read(self) -> Frame | None:
        """The next image; its index is its place in the folder.

        Raises:
            EdgeError: this image cannot be read, and the next ``read`` continues after it; or the folder is gone.
        """
        if self._next >= len(self._paths):
            return None
        index = self._next
        self._next += 1
        image = self._image(self._paths[index])
        if self._start == 0.0:
            self._start = time.monotonic() - index / self.fps
        lossy = lossy_file(self._paths[index], image.nbytes)
        return Frame(image, index, self._start + index / self.fps, lossy=lossy)

    def _image(self, path: Path) -> NDArray[np.uint8]:
        try:
            return read_image(path)
        except EdgeError as error:
            if self._folder.is_dir():
                raise
            left, self._next = len(self._paths) - self._next + 1, len(self._paths)
            raise EdgeError(
                f"{self._folder} is gone, and {left} of its {len(self._paths)} images with it: "
                "bring it back and start again."
            ) from error

    def skip(self) -> bool:
        """Skip the next image without reading it."""
        if self._next >= len(self._paths):
            return False
        self._next += 1
        return True

    def close(self) -> None:
        self._next = len(self._paths)


def _natural(path: Path) -> list[tuple[int, str]]:
    """A sort key that puts frame 2 before frame 10, with or without leading zeros."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", str(path))
    return [(int(piece), "") if piece.isascii() and piece.isdigit() else (-1, piece) for piece in pieces]
