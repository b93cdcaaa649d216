"""Every form of a student on the same frames: how far its maps and scores are from those it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.parity.forms import StudentCheckpoint, forms_of
from edge.bundle.bundle import Thresholds
from edge.engines.choose import open_engine
from edge.errors import EdgeError
from edge.field.whole import finder_of
from edge.frame.prepare import cut, prepare, prepare_opencv
from edge.metrics.parity import Parity, compare, map_difference
from edge.score import score_of

RAW_SCORE = 0.005  # allowed mean difference of the trainer's and the device's scores; frames beyond it are counted
GREY = 1.01  # grey levels that the two frame steps may differ by: both round, and a mean may lie half way
WORST = 10
_SIDE = 256  # of a picture of a frame
_DEVICE = "INT8, openvino"

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Worst:
    """A frame whose map moved far: uint8 BGR (256, 256, 3), and its map under the first form and under the last."""

    name: str
    map_mae: float
    picture: NDArray[np.uint8]
    maps: tuple[Map, Map]


@dataclass(frozen=True)
class ParityRow:
    """One form compared with the float network in torch, and with the form that it was made from."""

    form: str
    beside_float: Parity
    before: str
    beside_before: Parity
    stage: str
    most: float

    @property
    def fits(self) -> bool:
        return self.beside_before.map_mae <= self.most


@dataclass(frozen=True, eq=False)
class FormsParity:
    """The result of ``compare_all``.

    Attributes:
        rows: one for each form but the first.
        raw_scores: (N, 2), score of the fake-quantized student behind the trainer's frame step (torch, OpenCV), and
            of the device from the raw frame (bundle on OpenVINO, C++ where built).
        grey_max: the largest difference of the two frame steps, in grey levels.
        names: of the frames, in that order.
        worst: frames whose map moved most between the first form and the device's, the worst first.
        between: the parity of a form, named first, with any other.
    """

    rows: tuple[ParityRow, ...]
    raw_scores: NDArray[np.float64]
    grey_max: float
    names: tuple[str, ...]
    worst: tuple[Worst, ...]
    between: Callable[[str, str], Parity]

    @property
    def raw_apart(self) -> NDArray[np.float64]:
        """Difference of the two scores of each frame, (N,)."""
        return np.abs(self.raw_scores[:, 0] - self.raw_scores[:, 1])

    @property
    def raw_worst(self) -> str:
        """The frame with the largest difference."""
        return self.names[int(self.raw_apart.argmax())]


def compare_all(
    student: StudentCheckpoint,
    frames: Iterable[tuple[str, NDArray[np.uint8]]],
    thresholds: Thresholds,
    most: float,
    quiet: bool = False,
) -> FormsParity:
    """Every form on the same frames; those without a field of view are the same for all forms and are left out.

    Args:
        student: in torch and as bundles.
        frames: name and uint8 BGR (H, W, 3) of each.
        thresholds: decide the verdicts.
        most: what INT8 may move the degradation map by, mean absolute difference.
        quiet: do not log engines that are missing here.

    Raises:
        EdgeError: no frame shows a field of view, or a form cannot be run.
    """
    manifest = student.int8_bundle.manifest
    normalised = (manifest.input_size, manifest.mean, manifest.std)
    levels = 255 * np.asarray(manifest.std, np.float32)[None, :, None, None]
    names: list[str] = []
    fields: list[NDArray[np.bool_]] = []
    raw: list[tuple[float, float]] = []
    grey = 0.0
    worst: list[Worst] = []
    device = open_engine(student.int8_bundle, "openvino")
    with closing(device), forms_of(student, most, quiet) as forms:
        maps: dict[str, list[Map]] = {form.name: [] for form in forms}
        scores: dict[str, list[float]] = {form.name: [] for form in forms}
        trainer = next(form for form in forms if form.name == "INT8, torch")
        for name, frame in frames:
            found = finder_of(manifest.modality)(frame)
            if found is None:
                continue
            field = found.on_grid(manifest.grid)
            names.append(name)
            fields.append(field)
            tensor, stepped = (step(frame, found.crop, *normalised) for step in (prepare, prepare_opencv))
            for form in forms:
                given = form.infer(tensor)
                maps[form.name].append(given[0])
                scores[form.name].append(score_of(given, field, manifest.pooling))
            grey = max(grey, float((np.abs(tensor - stepped) * levels).max()))
            # Of the network alone: glare and frames without a retina are handled by the device, not by the trainer.
            both = trainer.infer(stepped), device.infer(tensor)
            raw.append((score_of(both[0], field, manifest.pooling), score_of(both[1], field, manifest.pooling)))
            pair = maps[forms[0].name][-1], maps[_DEVICE][-1]
            apart, _ = map_difference(*pair, field)
            if len(worst) < WORST or apart > worst[-1].map_mae:
                masked = (pair[0] * field, pair[1] * field)
                worst.append(Worst(name, apart, cut(frame, found.crop, _SIDE), masked))
                worst = sorted(worst, key=lambda each: -each.map_mae)[:WORST]
    if not names:
        raise EdgeError("none of the frames to compare on shows a fundus: give photographs of eyes.")

    def between(form: str, other: str) -> Parity:
        pairs = list(zip(maps[other], maps[form], strict=True))
        return compare(pairs, fields, list(zip(scores[other], scores[form], strict=True)), thresholds)

    rows = [
        ParityRow(f.name, between(f.name, forms[0].name), f.before, between(f.name, f.before), f.stage, f.most)
        for f in forms[1:]
    ]
    return FormsParity(tuple(rows), np.array(raw), grey, tuple(names), tuple(worst), between)
