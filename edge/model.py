"""QualityModel: one frame, or a batch of them, through a bundle on an engine."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment, Timings, Verdict, check_frame
from edge.bundle.bundle import Bundle, Manifest, Thresholds, read_bundle
from edge.bundle.named import named_bundle
from edge.engines.choose import open_engine
from edge.engines.infer import infer_frame, infer_maps
from edge.engines.protocol import Engine
from edge.errors import EdgeError, EngineError, first_line
from edge.field.find import Field
from edge.field.known import Circle, FieldOfView, Mask, field_setting
from edge.field.misplaced import Placement, Spots
from edge.findings.photometry import light_of
from edge.frame.exposure import green_of, lost_to_light
from edge.images.raw import Image
from edge.modality import MODALITIES, Modality
from edge.score import regions_of, score_of

log = logging.getLogger(__name__)
ENOUGH_LIT = 0.2  # coverage from which the lit part of a frame shows whether it is a retina
LEAST_LIT = 0.85  # coverage below which no frame is usable: of 4,533 usable photographs of 15 sets 3 have less


class QualityModel:
    """A bundle on an engine, ready for frames.

    Example:
        >>> with QualityModel.load() as model:  # doctest: +SKIP
        ...     assessment = model.assess(cv2.imread("eye.jpg"))
        ...     print(assessment.verdict, assessment.score)
    """

    def __init__(self, bundle: Bundle, engine: Engine, field: FieldOfView | None = None) -> None:
        self.bundle = bundle
        self.engine = engine
        self.field = field if field is not None else field_setting(bundle.manifest.field)
        self.warn: Callable[[str], None] = log.warning  # called once if the given field is clearly wrong
        given = isinstance(self.field, (Circle, Mask))
        self._placement = Placement(str(self.field), lambda words: self.warn(words)) if given else None
        self._spots = Spots(lambda words: self.warn(words))
        self._closed = False

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        engine: str = "auto",
        threads: int | None = None,
        dla: int | None = None,
        field: str | Path | None = None,
        trust: Path | str | Sequence[Path | str] | None = None,
    ) -> QualityModel:
        """Open a bundle.

        Args:
            path: a ``.efiqa`` file; or the name of a model that ships with the package, ``default`` (which None is
                too), ``small`` or ``octa``.
            engine: ``auto``, ``openvino``, ``tensorrt`` or ``tensorrt_rtx``.
            threads: CPU threads for inference; None for all cores. Engines on a GPU ignore it.
            dla: number of a Jetson's deep-learning accelerator, for TensorRT; None for the GPU alone.
            field: where the camera's field of view is: ``circle:X,Y,R`` in pixels of the frame, the path of a mask,
                ``learn`` (from the clearest frames so far) or ``frame`` (from each frame alone); None for what the
                bundle says, which is ``frame`` unless its maker chose otherwise.
            trust: PEM files of Ed25519 public keys, or folders of such files: a bundle that none of them signed is
                refused; None for those that ``EFIQA_TRUST`` names, and where it is not set for any bundle.

        Raises:
            EdgeError: the bundle is damaged, of a newer schema or not signed as it should be, the field is not known,
                or the engine does not work here.
        """
        bundle = read_bundle(named_bundle(path), trust)
        where = field_setting(bundle.manifest.field if field is None else field)
        return cls(bundle, open_engine(bundle, engine, threads, dla), where)

    @property
    def manifest(self) -> Manifest:
        return self.bundle.manifest

    @property
    def modality(self) -> Modality:
        return MODALITIES[self.manifest.modality]

    def assess(self, frame: Image) -> Assessment:
        """Grade one frame.

        Args:
            frame: uint8 BGR, shape (H, W, 3), or ``Frame.picture``; see ``edge.images.read_image`` for files of any
                kind.

        Returns:
            Maps, score and verdict. A frame without a retina is a verdict, not an error: ``no_fundus``, or of another
            modality ``no_anatomy``.

        Raises:
            InputError: the frame is not uint8 (H, W, 3), such as None, which ``cv2.imread`` returns for a missing file.
            EngineError: the engine failed or returned invalid maps.
            MisfitError: the given field does not fit the frame.
            EdgeError: the model was closed, or the frame could not be graded for another reason, which is a bug.
        """
        check_frame(frame)
        self._check_open()
        try:
            return self._assess(frame)
        except EdgeError:
            raise
        except Exception as error:
            raise EdgeError(
                f"this frame could not be graded ({type(error).__name__}: {first_line(error)}): leave it out, and "
                "report it with the frame, which efiqa-edge should have graded."
            ) from error

    def warm_up(self) -> None:
        """Infer once on an empty tensor: the first inference is slow, and shows whether the engine works.

        Raises:
            EngineError: the engine failed or returned invalid maps.
            EdgeError: the model was closed.
        """
        self._check_open()
        size = self.manifest.input_size
        infer_maps(self.bundle, self.engine, np.zeros((1, 3, size, size), np.float32))

    def _assess(self, frame: Image) -> Assessment:
        start = time.perf_counter()
        field = self.field.of(frame)
        if field is None:
            spent = (time.perf_counter() - start) * 1000
            nothing = np.ones((self.manifest.grid, self.manifest.grid), np.float32)
            return Assessment(
                0.0, self.modality.absent, nothing, nothing < 0, None, Timings(spent, 0.0, 0.0), {}, 0.0,
                explained=self.modality.explained,
            )  # fmt: skip

        def within(other: Field) -> Verdict:
            return self._within(frame, other, time.perf_counter()).verdict

        assessment = self._within(frame, field, start)
        if assessment.verdict in ("good", "usable"):
            self.field.learn(frame, field, assessment.coverage)
        if self._placement is not None:
            self._placement.look(frame, field, assessment.verdict, within)
        elif field.spot is not None:
            self._spots.look(field.spot, within)
        return assessment

    def _within(self, frame: Image, field: Field, start: float) -> Assessment:
        """Grade a frame within this field of view."""
        grid, modality = self.manifest.grid, self.modality
        mean, std = self.manifest.mean, self.manifest.std
        looked = infer_frame(self.bundle, self.engine, frame, field.crop)
        maps, cells = looked.maps, field.on_grid(grid)
        light, seen = light_of(looked.tensor, looked.light, grid, mean, std)
        dark_or_burnt = lost_to_light(light, cells) if modality.lit else np.zeros_like(cells)
        seen_maps = maps.copy()
        degradation = seen_maps[0]
        degradation[dark_or_burnt] = 1
        if field.spot is not None:  # around the spot there may be lost cells or no field at all
            degradation[~field.spot_on_grid(grid)] /= 2
        regions = regions_of(seen_maps)
        score = score_of(seen_maps, cells, self.manifest.pooling)
        coverage = 1 - float(dark_or_burnt.sum()) / max(int(cells.sum()), 1)
        if field.spot is not None or coverage < LEAST_LIT:  # in doubt no frame is usable
            score = min(score, math.nextafter(self.manifest.thresholds.usable, 0.0))
        verdict = decide(score, self.manifest.thresholds)
        passes = verdict in ("good", "usable")
        if verdict != "good" or modality.sure:  # lashes and folds of skin may pass for vessels
            lit = not passes and modality.lit and self._sound_where_lit(maps, cells & ~dark_or_burnt, coverage)
            if not (lit or modality.shows(light, green_of(looked.tensor, mean, std), maps, cells)):
                score, verdict, regions = 0.0, modality.absent, {}
            elif not passes:
                verdict = "reject"
        moments = start, looked.prepared, looked.inferred, time.perf_counter()
        timings = Timings(*(1000 * (end - begin) for begin, end in itertools.pairwise(moments)))
        photo = seen if modality.explained else None
        return Assessment(
            score, verdict, degradation, cells, field.crop, timings, regions, coverage, photo, modality.explained
        )

    def _sound_where_lit(self, maps: NDArray[np.float32], lit: NDArray[np.bool_], coverage: float) -> bool:
        """Whether the lit part of the field would pass by itself: then it is a retina, though half in shadow."""
        return coverage >= ENOUGH_LIT and score_of(maps, lit, self.manifest.pooling) >= self.manifest.thresholds.usable

    def _check_open(self) -> None:
        if self._closed:
            raise EdgeError("this model was closed: load it again to assess a frame.")

    def close(self) -> None:
        """Free the engine's memory; may be called twice."""
        if self._placement is not None and not self._closed:
            self._placement.close()
        self._closed = True
        self.engine.close()

    def __enter__(self) -> QualityModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def assess_batch(model: QualityModel, images: Iterable[NDArray[np.uint8]]) -> Iterator[Assessment | EdgeError]:
    """Grade the images of an archive, one after the other as they are asked for; ``grade_files`` reads files.

    Args:
        model: what grades them.
        images: uint8 BGR, each (H, W, 3) of its own; taken as needed, so that they need not fit into memory.

    Yields:
        For each image, in its order, what ``model.assess`` gives; where that fails, its error, which stops nothing.

    Raises:
        EngineError: the engine failed, which is no fault of the image.

    Example:
        >>> for path, found in zip(paths, assess_batch(model, map(cv2.imread, paths))):  # doctest: +SKIP
        ...     print(path, found if isinstance(found, EdgeError) else found.verdict)
    """
    for image in images:
        try:
            yield model.assess(image)
        except EngineError:
            raise
        except EdgeError as error:
            yield error


def decide(score: float, thresholds: Thresholds) -> Verdict:
    """Verdict of a quality score alone; ``QualityModel`` looks again at what is not usable."""
    if score < thresholds.fundus:
        return "no_fundus"
    if score < thresholds.usable:
        return "reject"
    return "usable" if score < thresholds.good else "good"
