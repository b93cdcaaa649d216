"""Rows made on a Ray cluster by what makes them on one machine; where a worker ends, Ray Data does its work again."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import itertools
import logging
import os
import pickle
import socket
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.bundle.bundle import Bundle, read_bundle
from edge.bundle.named import named_bundle
from edge.errors import EdgeError, brief, reason_of
from edge.grading.grader import Graded, Grader
from edge.grading.inputs import Input
from edge.grading.table.columns import Row
from edge.grading.table.made import Asked, RowsOf, lean
from edge.model import QualityModel
from edge.sources.shared import Shared

_PART = 20_000  # photographs that Ray is given at a time: what bounds the memory here
_SECONDS = 20  # that a cluster may take to answer
_BATCH = 16  # that one worker is handed at a time, and does again where it ends in between


@dataclass(frozen=True)
class _Job:
    """What a worker needs. The model goes along: a worker has no other, and a signature was checked at the start."""

    bundle: bytes
    engine: str
    asked: Asked
    folder: str


class OnRay:
    """What makes rows on a cluster; see ``Makes``. They come in any order.

    Attributes:
        bundle: the model.
        by: its SHA-256, and the settings.
    """

    def __init__(self, where: str, model: Path | None, engine: str, asked: Asked, most: int | None = None) -> None:
        """Connect.

        Args:
            where: ``ray``: the cluster that ``RAY_ADDRESS`` names, or else one that is started on this machine, and
                ends with the run.
            model: the bundle's file; None for the default.
            engine: its name, or ``auto``.
            asked: how photographs are graded.
            most: workers at most; all cores of the cluster without it.

        Raises:
            EdgeError: Ray is missing, the cluster is not reached, or the model cannot be read, or was replaced now.
        """
        path = named_bundle(model)
        self.bundle: Bundle = read_bundle(path)
        self.by = (self.bundle.sha256, str(asked))
        self._job = _Job(_bytes_of(self.bundle), engine, asked, os.getcwd())  # noqa: PTH109
        self._ray, self._ours = _connected(where)
        self._workers = most or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def rows(self, lacking: Callable[[Shared], Iterator[Input]]) -> Generator[tuple[Graded, Row], None, None]:
        """See ``Makes``."""
        data = importlib.import_module("ray.data")
        with Shared() as shared:
            inputs = lacking(shared)
            while part := [{"input": pickle.dumps(each)} for each in itertools.islice(inputs, _PART)]:
                made = data.from_items(part, override_num_blocks=-(-len(part) // _BATCH)).map_batches(
                    _Worker,
                    fn_constructor_args=(self._job,),
                    batch_size=_BATCH,
                    compute=data.ActorPoolStrategy(min_size=1, max_size=self._workers),
                    num_cpus=1,
                )
                try:
                    for found in made.iter_rows():
                        yield pickle.loads(found["made"])
                except self._ray.exceptions.RayError as error:
                    raise EdgeError(
                        f"the cluster failed ({brief(error)}): run the same command again, which goes on from here."
                    ) from error

    def close(self) -> None:
        """Leave the cluster, if it was entered for this; may be called twice."""
        if self._ours:
            self._ray.shutdown()

    def __enter__(self) -> OnRay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _bytes_of(bundle: Bundle) -> bytes:
    """The file again: its signature was checked when it was read first, and another file has none that was.

    Raises:
        EdgeError: it is gone, or another one.
    """
    try:
        data = bundle.path.read_bytes()
    except OSError as error:
        raise EdgeError(f"{bundle.path} cannot be read ({reason_of(error)}): check its permissions.") from error
    if hashlib.sha256(data).hexdigest() != bundle.sha256:
        raise EdgeError(f"{bundle.path} was replaced while it was in use: run the same command again.")
    return data


class _Worker:
    """On a machine of the cluster: one process, one core."""

    def __init__(self, job: _Job) -> None:
        with contextlib.suppress(ImportError):
            importlib.import_module("cv2").setNumThreads(1)
        try:
            os.chdir(job.folder)  # paths are as they were given
        except OSError:
            raise EdgeError(
                f"this machine has no folder {job.folder}, in which edge-grade was started: share it."
            ) from None
        with tempfile.NamedTemporaryFile(suffix=".efiqa") as file:
            file.write(job.bundle)
            file.flush()
            model = QualityModel.load(file.name, job.engine, 1, field=job.asked.field)
        self._rows = RowsOf(Grader(model, job.asked.bits), job.asked)
        self._shared = Shared()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Grade what ``input`` holds; ``made`` is the rows."""
        return {"made": [pickle.dumps(self._made(pickle.loads(each))) for each in batch["input"]]}

    def _made(self, item: Input) -> tuple[Graded, Row]:
        return lean(*self._rows.of(self._shared, item))


def _connected(where: str) -> tuple[Any, bool]:
    """Ray, connected, and whether that was done now: a program may have done it before.

    Raises:
        EdgeError: it is missing, or the cluster is not reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
    try:
        ray = importlib.import_module("ray")
        context = importlib.import_module("ray.data").DataContext.get_current()
    except ImportError as error:
        raise EdgeError(f'--on ray needs {error.name}: pip install "efiqa-edge[ray]".') from error
    if where.startswith("ray://"):  # Ray Data does not run from a machine that is only connected
        raise EdgeError(f"{where} is reached from within: start edge-grade on a machine of the cluster, with --on ray.")
    if where != "ray":
        raise EdgeError(f"{where} is no cluster: give ray, or an address that RAY_ADDRESS names.")
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # the run has its own progress
    if ray.is_initialized():
        return ray, False
    address = os.environ.get("RAY_ADDRESS") or "local"  # by itself, Ray also takes what an ended cluster has left
    try:
        if address != "local":
            _reached(address)
        ray.init(address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # Ray's own and those of gRPC
        raise EdgeError(
            f"the cluster {address} is not reached ({brief(error)}): check RAY_ADDRESS, and that it runs, with "
            "the same Ray and Python as this machine."
        ) from error
    return ray, True


def _reached(address: str) -> None:
    """Find the head of a cluster: Ray itself waits for one that is gone without an end.

    Raises:
        OSError: nothing answers there.
        EdgeError: it is no address.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise EdgeError("it is not HOST:PORT")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
