"""The whole check-up: every check after those it depends on, and finally the model itself."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import edge
from edge.bundle import named
from edge.bundle.demand import TRUST
from edge.bundle.trust import trusted_keys
from edge.doctor.extras import check_extras
from edge.doctor.finding import Finding, missing, ok, warning
from edge.doctor.jetson import check_jetson, is_jetson
from edge.doctor.machine import check_cameras, check_machine, check_opencv, check_openvino
from edge.doctor.nvidia import check_builder, check_nvidia, has_gpu
from edge.errors import EdgeError

_SCORE = 0.05  # by how much INT8 on a correct engine may change the score of a golden frame
_FRAMES = 4


def examine(root: Path = Path("/"), quick: bool = False) -> Iterator[Finding]:
    """Check this machine, one finding after the other.

    Args:
        root: below which the files of the machine lie; libraries are always those of this Python.
        quick: skip the last check, which runs the shipped model and may have to build its engine.
    """
    jetson = is_jetson(root)
    gpu = jetson or has_gpu(root)
    if jetson:
        yield from check_jetson(root)
    yield from check_machine(root, jetson)
    opencv = check_opencv(jetson)
    yield from opencv
    yield check_cameras(root)
    yield from check_nvidia(root, jetson) if gpu else check_builder()
    yield check_openvino(jetson)
    yield from check_extras()
    if opencv[0].state == "missing":
        return
    yield from check_trust()
    for model in named.shipped_models():
        yield from check_terms(model)
    if not quick:
        yield check_model(gpu)


def check_trust() -> Iterator[Finding]:
    """Whether the keys can be read that ``EFIQA_TRUST`` names; nothing where it is not set."""
    try:
        keys = trusted_keys(None)
    except EdgeError as error:
        yield missing("trust", str(error), f"correct {TRUST}: until then no model is used")
    else:
        if keys is not None:
            named = ", ".join(key[:16] for key in keys)
            yield ok("trust", f"only models are used that one of these keys signed: {named}")


def check_terms(path: Path) -> Iterator[Finding]:
    """What a model learned from, one finding for each set of photographs, with its terms where its manifest has them.

    A bundle that cannot be read is a finding of ``check_model``.
    """
    with suppress(EdgeError):
        # Imported late, as below.
        for source in importlib.import_module("edge.bundle.bundle").read_bundle(path).manifest.trained_on:
            yield ok(f"{path.stem} learned from", source)


def check_model(gpu: bool) -> Finding:
    """The shipped model, from the frame to the score, on the engine that ``auto`` selects.

    Args:
        gpu: whether this machine has a GPU that should run it.
    """
    # Imported late: OpenCV may be missing, which was reported before.
    golden_frame = importlib.import_module("edge.phantom.golden").golden_frame
    golden_score = importlib.import_module("edge.engines.verify").golden_score
    frame = golden_frame(0)
    start = time.perf_counter()
    try:
        with edge.QualityModel.load() as model:
            model.assess(frame)
            first = time.perf_counter() - start
            golden = model.manifest.golden[:_FRAMES]
            scores = [golden_score(model.engine, model.manifest, each.seed) for each in golden]
            apart = max((abs(score - each.score) for score, each in zip(scores, golden, strict=True)), default=0.0)
            name = model.engine.name
    except EdgeError as error:
        remedy = "fix what is missing above, then run edge-doctor again"
        if TRUST in os.environ:
            remedy += f"; where {TRUST} refuses the model that ships, run it without {TRUST} to check the machine"
        return missing("model", str(error), remedy)
    found = f"runs on {name}; first map after {first:.1f} s, golden scores within {apart:.3f}"
    if apart > _SCORE:
        return missing("model", f"{found}, which is wrong", "edge-compile says more; update the engine's library")
    if gpu and name == "openvino":
        remedy = "edge-compile says why the GPU's engines do not work"
        return warning("model", f"{found}, though there is a GPU", remedy)
    return ok("model", found)


def next_step(jetson: bool) -> str:
    """What to do once all works."""
    board = "this board" if jetson else "this machine"
    return f"next: edge-bench acceptance OUT shows whether {board} does the work, in about twenty minutes"
