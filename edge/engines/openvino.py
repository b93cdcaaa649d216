"""The engine on a CPU: OpenVINO."""

from __future__ import annotations

import io
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle
from edge.engines.cache import CURRENT, Built, Key, engine_key, open_cached
from edge.engines.checks import check_network, check_tensor, loading
from edge.engines.explain import EngineLayer, from_openvino
from edge.engines.quiet import import_openvino
from edge.engines.verify import Facts, verify
from edge.errors import EdgeError

# Some CPUs would run the float layers in bfloat16, and one bundle would score differently from machine to machine.
_CONFIG: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
# OpenVINO gives each thread a core, from the first one on: two engines of one thread, each in a process of its own,
# would share one core and leave the other idle.
_UNPINNED: dict[str, Any] = {"ENABLE_CPU_PINNING": False}


class OpenVinoEngine:
    """A student on the cores of this machine; ``infer`` may be called by many threads.

    Attributes:
        built: the engine as it lies in the cache.
        verified: how it was compared with its network, see ``edge.engines.verify``.

    Example:
        >>> engine = OpenVinoEngine(read_bundle(default_model()), threads=2)  # doctest: +SKIP
    """

    name = "openvino"

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """Load a bundle's engine from the cache, or compile it.

        Args:
            bundle: the model.
            threads: for one inference; None for all cores.

        Raises:
            EdgeError: OpenVINO is not installed, or cannot take the network.
        """
        if threads is not None and threads < 1:
            raise EdgeError(f"{threads} threads cannot run a network: ask for at least 1")
        openvino, core = _start()
        self._config = dict(_CONFIG) if threads is None else {**_CONFIG, **_UNPINNED, "INFERENCE_NUM_THREADS": threads}
        # With the latency hint one inference uses all threads, so a second request would only wait inside OpenVINO.
        self._lock = threading.Lock()
        self._request: Any = None
        self._model: Any = None
        self._about: dict[str, str] = {}
        manifest = bundle.manifest
        self._size, self._shape = manifest.input_size, (len(manifest.maps), manifest.grid, manifest.grid)
        self.verified: Facts = {}

        def check(_: None, built: Built) -> None:
            self.verified = verify(self, bundle, built)

        _, self.built = open_cached(
            _key(openvino, core, bundle),
            lambda: _build(core, bundle),
            lambda blob: self._load(openvino, core, blob, bundle),
            check,
        )

    def _load(self, openvino: Any, core: Any, blob: bytes, bundle: Bundle) -> None:
        try:
            model = core.import_model(blob, "CPU", self._config)
        except Exception as error:  # openvino raises RuntimeError of many kinds, and its bindings TypeError
            raise EdgeError(
                f"OpenVINO refuses the engine ({_reason(error)}): install openvino 2025.2 or newer"
            ) from error
        check_network(bundle, [_shape(each) for each in model.inputs], [_shape(each) for each in model.outputs])
        self._about = {
            "runtime": "openvino",
            "version": str(openvino.get_version()),
            "device": str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip(),
            "precision": bundle.manifest.precision,
            "threads": str(model.get_property("INFERENCE_NUM_THREADS")),
        }
        self._request, self._model = model.create_infer_request(), model

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 RGB (1, 3, S, S) -> the manifest's maps, float32 (K, grid, grid) in [0, 1]; the caller's own copy.

        Raises:
            ValueError: another shape or type, or the engine is closed.
        """
        check_tensor(tensor, self._size)
        with self._lock:
            if self._request is None:
                raise ValueError("the engine is closed")
            outputs = self._request.infer({0: tensor}, share_inputs=True, share_outputs=True)
            return np.array(outputs[0], dtype=np.float32).reshape(self._shape)

    def describe(self) -> dict[str, str]:
        """Runtime, version, device, precision and threads."""
        return dict(self._about)

    def layers(self) -> list[EngineLayer]:
        """What OpenVINO runs, fused as it runs it."""
        with self._lock:
            if self._model is None:
                raise ValueError("the engine is closed")
            return from_openvino(self._model)

    def close(self) -> None:
        """Free the memory; may be called twice."""
        with self._lock:
            self._request = self._model = None


def openvino_key(bundle: Bundle) -> Key:
    """The key of a bundle's engine on this machine; raises UnavailableError where OpenVINO is not installed."""
    openvino, core = _start()
    return _key(openvino, core, bundle)


def _start() -> tuple[Any, Any]:
    """The module and its core."""
    with loading("OpenVINO", 'pip install "efiqa-edge[cpu]"'):
        openvino = import_openvino()
        core = openvino.Core()
    return openvino, core


def _key(openvino: Any, core: Any, bundle: Bundle) -> Key:
    """Threads are not in it: the blob holds the optimised network, and the threads are chosen when it is loaded."""
    abilities = " ".join(sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
    device = f"{core.get_property('CPU', 'FULL_DEVICE_NAME')} {abilities}"
    options = " ".join(f"{name}={value}" for name, value in _CONFIG.items())
    return engine_key(bundle, "openvino", openvino.get_version(), options, CURRENT, device)


def _build(core: Any, bundle: Bundle) -> bytes:
    blob = io.BytesIO()
    try:
        model = core.read_model(bundle.onnx)
        check_network(bundle, [_shape(each) for each in model.inputs], [_shape(each) for each in model.outputs])
        # Into a stream: what export_model returns without one differs between versions.
        core.compile_model(model, "CPU", _CONFIG).export_model(blob)
    except EdgeError:
        raise
    except Exception as error:  # openvino raises RuntimeError of many kinds
        raise EdgeError(
            f"OpenVINO cannot take the network in {bundle.path} ({_reason(error)}): "
            "make the bundle again with edge-calibrate"
        ) from error
    return blob.getvalue()


def _shape(port: Any) -> tuple[int, ...]:
    return tuple(side.get_length() if side.is_static else -1 for side in port.partial_shape)


def _reason(error: BaseException) -> str:
    """OpenVINO's message without the source locations at its start."""
    lines = [line.strip() for line in str(error).splitlines()]
    useful = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return " ".join(useful)[:300].rstrip(" .:") or type(error).__name__
