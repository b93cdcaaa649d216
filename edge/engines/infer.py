"""One inference whose errors are the engine's: its exceptions, and invalid maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle
from edge.engines.checks import check_tensor
from edge.engines.protocol import Engine
from edge.errors import EdgeError, EngineError, first_line


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
    about = bundle.manifest
    check_tensor(tensor, about.input_size)
    try:
        maps = np.asarray(engine.infer(tensor))
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
