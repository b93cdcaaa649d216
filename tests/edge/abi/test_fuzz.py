"""The C ABI under libFuzzer and the sanitizers, for ``EFIQA_FUZZ_SECONDS`` (60), and shortly in every run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SECONDS = int(os.environ.get("EFIQA_FUZZ_SECONDS", "60"))
FEWEST = 100  # calls: less is a fuzzer that hangs


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("clang++") is None or shutil.which("cmake") is None:
        pytest.skip("CLANG OR CMAKE IS NOT INSTALLED: THE C ABI WAS NOT FUZZED")
    folder = tmp_path_factory.mktemp("fuzz")
    run("cmake", "--preset", "fuzz", "-B", folder)
    run("cmake", "--build", folder, "--target", "efiqa_fuzz", "-j", "2")
    return folder / "edge" / "native" / "efiqa_fuzz"


def run(*command: object) -> str:
    done = subprocess.run([str(c) for c in command], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS + 1800)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr


def calls(fuzzer: Path, seconds: int, seed: int) -> int:
    folder = fuzzer.parent
    limits = (f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=60", "-rss_limit_mb=2048")
    limits += ("-max_len=4096", "-len_control=0")  # long from the start
    printed = run(fuzzer, *limits, f"-artifact_prefix={folder}/")
    (number,) = re.findall(r"Done (\d+) runs", printed)
    return int(number)


def test_a_short_run_finds_nothing(fuzzer: Path) -> None:
    assert calls(fuzzer, 10, 1) >= FEWEST


@pytest.mark.slow
def test_a_long_run_finds_nothing(fuzzer: Path) -> None:
    assert calls(fuzzer, SECONDS, os.getpid()) >= FEWEST
