"""Small text files that a user names, and what is far more than one."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.capture.archive.study_file import read_study
from edge.errors import EdgeError
from edge.files.given import read_given
from edge.metrics.labels import read_truth

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes and devices")


@pytest.mark.parametrize("read", [read_truth, read_study], ids=["labels", "study"])
def test_what_has_no_end_is_one_sentence(read: Callable[[Path], Any]) -> None:
    if read is not read_truth:
        pytest.importorskip("pydicom")
    with pytest.raises(EdgeError, match=r"^/dev/zero has more than \d+ MiB: .*\.$"):
        read(Path("/dev/zero"))


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """As of the shell's ``<(...)``, which keeps a name out of any file."""
    os.mkfifo(tmp_path / "pipe")
    text = b"patient_id: 7\n" * 10_000
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(text))
    writer.start()
    assert read_given(tmp_path / "pipe", 1) == text
    writer.join()
