"""The interface of every source of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.camera.recording.lossy import Lossy
from edge.images.raw import Image, bgr_of


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        picture: uint8 BGR, shape (H, W, 3), or as the camera gave it; owned by the reader, the source never writes to
            it again.
        index: counts the frames of the source from 0, ungraded ones included.
        timestamp: seconds of ``time.monotonic`` at which the frame was exposed, or due by the frame rate of its source.
        behind: seconds by which it is due later than that, because its source cannot be read in real time.
        lossy: the lossy compression of its source; None if there was none, as far as is known.
    """

    picture: Image
    index: int
    timestamp: float
    behind: float = 0.0
    lossy: Lossy | None = None

    @property
    def image(self) -> NDArray[np.uint8]:
        """The picture as uint8 BGR, shape (H, W, 3); converted when it is first asked for."""
        return bgr_of(self.picture)


def format_of(width: float, height: float, fps: float, pixels: str = "") -> str:
    """Size in pixels, pixel format, and frames per second if known, in words."""
    words = f"{width:.0f}x{height:.0f} {pixels}".strip()
    return f"{words}, {fps:g} fps" if fps > 0 else words


class Camera(Protocol):
    """A source of frames. One thread calls its methods; a live source may be closed from another."""

    @property
    def fps(self) -> float:
        """Nominal frames per second of the source; 0.0 if unknown."""

    @property
    def live(self) -> bool:
        """True if frames arrive in real time, and a late reader loses them."""

    @property
    def format(self) -> str:
        """Its format in words: ``1920x1080 NV12, 30 fps``; empty if not known yet."""

    @property
    def missed(self) -> int:
        """Frames lost before ``read``; ``Frame.index`` counts them."""

    def read(self) -> Frame | None:
        """The next frame, or None at the end of the source; a recording is read as fast as possible.

        Raises:
            EdgeError: one frame could not be read: a corrupt file, a video cut off, a camera unplugged. The reader
                reports it and reads on; a source that cannot continue returns None from then on.
        """

    def skip(self) -> bool:
        """Skip the next frame as cheaply as possible; False at the end of the source.

        Raises:
            EdgeError: as ``read`` does.
        """

    def close(self) -> None:
        """Release the source; may be called twice."""
