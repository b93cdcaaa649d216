"""Our student and its peers on the same engine, in turns."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.compare.subjects import open_rival
from benchmarks.peers.build import Peer, build_peer
from benchmarks.roofline.layers import Layer, count_layers
from calibration.timing import Turn, take_turns
from edge import EdgeError
from edge.bundle.bundle import read_bundle
from edge.bundle.named import named_bundle
from edge.metrics.intervals import centre

log = logging.getLogger(__name__)

ROUNDS = 12
_OURS, _COLD = 20, 3  # calls of ours in a round that are counted, after those that are not


@dataclass(frozen=True)
class PeerTime:
    """Inference time of one network and its ratio to ours.

    Attributes:
        title: what it is.
        layers: what it computes.
        ms: median.
        times: its time over ours, with its interval of 95 %.
    """

    title: str
    layers: tuple[Layer, ...]
    ms: float
    times: float
    low: float
    high: float


def measure_peers(
    model: Path | None,
    peers: Sequence[Peer],
    folder: Path,
    threads: int | None,
    rounds: int = ROUNDS,
) -> tuple[PeerTime, ...]:
    """Time ours and each peer in turns; the first row is ours.

    Args:
        model: the bundle; None for the shipped one. It runs on OpenVINO, like the peers.
        peers: of ``benchmarks.peers.build``.
        folder: of their ONNX files, which are made where they are missing.
        threads: CPU threads; None for all.
        rounds: turns of each, at least 8 for an interval.

    Raises:
        EdgeError: a peer cannot be made or run.
    """
    bundle = read_bundle(named_bundle(model))
    rows = []
    ours_ms = []
    with open_rival(f"{bundle.path}@openvino", [], threads) as ours:
        for peer in peers:
            log.info("making %s", peer.name)
            path = build_peer(peer, folder)
            log.info("timing %s", peer.name)
            with contextlib.ExitStack() as opened:  # one peer at a time: the largest takes gigabytes
                try:
                    theirs = opened.enter_context(open_rival(str(path), [], threads, made=True))
                except EdgeError as error:
                    raise EdgeError(f"{error}; remove {path} to make it again") from error
                theirs.infer(0)
                turns = [Turn(lambda _: ours.infer(0), _OURS, _COLD), Turn(theirs.infer, 1)]
                (counted, theirs_ms), _ = take_turns(turns, rounds)
            ours_ms.append(counted)
            ratios = np.log(theirs_ms[:, 0] / np.median(counted, axis=1))
            times, low, high = (math.exp(value) for value in centre(ratios, 0.95))
            rows.append(
                PeerTime(peer.title, count_layers(path.read_bytes()), float(np.median(theirs_ms)), times, low, high)
            )
    title = f"ours: {bundle.manifest.name}, {bundle.manifest.precision}, at {bundle.manifest.input_size}"
    return PeerTime(title, count_layers(bundle.onnx), float(np.median(np.concatenate(ours_ms))), 1.0, 1.0, 1.0), *rows
