from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from benchmarks.roofline.cores import predict_frames, processor_ms, seven_zip_mips, to_the_hint
from benchmarks.roofline.predict import Device, Prediction, find_device
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

INFERENCE = Prediction("Orin Nano", "its data sheet", 0.2, 0.25, 0.3, 1.1)
DEVICE = Device("Orin Nano", 33, 17, 102, "its data sheet", 2000, "somebody")
SAID = """
25:        692    28   2781    791  |      15552    36   3805   1384
----------------------------------  | ------------------------------
Avr:       753    28   2821    791  |      13966    31   3902   1219
Tot:              30   4000   1005
"""


def write_seven_zip(program: Path, says: str) -> None:
    """A program in the place of 7-Zip."""
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_frame_takes_what_its_parts_take() -> None:
    frame = to_the_hint(INFERENCE, DEVICE, 2.0, 4000).frame
    assert frame is not None
    assert frame.low_ms == pytest.approx(0.2 + 2 * 2)
    assert frame.high_ms == pytest.approx(0.3 + 2 * 2 * 2)
    assert (frame.slower, frame.source) == (2, "somebody")


def test_without_a_figure_of_its_cores_there_is_none() -> None:
    assert to_the_hint(INFERENCE, Device("Mine", 33, 17, 102, "its data sheet"), 2.0, 4000).frame is None


@pytest.mark.parametrize(("says", "mips"), [(SAID, 4000), ("7-Zip: no", None)])
def test_the_total_for_one_core_is_read(
    says: str, mips: float | None, seven_zip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_seven_zip(tmp_path / seven_zip, says)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert seven_zip_mips() == mips


def test_the_whole_frame_is_predicted_from_what_is_measured_here(
    seven_zip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_seven_zip(tmp_path / seven_zip, SAID)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with QualityModel.load() as model:
        nano, agx = predict_frames(model, [phantom_frame(0)], ["orin-nano", "agx-orin"])
    assert nano.frame is not None
    assert nano.frame.slower == pytest.approx(4000 / 2379)
    assert nano.frame.low_ms > nano.low_ms + nano.frame.here_ms > nano.low_ms
    assert "sbc-bench" in nano.frame.source
    assert agx.frame is None  # nobody has published one of its cores


def test_the_time_of_a_core_is_that_beside_the_inference() -> None:
    with QualityModel.load() as model:
        here_ms = processor_ms(model, [phantom_frame(0)], runs=3)
        whole = model.assess(phantom_frame(0)).timings
    assert here_ms > 0
    assert whole.frame_ms > 0


def test_a_published_core_names_who_published_it() -> None:
    for name in ("orin-nano", "orin-nx"):
        device = find_device(name)
        assert device.core_mips is not None
        assert "sbc-bench" in device.core_source
