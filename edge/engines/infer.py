"""One inference whose errors are the engine's: its exceptions, and invalid maps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.abi.frames import Light, Numbers, Planes
from edge.bundle.bundle import Bundle
from edge.engines.checks import check_tensor
from edge.engines.protocol import Engine
from edge.engines.tensorrt.runtime import TensorRtEngine
from edge.errors import EdgeError, EngineError, first_line
from edge.field.find import Crop
from edge.frame.prepare import meet, prepare_lit
from edge.images.raw import Image, planes_for

_MOST_BYTES = 32 << 20  # of a frame that the GPU takes: a camera's; photographs would hold pinned memory of their size


@dataclass(frozen=True, eq=False)
class Looked:
    """What a network saw of a frame.

    Attributes:
        tensor: what it read, float32 RGB (1, 3, S, S).
        light: of that, None where it has to be measured from the tensor.
        maps: of ``infer_maps``.
        prepared, inferred: when the frame step and the inference were done; a GPU that does both has no time between.
    """

    tensor: NDArray[np.float32]
    light: Light | None
    maps: NDArray[np.float32]
    prepared: float
    inferred: float


def infer_maps(bundle: Bundle, engine: Engine, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """The maps of one tensor.

    Args:
        bundle: what the engine was made from.
        engine: that infers.
        tensor: float32 RGB (1, 3, S, S).

    Returns:
        float32 (K, grid, grid) in [0, 1], one for each of the manifest's maps.

    Raises:
        ValueError: the tensor does not fit this network, which is not the engine's fault.
        EngineError: the engine failed, or its maps have another shape, hold no numbers, or leave [0, 1].
    """
    check_tensor(tensor, bundle.manifest.input_size)
    return _checked(bundle, engine, lambda: engine.infer(tensor))


def infer_frame(bundle: Bundle, engine: Engine, frame: Image, crop: Crop) -> Looked:
    """The maps of a square of a frame; the frame step too is done by a GPU that can.

    Args:
        bundle: what the engine was made from.
        engine: that infers.
        frame: uint8 BGR (H, W, 3), or as a camera gave it.
        crop: in frame pixels; it may reach beyond the frame, where it is black.

    Raises:
        EngineError: of ``infer_maps``.
    """
    if isinstance(engine, TensorRtEngine) and engine.takes_frames and meet(frame, crop):
        planes = planes_for(frame)
        if sum(rows.size for rows in planes.rows) <= _MOST_BYTES:
            return _infer_on_gpu(bundle, engine, planes, crop)
    about = bundle.manifest
    tensor, light = prepare_lit(frame, crop, about.input_size, about.mean, about.std, about.grid)
    prepared = time.perf_counter()
    maps = infer_maps(bundle, engine, tensor)
    return Looked(tensor, light, maps, prepared, time.perf_counter())


def _infer_on_gpu(bundle: Bundle, gpu: TensorRtEngine, frame: Planes, crop: Crop) -> Looked:
    begun, about, pictures = time.perf_counter(), bundle.manifest, list[NDArray[np.uint8]]()
    size, mean, std = about.input_size, about.mean, about.std

    def infer() -> NDArray[np.float32]:
        maps, picture = gpu.infer_frame(frame, (crop.x, crop.y, crop.side), Numbers(size, mean, std))
        pictures.append(picture)
        return maps

    maps = _checked(bundle, gpu, infer)
    inferred = time.perf_counter()
    # What the network read is small, and of it the library makes the same tensor again, with its light.
    tensor, light = prepare_lit(pictures[0], Crop(0, 0, size), size, mean, std, about.grid)
    return Looked(tensor, light, maps, begun, inferred)


def _checked(bundle: Bundle, engine: Engine, infer: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """The maps that ``infer`` gives, if they are any."""
    about = bundle.manifest
    try:
        maps = np.asarray(infer())
    except EdgeError as error:  # a sentence already
        raise EngineError(str(error)) from error
    except Exception as error:  # runtimes have no common exception
        raise EngineError(
            f"{bundle.path} failed on a frame ({type(error).__name__}: {first_line(error)}): "
            "edge-compile --engine NAME shows whether an engine works here."
        ) from error
    wanted = (len(about.maps), about.grid, about.grid)
    if maps.shape != wanted or maps.dtype.kind != "f":
        raise EngineError(
            f"{bundle.path} gave maps of {maps.dtype} with shape {maps.shape} on {engine.name}, not floats with shape "
            f"{wanted}: try another --engine."
        )
    least, most = float(maps.min()), float(maps.max())
    if not (np.isfinite(least) and np.isfinite(most)):
        raise EngineError(f"{bundle.path} gave a map that holds no number: the model is broken; take another one.")
    # No tolerance: a sigmoid stays within [0, 1] in every precision, and silent clipping would hide a wrong score.
    if least < 0 or most > 1:
        raise EngineError(
            f"{bundle.path} gave maps from {least:.9g} to {most:.9g} on {engine.name}, which lie between 0 "
            "and 1: try another --engine."
        )
    return maps.astype(np.float32, copy=False)
