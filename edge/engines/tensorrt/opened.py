"""An engine of either TensorRT, opened and compared with what it should compute."""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.abi.frames import Numbers, Planes, frame_step, packed
from edge.abi.library import LIBRARY
from edge.bundle.bundle import Bundle
from edge.engines.cache import Built, Key, open_cached
from edge.engines.tensorrt.builder import Ways, build_engine
from edge.engines.tensorrt.cuda import Gpu
from edge.engines.tensorrt.runtime import TensorRtEngine
from edge.engines.verify import verify
from edge.errors import first_line

SWITCH = "EFIQA_FRAME_STEP"  # `gpu`: as long as it has not run on a board, it is asked for
MOST = 1e-4  # between the maps of one tensor, made here and there
log = logging.getLogger(__name__)


def open_verified(trt: Any, gpu: Gpu, bundle: Bundle, key: Key, ways: Ways) -> TensorRtEngine:
    """The engine of ``key``, loaded and compared with its network, for both TensorRTs."""

    def build() -> bytes:
        with gpu.current():
            return build_engine(trt, bundle, ways)

    def load(plan: bytes) -> TensorRtEngine:
        return TensorRtEngine(trt, gpu, plan, bundle, ways.dla)

    def check(engine: TensorRtEngine, built: Built) -> None:
        try:
            engine.verified = verify(engine, bundle, built)
        except BaseException:
            engine.close()
            raise
        if os.environ.get(SWITCH) == "gpu" and gpu.integrated and ways.dla is None:
            _try_frames(engine, bundle)

    engine, built = open_cached(key, build, load, check)
    engine.built = built
    return engine


def _try_frames(engine: TensorRtEngine, bundle: Bundle) -> None:
    """Let the GPU do the frame step if it does it as the library, which says what is right."""
    if LIBRARY is None:  # the light is measured by it
        return
    try:
        engine.use_frames(True)
        wrong = [str(view) for view in _views(bundle) if not _is_alike(engine, view)]
    except Exception as error:  # it has not run on a board yet: whatever it is, it must not cost the engine
        wrong = [f"nothing ({type(error).__name__}: {first_line(error)})"]
    if wrong:
        log.warning("the frame step stays with the CPU, since the GPU makes other tensors of %s", " and ".join(wrong))
        with contextlib.suppress(Exception):
            engine.use_frames(False)


@dataclass(frozen=True, eq=False)
class View:
    """A square of a frame, and the tensor that it is to become."""

    frame: Planes
    crop: tuple[int, int, int]
    numbers: Numbers

    def __str__(self) -> str:
        return f"{self.frame.pixels} of {self.frame.width}x{self.frame.height}"

    def wanted(self) -> NDArray[np.float32]:
        return np.asarray(frame_step(LIBRARY, self.frame, self.crop, self.numbers)[0], np.float32)  # type: ignore[arg-type]


def _views(bundle: Bundle) -> list[View]:
    """Noise in the formats of cameras: shrunk, halved, enlarged, partly beyond the frame; memory has to grow too."""
    rng, side = np.random.default_rng(0), bundle.manifest.input_size
    numbers = Numbers(side, bundle.manifest.mean, bundle.manifest.std)

    def noise(*shape: int) -> NDArray[np.uint8]:
        return rng.integers(0, 256, shape, np.uint8)

    return [
        View(packed(noise(484, 644, 3)), (50, -30, 544), numbers),
        View(packed(noise(2 * side, 2 * side, 3)), (0, 0, 2 * side), numbers),
        View(Planes("yuyv", 64, 49, (noise(49, 128),), full_range=True), (3, 5, 40), numbers),
        View(Planes("nv12", 1920, 1081, (noise(1081, 1920), noise(541, 1920)), bt709=True), (420, -40, 1161), numbers),
    ]


def _is_alike(engine: TensorRtEngine, view: View) -> bool:
    wanted, whole = view.wanted(), (0, 0, view.numbers.side)
    maps = engine.infer(wanted)
    for _ in range(2):  # the second time by its recording
        engine.infer(np.zeros_like(wanted))  # what the last one left there must not pass for a tensor
        found, picture = engine.infer_frame(view.frame, view.crop, view.numbers)
        made = engine.tensor(), View(packed(picture), whole, view.numbers).wanted()
        if not all(np.array_equal(each.view(np.uint32), wanted.view(np.uint32)) for each in made):
            return False
        if not np.abs(found - maps).max() <= MOST:
            return False
    return True
