"""Every form of a student on the same frames: how far its maps and scores are from those it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.parity.forms import StudentCheckpoint, forms_of
from edge.bundle.bundle import Thresholds
from edge.engines.choose import open_engine
from edge.errors import EdgeError
from edge.field.find import find_field
from edge.frame.prepare import cut, prepare, prepare_opencv
from edge.metrics.parity import Parity, compare, map_difference
from edge.model import QualityModel
from edge.score import score_of

RAW_SCORE = 0.005  # score difference between the trainer's path and the device's, from the frame on: mean, and told of
GREY = 1.01  # grey levels that the two frame steps may differ by: both round, and a mean may lie half way
WORST = 10
_SIDE = 256  # of a picture of a frame

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
    """One form: beside the float network in torch, and beside the form that it was made from."""

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
    """What ``compare_all`` measured.

    Attributes:
        rows: one for each form but the first.
        raw_scores: (N, 2), score of the fake-quantized student behind the trainer's frame step (torch, OpenCV), and
            of the device from the raw frame (bundle on OpenVINO, C++ where built).
        grey_max: the largest difference of the two frame steps, in grey levels.
        names: of the frames, in that order.
        worst: frames whose map moved most between the first form and the device's, the worst first.
        between: the parity of a form, named first, beside any other.
    """

    rows: tuple[ParityRow, ...]
    raw_scores: NDArray[np.float64]
    grey_max: float
    names: tuple[str, ...]
    worst: tuple[Worst, ...]
    between: Callable[[str, str], Parity]

    @property
    def raw_max(self) -> float:
        """The largest difference of the two scores of a frame."""
        return float(np.abs(self.raw_scores[:, 0] - self.raw_scores[:, 1]).max())

    @property
    def raw_mean(self) -> float:
        """The mean difference."""
        return float(np.abs(self.raw_scores[:, 0] - self.raw_scores[:, 1]).mean())

    @property
    def raw_far(self) -> int:
        """Frames whose two scores are more than ``RAW_SCORE`` apart."""
        return int((np.abs(self.raw_scores[:, 0] - self.raw_scores[:, 1]) > RAW_SCORE).sum())

    @property
    def raw_worst(self) -> str:
        """The frame that has it."""
        return self.names[int(np.abs(self.raw_scores[:, 0] - self.raw_scores[:, 1]).argmax())]

    def of(self, form: str) -> ParityRow:
        """The row of a form."""
        return next(row for row in self.rows if row.form == form)


def compare_all(
    student: StudentCheckpoint,
    frames: Iterable[tuple[str, NDArray[np.uint8]]],
    thresholds: Thresholds,
    most: float,
    quiet: bool = False,
) -> FormsParity:
    """Every form on the same frames; those that show no field of view are the same for all and are left out.

    Args:
        student: in torch and as bundles.
        frames: name and uint8 BGR (H, W, 3) of each.
        thresholds: decide the verdicts.
        most: what INT8 may move the degradation map by, mean absolute difference.
        quiet: say nothing of engines that are not here.

    Raises:
        EdgeError: no frame shows a field of view, or a form cannot be run.
    """
    manifest = student.int8_bundle.manifest
    names: list[str] = []
    fields: list[NDArray[np.bool_]] = []
    raw: list[tuple[float, float]] = []
    grey = 0.0
    worst: list[Worst] = []
    with forms_of(student, most, quiet) as forms, _device(student) as device:
        maps: dict[str, list[Map]] = {form.name: [] for form in forms}
        scores: dict[str, list[float]] = {form.name: [] for form in forms}
        last = "INT8, openvino"
        trainer = next(form for form in forms if form.name == "INT8, torch")
        for name, frame in frames:
            field = find_field(frame)
            if field is None:
                continue
            names.append(name)
            fields.append(field.on_grid(manifest.grid))
            tensor = prepare(frame, field.crop, manifest.input_size, manifest.mean, manifest.std)
            for form in forms:
                found = form.infer(tensor)
                maps[form.name].append(found[0])
                scores[form.name].append(score_of(found, fields[-1], manifest.pooling))
            stepped = prepare_opencv(frame, field.crop, manifest.input_size, manifest.mean, manifest.std)
            levels = 255 * np.asarray(manifest.std, np.float32)[None, :, None, None]
            grey = max(grey, float((np.abs(tensor - stepped) * levels).max()))
            # Of the network alone: what light has taken, and whether there is a retina, is the device's own to say.
            device_score = score_of(device.engine.infer(tensor), fields[-1], manifest.pooling)
            raw.append((score_of(trainer.infer(stepped), fields[-1], manifest.pooling), device_score))
            pair = maps[forms[0].name][-1], maps[last][-1]
            apart, _ = map_difference(*pair, fields[-1])
            if len(worst) < WORST or apart > worst[-1].map_mae:
                masked = (pair[0] * fields[-1], pair[1] * fields[-1])
                worst = sorted([*worst, Worst(name, apart, cut(frame, field.crop, _SIDE), masked)], key=_apart)[:WORST]
    if not names:
        raise EdgeError("none of the frames to compare on shows a fundus: give photographs of eyes.")

    def beside(form: str, other: str) -> Parity:
        pairs = list(zip(maps[other], maps[form], strict=True))
        return compare(pairs, fields, list(zip(scores[other], scores[form], strict=True)), thresholds)

    rows = [
        ParityRow(f.name, beside(f.name, forms[0].name), f.before, beside(f.name, f.before), f.stage, f.most)
        for f in forms[1:]
    ]
    return FormsParity(tuple(rows), np.array(raw), grey, tuple(names), tuple(worst), beside)


def _device(student: StudentCheckpoint) -> QualityModel:
    return QualityModel(student.int8_bundle, open_engine(student.int8_bundle, "openvino"))


def _apart(worst: Worst) -> float:
    return -worst.map_mae
