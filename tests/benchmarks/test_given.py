"""Files that edge-bench is given, and that have no end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.report import schema, tables
from benchmarks.roofline import predict
from edge.errors import EdgeError


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/zero")
@pytest.mark.parametrize("read", [schema.read_result, tables.read_page, predict._read])
def test_what_has_no_end_is_one_sentence(read: Callable[[Path], object]) -> None:
    with pytest.raises(EdgeError, match=r"^/dev/zero has more than \d+ MiB: .*\.$"):
        read(Path("/dev/zero"))
