"""Endless files as input of edge-bench."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.report import schema, tables
from benchmarks.roofline import predict
from edge.errors import EdgeError
from trainer.pages import split_page

READ_PAGE = functools.partial(split_page, begin=tables.BEGIN, end=tables.END)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/zero")
@pytest.mark.parametrize("read", [schema.read_result, READ_PAGE, predict._read])
def test_what_has_no_end_is_one_sentence(read: Callable[[Path], object]) -> None:
    with pytest.raises(EdgeError, match=r"^/dev/zero has more than \d+ MiB: .*\.$"):
        read(Path("/dev/zero"))
