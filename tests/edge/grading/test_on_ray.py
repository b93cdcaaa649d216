from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import psutil
import pytest

from edge.bundle.bundle import Bundle, default_model, read_bundle
from edge.errors import EdgeError
from edge.grading.inputs import Passed, stream_inputs
from edge.grading.table import on_ray
from edge.grading.table.on_ray import OnRay
from edge.grading.table.run import PLAIN, Grading
from edge.grading.table.table import Table
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

pytest.importorskip("pyarrow")
pytest.importorskip("imagehash")
ray: Any = pytest.importorskip(
    "ray", reason='GRADING ON A RAY CLUSTER IS NOT TESTED: ray is missing, pip install "efiqa-edge[ray]"'
)

COUNT = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, and one file that is none."""
    folder = tmp_path_factory.mktemp("eyes")
    for number in range(COUNT - 1):
        eye = cv2.resize(phantom_frame(number % 4), (240, 180))
        eye[0, 0] = number
        cv2.imwrite(str(folder / f"{number:02}.png"), eye)
    (folder / "bad.png").write_bytes(b"nothing")
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two cores on this machine."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled")
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def rows_of(table: Path) -> list[dict[str, object]]:
    return sorted(map(json.loads, table.read_text().splitlines()), key=lambda row: str(row["path"]))


def alone(folder: Path, table: Path) -> list[dict[str, object]]:
    """The rows of one process."""
    with QualityModel.load(threads=1) as model, Table(table) as kept:
        assert len(list(Grading(model, kept).rows(stream_inputs([folder], Passed())))) == COUNT
    return rows_of(table)


def workers() -> list[psutil.Process]:
    """Those that grade."""
    return [each for each in psutil.process_iter(["cmdline"]) if "MapWorker" in " ".join(each.info["cmdline"] or [])]


@pytest.mark.slow  # Ray needs a minute to start, and on a busy machine does not
def test_a_worker_that_ends_loses_nothing(folder: Path, cluster: None, tmp_path: Path) -> None:
    table, killed = tmp_path / "t.jsonl", list[int]()
    with Table(table) as kept, OnRay("ray", None, "auto", PLAIN, 2) as on_ray:
        for _ in Grading(on_ray, kept).rows(stream_inputs([folder], Passed())):
            if not killed:
                killed = [each.pid for each in workers()][:1]
                os.kill(killed[0], signal.SIGKILL)
    assert killed
    assert rows_of(table) == alone(folder, tmp_path / "alone.jsonl")


def test_a_cluster_that_is_none_is_told_of() -> None:
    with pytest.raises(EdgeError, match="is no cluster: give ray"):
        OnRay("head:10001", None, "auto", PLAIN)


@pytest.mark.parametrize(("address", "why"), [("127.0.0.1:1", "refused"), ("auto", "it is not HOST:PORT")])
def test_a_cluster_that_is_gone_is_not_waited_for(address: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(EdgeError, match=f"the cluster {address} is not reached .*{why}.*: check RAY_ADDRESS"):
        OnRay("ray", None, "auto", PLAIN)


def test_a_model_that_is_replaced_once_its_signature_was_checked_goes_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.efiqa"
    shutil.copy(default_model(), path)

    def read_and_replace(path: Path) -> Bundle:
        bundle = read_bundle(path)
        path.write_bytes(b"another model")
        return bundle

    monkeypatch.setattr(on_ray, "read_bundle", read_and_replace)
    with pytest.raises(EdgeError, match="was replaced while it was in use"):
        OnRay("head:10001", path, "auto", PLAIN)
