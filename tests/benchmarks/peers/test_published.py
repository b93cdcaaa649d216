from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.peers import published as reference
from benchmarks.peers.published import VIT_L16, PeerBackbone, build_reference, compare, ratio_interval, why_no_reference

needs_train = pytest.mark.skipif(why_no_reference() is not None, reason="the train extra is not installed")
TINY = PeerBackbone("tiny", 32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=64)
Drawn = Callable[[int], NDArray[np.uint8]]
FRAME = np.zeros((8, 8, 3), np.uint8)


def sleeper(clock: Any, milliseconds: float) -> reference.FrameToMap:
    def call(frame: NDArray[np.uint8]) -> None:
        clock.sleep(milliseconds / 1000)

    return call


@needs_train
def test_a_tiny_transformer_of_the_same_kind_yields_a_map(drawn: Drawn) -> None:
    frame_to_map = build_reference(TINY, threads=1)
    one, two = frame_to_map(drawn(0)), frame_to_map(drawn(1))
    assert one.shape == (TINY.grid, TINY.grid) == (4, 4)
    assert one.dtype == np.float32
    assert (one > 0).all()
    assert (one < 1).all()
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(frame_to_map(drawn(0)), one)


@needs_train
def test_a_frame_without_a_retina_is_refused() -> None:
    with pytest.raises(ValueError, match="field of view"):
        build_reference(TINY, threads=1)(np.zeros((64, 64, 3), np.uint8))


@needs_train
@pytest.mark.slow
def test_the_reference_has_the_size_of_vit_l16(drawn: Drawn) -> None:
    frame_to_map = build_reference(VIT_L16, threads=1)
    assert frame_to_map(drawn(0)).shape == (14, 14)
    parts = [cell.cell_contents for cell in frame_to_map.__closure__ or ()]
    networks = [part for part in parts if hasattr(part, "parameters")]
    modules = {type(module).__name__: module for network in networks for module in network.children()}
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in modules.items()}
    assert counts == {"DINOv3ViTModel": 303_129_600, "Conv2d": 1025}
    assert {str(p.dtype) for module in modules.values() for p in module.parameters()} == {"torch.float32"}


def test_the_benchmark_needs_no_torch() -> None:
    code = "import benchmarks.commands.group, sys; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found("sys"))
    sentence = why_no_reference()
    assert sentence is not None
    assert "torch" in sentence
    assert 'pip install "efiqa-edge[train,dino]"' in sentence


def test_compare_takes_turns_and_finds_the_ratio(clock: Any) -> None:
    order: list[str] = []

    def ours(frame: NDArray[np.uint8]) -> None:
        order.append("A")
        clock.sleep(0.001)

    def theirs(frame: NDArray[np.uint8]) -> None:
        order.append("B")
        clock.sleep(0.02)

    compared = compare("slow", ours, theirs, [FRAME], blocks=4)
    assert "".join(order) == "BB" + ("A" * 25 + "B") * 4
    assert (compared.ours_runs, compared.reference_runs) == (80, 4)
    assert compared.low <= compared.times_faster <= compared.high
    assert compared.times_faster == pytest.approx(compared.reference_ms / compared.ours_ms)
    assert compared.times_faster == pytest.approx(20, rel=0.01)
    assert not compared.interrupted


def test_ctrl_c_keeps_the_blocks_that_are_done(clock: Any) -> None:
    def stop(done: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    compared = compare("slow", sleeper(clock, 0.1), sleeper(clock, 1), [FRAME], blocks=9, tick=stop)
    assert compared.interrupted
    assert compared.reference_runs == 3


def test_ctrl_c_before_two_blocks_is_passed_on(clock: Any) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare("slow", sleeper(clock, 0.1), sleeper(clock, 1), [FRAME], blocks=9, tick=stop)


def test_the_interval_covers_the_true_ratio_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(4)
    covered = 0
    for _ in range(100):
        drift = 1 + 0.1 * generator.random(10)  # hits both of a block
        ours = 5 * drift[:, None] * (1 + 0.05 * generator.random((10, 20)))
        theirs = 1000 * drift * (1 + 0.05 * generator.random(10))
        low, high = ratio_interval(ours, theirs, draws=400)
        covered += low <= 200 <= high
    assert covered >= 85


def test_the_interval_of_steady_runs_is_a_point() -> None:
    low, high = ratio_interval(np.full((10, 20), 4.0), np.full(10, 800.0))
    assert low == high == pytest.approx(200.0)
