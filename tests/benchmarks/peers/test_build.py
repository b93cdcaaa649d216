"""Peers are made by packages that a device lacks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.peers.build import PEERS, build_peer
from edge.errors import EdgeError


def test_the_extra_of_transformers_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxsim")  # here, since it takes seconds
    pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EdgeError, match=r'needs transformers: pip install "efiqa-edge\[train,dino\]"'):
        build_peer(next(peer for peer in PEERS if peer.network == "vit_s16"), tmp_path)
