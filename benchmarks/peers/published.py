"""The model that ours replaces, timed in the same run: DINOv3 ViT-L/16 and a 1x1 convolution at 224, float32 torch.

The architecture is the real one, the weights are random: they change the map, not the time it takes. Torch and
transformers are imported only when a reference is built, so that a camera needs neither.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.timing import Turn, take_turns
from edge.field.find import find_field
from edge.frame.prepare import prepare
from edge.metrics.bootstrap import bootstrap, each

FrameToMap = Callable[[NDArray[np.uint8]], Any]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as DINOv3 was trained with


@dataclass(frozen=True)
class PeerBackbone:
    """Dimensions of a DINOv3 vision transformer, named as in transformers; the defaults are ViT-L/16's."""

    name: str = "DINOv3 ViT-L/16 + 1x1 adapter at 224, float32 torch, random weights"
    hidden_size: int = 1024
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    intermediate_size: int = 4096
    patch_size: int = 16
    num_register_tokens: int = 4
    image_size: int = 224  # side of the input in pixels

    @property
    def grid(self) -> int:
        """Side of the map."""
        return self.image_size // self.patch_size


VIT_L16 = PeerBackbone()


@dataclass(frozen=True)
class Comparison:
    """Ours and the reference, frame to map, in milliseconds.

    Attributes:
        reference: what ours was compared with.
        ours_ms, reference_ms: medians.
        ours_runs, reference_runs: number of runs behind the medians.
        times_faster: reference_ms / ours_ms.
        low, high: 95 % bootstrap interval of times_faster, over blocks.
        interrupted: Ctrl-C ended it early.
    """

    reference: str
    ours_ms: float
    reference_ms: float
    ours_runs: int
    reference_runs: int
    times_faster: float
    low: float
    high: float
    interrupted: bool = False


def why_no_reference() -> str | None:
    """One sentence where the reference cannot be built here, else None."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return (
        f'The reference was left out: it needs {" and ".join(missing)}; pip install "efiqa-edge[train,dino]" adds it.'
    )


def build_reference(backbone: PeerBackbone, threads: int) -> FrameToMap:
    """The paper's inference on this machine's CPU.

    Args:
        backbone: dimensions of the transformer.
        threads: CPU threads for torch, the same number as ours.

    Returns:
        A function from uint8 BGR (H, W, 3) to a degradation map, float32 (grid, grid).

    Raises:
        ImportError: torch or transformers is missing or broken.
    """
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = importlib.import_module("benchmarks.peers.networks").PatchMap(backbone).eval()

    def frame_to_map(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        field = find_field(frame)
        if field is None:
            raise ValueError("the frame shows no field of view")
        tensor = torch.from_numpy(prepare(frame, field.crop, backbone.image_size, _MEAN, _STD))
        with torch.inference_mode():
            return np.asarray(network(tensor)[0, 0].numpy(), dtype=np.float32)

    return frame_to_map


def compare(
    name: str,
    ours: FrameToMap,
    reference: FrameToMap,
    frames: Sequence[NDArray[np.uint8]],
    blocks: int = 10,
    tick: Callable[[int], None] = lambda done: None,
) -> Comparison:
    """Time ours and the reference in turns, A B A B, so that a drift of the machine hits both.

    A block is 25 frames of ours, of which the first 5 are not counted (they find the caches full of the reference's
    weights), then one of the reference.

    Args:
        name: of the reference.
        ours: from frame to map.
        reference: the same.
        frames: uint8 BGR, each (H, W, 3), each with a field of view.
        blocks: turns.
        tick: called with the number of blocks done.

    Returns:
        The comparison; of fewer blocks and with ``interrupted`` set after Ctrl-C.

    Raises:
        KeyboardInterrupt: Ctrl-C before two blocks were done, too few for an interval.
    """
    shown = itertools.cycle(frames)
    turns = [
        Turn(lambda index: ours(frames[index % len(frames)]), 20, cold=5),
        Turn(lambda index: reference(next(shown)), 1),
    ]
    for _ in range(2):
        reference(next(shown))
    (a, b), interrupted = take_turns(turns, blocks, keep=2, tick=tick)
    low, high = ratio_interval(a, b[:, 0])
    ours_median, reference_median = float(np.median(a)), float(np.median(b))
    return Comparison(
        name, ours_median, reference_median, a.size, b.size, reference_median / ours_median, low, high, interrupted
    )


def ratio_interval(ours: NDArray[np.float64], reference: NDArray[np.float64], draws: int = 2000) -> tuple[float, float]:
    """95 % bootstrap interval of median(reference) / median(ours), drawing whole blocks: neighbours drift together.

    Args:
        ours: milliseconds, shape (blocks, runs).
        reference: milliseconds, shape (blocks,).
        draws: resamples; seeded, so that the same runs give the same interval.
    """
    low, high = bootstrap(lambda drawn: np.median(reference[drawn]) / np.median(ours[drawn]), each(len(ours)), draws)
    return float(low), float(high)
