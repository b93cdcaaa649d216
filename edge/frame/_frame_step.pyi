# Types of the compiled frame step (edge/native/frame_step.cpp).
import numpy as np
from numpy.typing import NDArray

def prepare(
    frame: NDArray[np.uint8],
    x: int,
    y: int,
    side: int,
    size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> NDArray[np.float32]: ...
