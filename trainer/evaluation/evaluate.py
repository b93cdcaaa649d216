"""How good each step of a run is: against quality labels, against exact masks, and the student against its teacher.

Labels are used here and nowhere before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import EdgeError
from edge.metrics.classification import spearman
from edge.metrics.cross_validation import check_extra
from edge.metrics.parity import map_difference
from trainer.data.datasets import find_photographs, load_at_sizes
from trainer.evaluation.labels import against_labels, against_ratings
from trainer.evaluation.maps import quality
from trainer.evaluation.predictors import AT_ONCE, MapMaker, makers, on_grid, pooled, resized
from trainer.evaluation.sets import CLEAR_LIST, LabelledSet, find_labelled, find_rated, read_list
from trainer.evaluation.truth.eyes import phantom_eyes, photograph_eyes, sequence_eyes
from trainer.evaluation.truth.frames import TrueFrame, played, spoiled, swept
from trainer.loop import runs
from trainer.pictures import save_sheet, tint
from trainer.recipe import Recipe
from trainer.steps.distill import load_student, predict
from trainer.steps.pseudo_labels import to_grid
from trainer.steps.teacher import load_teacher


def evaluate(recipe: Recipe, data: Path, out: Path, bundle: Path | None = None) -> dict[str, Any]:
    """Everything that is measured of a run.

    Args:
        recipe: of the run.
        data: folder of photographs; labelled sets below it are used, whether excluded from training or not.
        out: run folder.
        bundle: an INT8 student made of this run.

    Returns:
        ``labels``: {set: {scorer: ``tasks`` of an ``edge.metrics.protocol.Evaluation``}}; ``ratings``: {set: {scorer:
        the rank correlation}}; ``maps``: {"phantoms", "sequences", "photographs": {scorer: ``MapQuality`` as a
        dictionary}}; ``fidelity`` of the student to its teacher; ``vessels`` and ``prior``: what these steps measured.

    Raises:
        EdgeError: there is no labelled set below ``data``, a step of the run is missing, it is of another modality, or
            see ``check_extra``.
    """
    if recipe.modality != "fundus":
        raise EdgeError(
            f"the sets of edge-train evaluate show the fundus, and {out} is of {recipe.modality}: measure it with "
            f"python -m benchmarks.studies.{recipe.modality} {data} --run {out}."
        )
    sets = find_labelled(data)
    if not sets:
        raise EdgeError(f"{data} holds no quality label: folders good/ and bad/, or a labels.csv of path,quality.")
    check_extra()
    ways = makers(recipe, out, bundle)
    vessels, prior = (runs.read_metrics(out / step).get("held_out", {}) for step in ("vessels", "prior"))
    return {
        "labels": {labelled.name: against_labels(labelled, ways, recipe, out) for labelled in sets},
        "ratings": {name: against_ratings(name, rated, ways, recipe, out) for name, rated in find_rated(data).items()},
        "maps": _against_masks(ways, good_photographs(sets, data), out / "evaluation"),
        "fidelity": fidelity(recipe, data, out),
        "vessels": vessels,
        "prior": prior,
    }


def good_photographs(sets: Sequence[LabelledSet], data: Path) -> list[Path]:
    """Photographs to be spoiled on purpose: at most 60 of each folder named good, and clear ones of further cameras.

    Clear is what two readers called so (``trainer/lists/clear.csv``, the half that reports).
    """
    found = []
    for labelled in sets:
        both = zip(labelled.paths, labelled.qualities, strict=True)
        found += [path for path, said in both if said == "good" and path.parent.name == "good"][:60]
    for listed in read_list(CLEAR_LIST, data, "reports"):
        found += [path for path, said in zip(listed.paths, listed.qualities, strict=True) if said == "good"]
    return found


def true_frames(good: Sequence[Path]) -> Iterator[tuple[str, list[TrueFrame], list[TrueFrame]]]:
    """Frames whose truth is known, and frames of every severity: of phantoms, phantom sequences, good photographs."""
    eyes = phantom_eyes()
    yield "phantoms", spoiled(eyes), swept(eyes[:8])
    yield "sequences", played(sequence_eyes()), []
    if good:
        real = photograph_eyes(good)
        yield "photographs", spoiled(real), swept(real[:8])


def _against_masks(ways: dict[str, MapMaker], good: Sequence[Path], folder: Path) -> dict[str, dict[str, Any]]:
    """Map quality of every maker on all frames whose truth is known; a sheet of pictures for each kind of frame."""
    shown = {name: ways[name] for name in ways if name.startswith("adapter") or name == "float student"}
    result = {}
    for name, frames, sweep in true_frames(good):
        result[name] = {way: asdict(quality(maps_of, frames, sweep)) for way, maps_of in ways.items()}
        _save_maps(folder / f"{name}.png", shown, frames)
    return result


def _save_maps(path: Path, ways: dict[str, MapMaker], frames: Sequence[TrueFrame], rows: int = 8) -> None:
    """One row for each of some frames, evenly chosen: the frame, its truth, and the map of every maker.

    Args:
        path: of the PNG.
        ways: makers by name.
        frames: whose truth is known.
        rows: at most so many.
    """
    chosen = [frames[n] for n in np.unique(np.linspace(0, len(frames) - 1, rows).astype(int))]
    maps = [on_grid(maps_of([frame.square for frame in chosen])) for maps_of in ways.values()]
    sheet = []
    for n, frame in enumerate(chosen):
        picture = resized(frame.square, 256).picture
        layers = (frame.truth, *(of_way[n] for of_way in maps))
        sheet.append((picture, *(tint(picture, layer * frame.counted) for layer in layers)))
    save_sheet(path, sheet, ("frame", "truth", *ways))


def fidelity(recipe: Recipe, data: Path, out: Path) -> dict[str, float]:
    """The float student against the teacher that it learned from: all photographs below a folder, spoiled phantoms.

    Each network gets them at its own size, photographs as the device cuts them.

    Returns:
        ``frames``; ``map_mae``, mean over the frames, on the coarser of both grids, inside the field; and
        ``score_spearman``.
    """
    sides = (recipe.side, recipe.distill.size)
    read = load_at_sizes(find_photographs(data), sides, "fidelity: reading")
    photographs = (pair for pair in read if pair is not None and pair[0] is not None)
    phantoms = (tuple(resized(frame.square, side) for side in sides) for frame in spoiled(phantom_eyes()))
    teacher, student = load_teacher(recipe, out), load_student(out)
    differences: list[float] = []
    scores: tuple[list[float], list[float]] = ([], [])
    pairs = itertools.chain(photographs, phantoms)
    while some := list(itertools.islice(pairs, AT_ONCE)):
        squares, small = ([square for square in each if square is not None] for each in zip(*some, strict=True))
        a, b = teacher.maps([s.picture for s in squares]), predict(student, [s.picture for s in small], recipe)[:, 0]
        grid = min(a.shape[-1], b.shape[-1])
        fields = to_grid((s.field.astype(np.float32) for s in squares), grid) >= 0.5
        both = zip(to_grid(a, grid), to_grid(b, grid), fields, strict=True)
        differences += [map_difference(x, y, field)[0] for x, y, field in both if field.any()]
        for of_all, maps in zip(scores, (a, b), strict=True):
            of_all += pooled(maps, squares).tolist()
    return {
        "frames": len(scores[0]),
        "map_mae": float(np.mean(differences)),
        "score_spearman": float(np.nan_to_num(spearman(*map(np.array, scores)))),  # 0 of a constant
    }
