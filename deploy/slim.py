"""Take out of an environment what its packages bring and no command uses: python deploy/slim.py VENV.

For small disks and containers: of OpenVINO other processors and other formats than ONNX, of torch what compiles against
it and tests it, and the tests of a few others. ``pip install --force-reinstall --no-deps PACKAGE`` brings them back.
"""

from __future__ import annotations

import sys
from pathlib import Path

OPENVINO = (
    "libopenvino_intel_gpu_plugin.so",
    "libopenvino_intel_npu_plugin.so",
    "cache.json",  # of the GPU's
    "libopenvino_tensorflow_frontend.so*",
    "libopenvino_tensorflow_lite_frontend.so*",
    "libopenvino_pytorch_frontend.so*",
    "libopenvino_paddle_frontend.so*",
    "libopenvino_jax_frontend.so*",
    "libopenvino_gguf_frontend.so*",
)
# NumPy's stay: numpy.testing, which others import, is made of them in part.
TESTED = ("matplotlib", "mpmath", "networkx", "scipy", "sklearn", "sympy")
PARTS = (
    *(f"openvino/libs/{name}" for name in OPENVINO),
    "cv2/data/*.xml",  # faces
    "onnx/backend/test/**/*",
    "pulp/solverdir/cbc/**/*",  # modelopt imports pulp, and only its automatic choice of bits solves anything
    "torch/bin/[!t]*",  # but torch_shm_manager
    "torch/bin/test_*",
    "torch/include/**/*",
    "torch/test/**/*",
    *(f"{package}/**/tests/**/*" for package in TESTED),
)


def spare(site_packages: Path) -> list[Path]:
    """Files of ``PARTS`` that are there."""
    return sorted({path for part in PARTS for path in site_packages.glob(part) if path.is_file()})


def main() -> None:
    """Remove them."""
    venv = Path(sys.argv[1]) if len(sys.argv) == 2 else Path()
    folders = list(venv.glob("lib/python3*/site-packages"))
    if len(sys.argv) != 2 or not any((folder / "openvino" / "libs").is_dir() for folder in folders):
        raise SystemExit("error: name an environment with OpenVINO in it, such as .venv")
    parts = [path for folder in folders for path in spare(folder)]
    freed = sum(path.stat().st_size for path in parts)
    for path in parts:
        path.unlink()
    print(f"{venv}: {len(parts)} files, {freed / 2**20:.0f} MiB less")


if __name__ == "__main__":
    main()
