"""Video clips of known pictures, written packet by packet."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SIZE = (320, 240)
Writer = Callable[..., list[np.ndarray]]


def picture(number: int, width: int = SIZE[0], height: int = SIZE[1]) -> np.ndarray:
    """Fine structure all over that moves with the number, so that a patch of another moment stands out."""
    y, x = np.mgrid[:height, :width]
    wave = 128 + 60 * np.sin((x + 7 * number) / 9) + 50 * np.sin((y - 5 * number) / 7)
    return np.stack([wave, np.roll(wave, 11, 1), 255 - wave], axis=2).clip(0, 255).astype(np.uint8)


@pytest.fixture
def write_clip() -> Writer:
    """Writes a clip; ``spoil(number, bytes)`` may change a packet, or lose it with None.

    Returns the pictures that the whole clip would show.
    """
    av = pytest.importorskip("av")

    def write(
        path: Path,
        codec: str,
        frames: int = 45,
        spoil: Callable[[int, bytes], bytes | None] = lambda number, data: data,
        aspect: tuple[int, int] | None = None,
        size: tuple[int, int] = SIZE,
    ) -> list[np.ndarray]:
        if codec not in av.codecs_available:
            pytest.skip(f"this PyAV cannot write {codec}")

        def encode(to: Path, spoil: Callable[[int, bytes], bytes | None]) -> None:
            with av.open(str(to), "w") as container:
                stream: Any = container.add_stream(codec, rate=30)
                stream.width, stream.height = size
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.options = {"g": "15", "crf": "18", "x265-params": "keyint=15:log-level=0"}
                stream.codec_context.thread_count = 1  # the same each time
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
                shown = [av.VideoFrame.from_ndarray(picture(number, *size), format="bgr24") for number in range(frames)]
                packets = [packet for frame in (*shown, None) for packet in stream.encode(frame)]
                for number, packet in enumerate(packets):
                    data = spoil(number, bytes(packet))
                    if data is not None:
                        changed = av.Packet(data)
                        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
                        changed.is_keyframe, changed.stream = packet.is_keyframe, stream
                        container.mux(changed)

        original = path.with_name(f"whole-{path.name}")
        encode(original, lambda number, data: data)
        encode(path, spoil)
        with av.open(str(original)) as container:
            whole = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        original.unlink()
        return whole

    return write
