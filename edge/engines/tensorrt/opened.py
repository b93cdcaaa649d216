"""An engine of either TensorRT, opened and compared with what it should compute."""

from __future__ import annotations

import logging
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
from edge.errors import EdgeError

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
            if gpu.integrated and ways.dla is None:
                _try_frames(engine, bundle)
        except EdgeError:
            engine.close()
            raise

    engine, built = open_cached(key, build, load, check)
    engine.built = built
    return engine


def _try_frames(engine: TensorRtEngine, bundle: Bundle) -> None:
    """Let the GPU do the frame step if it does it as the library, which says what is right."""
    if LIBRARY is None:  # the light is measured by it
        return
    try:
        engine.use_frames(True)
        wrong = [frame.pixels for frame in _frames() if not _is_alike(engine, bundle, frame)]
    except EdgeError as error:
        log.info("the frame step stays with the CPU: %s", error)
        engine.use_frames(False)
        return
    if wrong:
        log.warning("the GPU makes other tensors of %s than the CPU, which makes them instead", " and ".join(wrong))
        engine.use_frames(False)


def _frames() -> list[Planes]:
    """Noise in the formats of cameras, of another size each, so that memory has to grow too."""
    rng = np.random.default_rng(0)

    def noise(*shape: int) -> NDArray[np.uint8]:
        return rng.integers(0, 256, shape, np.uint8)

    return [packed(noise(484, 644, 3)), Planes("nv12", 1282, 961, (noise(961, 1282), noise(481, 1282)), bt709=True)]


def _is_alike(engine: TensorRtEngine, bundle: Bundle, frame: Planes) -> bool:
    manifest = bundle.manifest
    numbers = Numbers(manifest.input_size, manifest.mean, manifest.std)
    side = round(1.1 * frame.height)
    crop = (frame.width - side) // 2, (frame.height - side) // 2, side  # black above and below

    def tensor_of(planes: Planes, square: tuple[int, int, int]) -> NDArray[np.float32]:
        return np.asarray(frame_step(LIBRARY, planes, square, numbers)[0], np.float32)  # type: ignore[arg-type]

    wanted = tensor_of(frame, crop)
    for _ in range(2):  # the second time by its recording
        maps, picture = engine.infer_frame(frame, crop, numbers)
        same = (tensor_of(packed(picture), (0, 0, numbers.side)) == wanted).all()
        if not same or np.abs(maps - engine.infer(wanted)).max() > MOST:
            return False
    return True
