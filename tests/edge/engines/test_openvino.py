from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle, default_model, read_bundle
from edge.engines.openvino import OpenVinoEngine
from edge.errors import EdgeError

MakeBundle = Callable[..., Bundle]


def images(count: int, size: int = 32) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(1)
    return [random.normal(0, 1, (1, 3, size, size)).astype(np.float32) for _ in range(count)]


def reference(tensor: NDArray[np.float32], maps: int) -> NDArray[np.float32]:
    """The tiny network of conftest.py in numpy."""
    quantized = np.clip(np.rint(tensor[0].astype(np.float64) / 0.01), -128, 127) * 0.01
    weights = np.random.default_rng(0).integers(-127, 128, (maps, 3, 8, 8)) * 0.001
    blocks = quantized.reshape(3, 4, 8, 4, 8)
    sums = np.einsum("cyaxb,kcab->kyx", blocks, weights) + 0.1
    return np.asarray(1 / (1 + np.exp(-sums)), dtype=np.float32)


@pytest.mark.parametrize("maps", [1, 3])
def test_the_maps_are_the_network_s(make_bundle: MakeBundle, maps: int) -> None:
    engine = OpenVinoEngine(make_bundle(maps=maps))
    for tensor in images(5):
        found = engine.infer(tensor)
        assert found.dtype == np.float32
        assert found.shape == (maps, 4, 4)
        np.testing.assert_allclose(found, reference(tensor, maps), atol=0.005)


def test_a_map_belongs_to_its_caller(make_bundle: MakeBundle) -> None:
    engine = OpenVinoEngine(make_bundle())
    first, second = images(2)
    kept = engine.infer(first)
    copy = kept.copy()
    assert not np.array_equal(engine.infer(second), copy)
    np.testing.assert_array_equal(kept, copy)


def test_eight_threads_get_the_right_maps(make_bundle: MakeBundle) -> None:
    engine = OpenVinoEngine(make_bundle(), threads=2)
    tensors = images(16)
    wanted = [engine.infer(tensor) for tensor in tensors]
    assert len({each.tobytes() for each in wanted}) == len(wanted)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(engine.infer, tensors * 40))
    for index, degradation in enumerate(got):
        np.testing.assert_array_equal(degradation, wanted[index % len(wanted)])


def test_the_cached_engine_gives_the_same_map(make_bundle: MakeBundle, own_cache: Path) -> None:
    bundle, tensor = make_bundle(), images(1)[0]
    fresh = OpenVinoEngine(bundle).infer(tensor)
    assert len(list(own_cache.glob("*.engine"))) == 1
    assert OpenVinoEngine(bundle).built.cached
    np.testing.assert_array_equal(OpenVinoEngine(bundle, threads=1).infer(tensor), fresh)
    assert len(list(own_cache.glob("*.engine"))) == 1


def test_a_tampered_engine_is_built_again(make_bundle: MakeBundle, own_cache: Path) -> None:
    bundle, tensor = make_bundle(), images(1)[0]
    fresh = OpenVinoEngine(bundle).infer(tensor)
    (path,) = own_cache.glob("*.engine")
    sound = bytearray(path.read_bytes())
    for place in range(0, len(sound), len(sound) // 3):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 255]) + sound[place + 1 :])
        np.testing.assert_array_equal(OpenVinoEngine(bundle).infer(tensor), fresh)
        assert OpenVinoEngine(bundle).built.cached


def test_an_engine_that_openvino_refuses_is_built_again(make_bundle: MakeBundle, own_cache: Path) -> None:
    """A sound file by its sidecar, but of another OpenVINO or CPU."""
    from edge.engines.cache import sidecar

    bundle, tensor = make_bundle(), images(1)[0]
    fresh = OpenVinoEngine(bundle).infer(tensor)
    built = OpenVinoEngine(bundle).built
    assert built.path is not None
    built.path.write_bytes(b"an engine from elsewhere")
    built.path.with_suffix(".json").write_bytes(sidecar(built.key, b"an engine from elsewhere"))
    np.testing.assert_array_equal(OpenVinoEngine(bundle).infer(tensor), fresh)
    assert OpenVinoEngine(bundle).built.data != b"an engine from elsewhere"


def test_the_default_model_runs() -> None:
    bundle = read_bundle(default_model())
    size, grid = bundle.manifest.input_size, bundle.manifest.grid
    maps = OpenVinoEngine(bundle).infer(images(1, size)[0])
    assert maps.shape == (len(bundle.manifest.maps), grid, grid)
    assert maps.min() >= 0
    assert maps.max() <= 1


def test_it_describes_itself(make_bundle: MakeBundle) -> None:
    engine = OpenVinoEngine(make_bundle(), threads=1)
    about = engine.describe()
    assert engine.name == about["runtime"] == "openvino"
    assert about["precision"] == "int8"
    assert about["threads"] == "1"
    assert about["version"]
    assert about["device"]


def test_close_twice_then_infer(make_bundle: MakeBundle) -> None:
    engine = OpenVinoEngine(make_bundle())
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.infer(images(1)[0])


@pytest.mark.parametrize("tensor", [np.zeros((1, 3, 32, 31), np.float32), np.zeros((1, 3, 32, 32))])
def test_another_tensor_is_refused(make_bundle: MakeBundle, tensor: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="float32 with shape"):
        OpenVinoEngine(make_bundle()).infer(tensor)


def test_no_threads(make_bundle: MakeBundle) -> None:
    with pytest.raises(EdgeError, match="at least 1"):
        OpenVinoEngine(make_bundle(), threads=0)


@pytest.mark.parametrize("onnx", [b"", b"garbage" * 100])
def test_a_network_that_is_no_onnx(make_bundle: MakeBundle, onnx: bytes) -> None:
    bundle = dataclasses.replace(make_bundle(name="bad.efiqa"), onnx=onnx)
    with pytest.raises(EdgeError, match=r"bad\.efiqa.*edge-calibrate"):
        OpenVinoEngine(bundle)


def test_an_unknown_operator_is_named(make_bundle: MakeBundle) -> None:
    onnx = make_bundle().onnx.replace(b"\x22\x04Conv", b"\x22\x04Warp")
    with pytest.raises(EdgeError, match=r"bad\.efiqa.*Warp"):
        OpenVinoEngine(dataclasses.replace(make_bundle(name="bad.efiqa"), onnx=onnx))


def test_a_network_unlike_its_manifest(make_bundle: MakeBundle) -> None:
    with pytest.raises(EdgeError, match=r"bad\.efiqa has inputs .*32, 32.* manifest says .*64, 64"):
        OpenVinoEngine(make_bundle(name="bad.efiqa", input_size=64))


def test_a_cached_engine_is_checked_against_the_manifest_too(make_bundle: MakeBundle) -> None:
    OpenVinoEngine(make_bundle()).close()
    with pytest.raises(EdgeError, match="manifest says"):
        OpenVinoEngine(make_bundle(name="bad.efiqa", grid=2))


@pytest.mark.parametrize(("given", "said"), [(1, 3), (3, 1)])
def test_a_network_of_more_or_fewer_maps_than_its_manifest(make_bundle: MakeBundle, given: int, said: int) -> None:
    onnx = make_bundle(maps=given).onnx
    with pytest.raises(
        EdgeError, match=rf"bad\.efiqa has .* outputs .*1, {given}, 4, 4.* manifest says .*1, {said}, 4, 4"
    ):
        OpenVinoEngine(make_bundle(onnx, "bad.efiqa", maps=said))


_AFFINITIES = """
import contextlib, os, threading
import numpy as np
from edge.bundle.bundle import default_model, read_bundle
from edge.engines.openvino import OpenVinoEngine

bundle = read_bundle(default_model())
engine = OpenVinoEngine(bundle, threads=1)
tensor = np.zeros((1, 3, bundle.manifest.input_size, bundle.manifest.input_size), np.float32)

def look(seen, done):
    while not done.is_set():
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(OSError):  # it has ended
                seen.add(frozenset(os.sched_getaffinity(int(thread))))

for _ in range(20):  # threads that compiled the network may be tied until they end; an engine is in every round
    seen, done = set(), threading.Event()
    looking = threading.Thread(target=look, args=(seen, done))
    looking.start()
    for _ in range(20):
        engine.infer(tensor)
    done.set()
    looking.join()
    if seen == {frozenset(os.sched_getaffinity(0))}:
        break
else:
    raise AssertionError(seen)
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="not Linux")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="ONE CORE: WHETHER AN ENGINE IS TIED TO IT IS NOT TESTED")
def test_an_engine_of_one_thread_is_not_tied_to_a_core() -> None:
    """In a process of its own, as engines of all threads are; several such processes would share the first core."""
    run = subprocess.run([sys.executable, "-c", _AFFINITIES], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
