"""Our student and its peers on the same engine, in turns."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.compare.subjects import Rival, open_rival
from benchmarks.intervals import centre
from benchmarks.peers.build import Peer, build_peer
from benchmarks.roofline.layers import Layer, count_layers
from edge import EdgeError
from edge.bundle.bundle import read_bundle
from edge.bundle.named import named_bundle

log = logging.getLogger(__name__)

ROUNDS = 12
_OURS = 23  # calls of ours in a round, of which
_COLD = 3  # are not counted: they find the caches full of the peer's weights


@dataclass(frozen=True)
class PeerTime:
    """One network beside ours, by inference alone.

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
        model: the bundle; None for the shipped one. It runs on OpenVINO, as the peers do.
        peers: of ``benchmarks.peers.build``.
        folder: of their ONNX files, which are made where they are missing.
        threads: CPU threads; None for all.
        rounds: turns of each, at least 8 for an interval.

    Raises:
        EdgeError: a peer cannot be made or run.
    """
    bundle = read_bundle(named_bundle(model))
    rows = []
    ours_ms: list[float] = []
    with open_rival(f"{bundle.path}@openvino", [], threads) as ours:
        for peer in peers:
            log.info("making %s", peer.name)
            path = build_peer(peer, folder)
            log.info("timing %s", peer.name)
            with contextlib.ExitStack() as opened:  # one peer at a time: the largest takes gigabytes
                try:
                    theirs = opened.enter_context(open_rival(str(path), [], threads))
                except EdgeError as error:
                    raise EdgeError(f"{error}; remove {path} to make it anew") from error
                ratios, counted, theirs_ms = _turns(ours, theirs, rounds)
            ours_ms += counted
            times, low, high = (math.exp(value) for value in centre(np.array(ratios), 0.95))
            rows.append(
                PeerTime(peer.title, count_layers(path.read_bytes()), float(np.median(theirs_ms)), times, low, high)
            )
    title = f"ours: {bundle.manifest.name}, {bundle.manifest.precision}, at {bundle.manifest.input_size}"
    return PeerTime(title, count_layers(bundle.onnx), float(np.median(ours_ms)), 1.0, 1.0, 1.0), *rows


def _turns(ours: Rival, theirs: Rival, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Log of theirs over ours for each round, and the milliseconds of both."""
    ratios, ours_ms, theirs_ms = [], [], []
    theirs.infer(0)
    for _ in range(rounds):
        counted = [_milliseconds(ours.infer) for _ in range(_OURS)][_COLD:]
        spent = _milliseconds(theirs.infer)
        ratios.append(math.log(spent / float(np.median(counted))))
        ours_ms += counted
        theirs_ms.append(spent)
    return ratios, ours_ms, theirs_ms


def _milliseconds(call: Callable[[int], object]) -> float:
    start = time.perf_counter_ns()
    call(0)
    return (time.perf_counter_ns() - start) / 1e6
