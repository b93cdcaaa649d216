"""A model that survives its engine: if one fails in mid-stream, it is restarted or replaced by another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edge.assessment import Assessment
from edge.bundle.bundle import Bundle, read_bundle
from edge.bundle.named import named_bundle
from edge.engines.choose import open_engine
from edge.engines.protocol import Engine
from edge.errors import EngineError, first_line
from edge.field.known import FieldOfView, field_setting
from edge.images.raw import Image
from edge.modality import check_fundus
from edge.model import QualityModel

_FALLBACK = "openvino"  # needs neither a GPU nor its driver
Done = TypeVar("Done")


class FailoverModel(QualityModel):
    """Like ``QualityModel``, for a stream: a frame on which the engine fails is graded by a new one.

    Attributes:
        restarts: how often an engine was restarted.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        reopen: Callable[[str], Engine],
        tell: Callable[[str], None],
        field: FieldOfView | None = None,
    ) -> None:
        """Take over an engine.

        Args:
            bundle: the model.
            engine: the first one.
            reopen: opens an engine by its name.
            tell: called with one sentence per restart.
            field: where the field of view is; None for the setting of the bundle.
        """
        super().__init__(bundle, engine, field)
        self.restarts = 0
        self.warn = tell
        self._reopen, self._tell = reopen, tell

    @classmethod
    def open(
        cls,
        path: Path | None,
        engine: str,
        threads: int | None,
        tell: Callable[[str], None],
        field: str | None = None,
    ) -> FailoverModel:
        """Open a bundle; see ``QualityModel.load``. If the field of view is not given, the session learns it.

        Raises:
            EdgeError: the bundle is damaged or of a newer schema, or the engine does not work here.
        """
        bundle = read_bundle(named_bundle(path))
        check_fundus(bundle.manifest, "edge-capture")
        theirs = bundle.manifest.field
        where = field_setting(field or ("learn" if theirs == "frame" else theirs))

        def reopen(name: str) -> Engine:
            return open_engine(bundle, name, threads)

        return cls(bundle, reopen(engine), reopen, tell, where)

    def assess(self, frame: Image) -> Assessment:
        """Grade one frame, if necessary on a new engine.

        Raises:
            InputError: the frame is not uint8 (H, W, 3), nor as a camera gave it.
            EngineError: neither the restarted engine nor the one for the CPU can grade it.
            EdgeError: no engine can grade the frame.
        """
        return self._with_restarts(lambda: super(FailoverModel, self).assess(frame), "in mid-stream")

    def warm_up(self) -> None:
        """Infer once, if necessary on a new engine.

        Raises:
            EngineError: neither the restarted engine nor the one for the CPU can.
        """
        self._with_restarts(super().warm_up, "at its first inference")

    def _with_restarts(self, work: Callable[[], Done], when: str) -> Done:
        """Do work that needs the engine; if it fails, repeat it on a new one."""
        try:
            return work()
        except EngineError as error:
            if self._closed:
                raise
            failure = error
        for name in dict.fromkeys((self.engine.name, _FALLBACK)):
            self._tell(f"the engine {self.engine.name} failed {when}; {name} is started: {failure}")
            try:
                self._replace(name)
                return work()
            except EngineError as error:
                failure = error
        raise failure

    def _replace(self, name: str) -> None:
        with contextlib.suppress(Exception):  # a broken engine may not even close
            self.engine.close()
        try:
            self.engine = self._reopen(name)
        except Exception as error:
            raise EngineError(first_line(error)) from error
        self.restarts += 1
