"""One model used by many threads, and many models one after the other."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.bundle import Bundle
from edge.engines.openvino import OpenVinoEngine
from edge.model import QualityModel
from edge.phantom.golden import golden_frame

MakeBundle = Callable[..., Bundle]


def test_eight_threads_get_the_scores_and_maps_of_one() -> None:
    frames = [golden_frame(seed) for seed in range(3)]
    with QualityModel.load(engine="openvino", threads=2) as model:
        alone = [model.assess(frame) for frame in frames]
        assert len({each.score for each in alone}) == len(frames)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            together = list(pool.map(model.assess, frames * 16))
        for index, found in enumerate(together):
            wanted = alone[index % len(frames)]
            assert (found.score, found.verdict) == (wanted.score, wanted.verdict)
            assert (found.map == wanted.map).all()
            assert (found.field == wanted.field).all()


def held() -> tuple[float, int, int]:
    """Resident memory in MiB, open files, threads."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files, threads = (len(list(Path(f"/proc/self/{name}").iterdir())) for name in ("fd", "task"))
    return pages * os.sysconf("SC_PAGESIZE") / 2**20, files, threads


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="what is held is read from Linux's /proc")
@pytest.mark.parametrize("times", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_loading_and_closing_leaks_nothing(make_bundle: MakeBundle, times: int) -> None:
    bundle, frame = make_bundle(), golden_frame(0)

    def load_and_close(count: int) -> None:
        for index in range(count):
            with QualityModel(bundle, OpenVinoEngine(bundle, threads=1)) as model:
                if index % 20 == 0:
                    model.assess(frame)

    load_and_close(20)
    memory, files, threads = held()
    load_and_close(times)
    after = held()
    assert after[0] - memory < 40
    assert after[1] <= files + 2
    assert after[2] <= threads + 2
