"""Take out of an environment what OpenVINO brings for other processors and formats: python deploy/slim.py VENV.

For small disks and containers. The CPU and the reader of ONNX stay; the others are looked for only when they are asked
for. ``pip install --force-reinstall --no-deps openvino`` brings them back.
"""

from __future__ import annotations

import sys
from pathlib import Path

PARTS = (
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


def spare(site_packages: Path) -> list[Path]:
    """Those of ``PARTS`` that are there."""
    return [path for part in PARTS for path in (site_packages / "openvino" / "libs").glob(part)]


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
