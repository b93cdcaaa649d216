"""What edge-bench compare can compare: bundles on engines, and any ONNX model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.roofline.ceilings import openvino_or_error
from edge import EdgeError, QualityModel
from edge.bundle.demand import TRUST, demand_of
from edge.bundle.named import DEFAULT
from edge.engines.names import ENGINES

SHIPPED = "shipped"  # the former name of ``default`` here


@dataclass(frozen=True)
class Rival:
    """One side of a comparison.

    Attributes:
        name: of the file and engine, without its folder.
        infer: one inference, called with its number.
        assess: one frame, from pixels to verdict, called with its number; None for an ONNX model, which has no verdict.
    """

    name: str
    infer: Callable[[int], object]
    assess: Callable[[int], object] | None


def split(text: str) -> tuple[str, str]:
    """``model.efiqa@openvino`` -> file and engine; ``auto`` where none is named."""
    path, _, engine = text.rpartition("@")
    return (path, engine) if path and engine in ENGINES else (text, "auto")


@contextmanager
def open_rival(
    text: str, frames: Sequence[NDArray[np.uint8]], threads: int | None, made: bool = False
) -> Iterator[Rival]:
    """Load what the user named.

    Args:
        text: a bundle, ``default``, either with ``@ENGINE`` behind it, or an ONNX model with static shapes.
        frames: uint8 BGR, each (H, W, 3).
        threads: CPU threads; None for all.
        made: an ONNX model that was made here, to be timed and nothing else: nobody need be trusted for it.

    Raises:
        EdgeError: it cannot be loaded.
    """
    path, engine = split(text)
    if path.endswith(".onnx"):
        yield _onnx(Path(path), threads, made)
        return
    with QualityModel.load(DEFAULT if path == SHIPPED else path, engine, threads) as model:
        size = model.manifest.input_size
        tensor = np.random.default_rng(0).random((1, 3, size, size), np.float32)
        yield Rival(
            name=f"{model.bundle.path.name} on {model.engine.name}",
            infer=lambda number: model.engine.infer(tensor),
            assess=lambda number: model.assess(frames[number % len(frames)]),
        )


def _onnx(path: Path, threads: int | None, made: bool) -> Rival:
    openvino = openvino_or_error()
    config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        config["INFERENCE_NUM_THREADS"] = str(threads)
    if not made and demand_of(None) is not None:
        raise EdgeError(f"{path} is no bundle and cannot be signed (--trust, {TRUST}): name a signed .efiqa file")
    if not path.is_file():
        raise EdgeError(f"{path} is not a file: name an ONNX model, a bundle, or '{DEFAULT}'")
    try:
        compiled = openvino.Core().compile_model(str(path), "CPU", config)
        shapes = [tuple(int(side) for side in port.shape) for port in compiled.inputs]
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else "no message"
        raise EdgeError(f"{path} cannot be run ({reason}): give an ONNX model with static shapes") from error
    generator = np.random.default_rng(0)
    inputs = {number: generator.random(shape, np.float32) for number, shape in enumerate(shapes)}
    request = compiled.create_infer_request()
    return Rival(
        name=f"{path.name} on openvino",
        infer=lambda number: request.infer(inputs, share_inputs=True, share_outputs=True),
        assess=None,
    )
