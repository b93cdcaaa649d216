"""What every source of frames can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.camera.recording.lossy import Lossy


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        image: uint8 BGR, shape (H, W, 3); belongs to the reader, no source writes to it again.
        index: counts the frames of the source from 0, those that nobody graded included.
        timestamp: seconds of ``time.monotonic`` at which the frame was exposed, or due by the pace of its source.
        behind: seconds by which it is due later than that, because its source cannot be read at its own pace.
        lossy: how its source compressed it with loss; None where it did not, as far as one can know.
    """

    image: NDArray[np.uint8]
    index: int
    timestamp: float
    behind: float = 0.0
    lossy: Lossy | None = None


def format_of(width: float, height: float, fps: float, pixels: str = "") -> str:
    """Size in pixels, the name of the pixel format, and frames per second where they are known, for a person."""
    words = f"{width:.0f}x{height:.0f} {pixels}".strip()
    return f"{words}, {fps:g} fps" if fps > 0 else words


class Camera(Protocol):
    """A source of frames. All but the properties is called by one thread; a live one is closed by another too."""

    @property
    def fps(self) -> float:
        """Frames per second that the source means to give; 0.0 where it does not say."""

    @property
    def live(self) -> bool:
        """True where frames come when the world gives them, and a late reader has lost them."""

    @property
    def format(self) -> str:
        """What it gives, for a person: ``1920x1080 NV12, 30 fps``; empty where it is not known yet."""

    @property
    def missed(self) -> int:
        """Frames that the world gave and that were lost before ``read``; they are counted in ``Frame.index``."""

    def read(self) -> Frame | None:
        """The next frame, or None where the source has ended; a recording is read ahead of its pace, never waited for.

        Raises:
            EdgeError: one frame could not be read: a corrupt file, a video cut off, a camera unplugged. The reader
                says so and reads on; a source that cannot go on answers None from then.
        """

    def skip(self) -> bool:
        """Pass over the next frame, as cheaply as the source can; False where the source has ended.

        Raises:
            EdgeError: as ``read`` does.
        """

    def close(self) -> None:
        """Give the source back; may be called twice."""
