from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("imagehash")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_no_photograph_is_lost_or_there_twice_after_kills(kind: str) -> None:
    command = [sys.executable, "-m", "benchmarks.studies.archive", "--count", "600", "--kills", "3", "--format", kind]
    run = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=1800, check=True
    )
    told = json.loads(run.stdout)
    assert (told["rows"], told["lost"], told["twice"]) == (600, 0, 0)
    assert [each["exit"] for each in told["runs"]] == [-9, -9, -9, 0]
