"""A model for programs that people already run: plain ONNX, Triton, DeepStream."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.bundle.bundle import Bundle
from edge.bundle.network.rules import parse_network
from edge.errors import EdgeError
from edge.export.frame_graph import FRAME, VERDICTS, ends_of, frame_graph, outputs_of, pixel_graph
from edge.files.output import write_output

Pipeline = Literal["onnx", "triton", "deepstream"]

_TRITON = """# A frame of any size in, its quality out. Not batched: frames differ in size.
name: "efiqa"
backend: "onnxruntime"
max_batch_size: 0
input [ {{ name: "{frame}" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }} ]
# verdict: {verdicts}.
output [
{outputs}
]
# The field is found in thousands of small steps, which a GPU does one by one, more slowly.
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
version_policy: {{ latest: {{ num_versions: 1 }} }}
parameters: [
  {{ key: "fundus" value: {{ string_value: "{fundus:g}" }} }},
  {{ key: "usable" value: {{ string_value: "{usable:g}" }} }},
  {{ key: "good" value: {{ string_value: "{good:g}" }} }}
]
"""
_TRITON_TYPES = {"float32": "TYPE_FP32", "int64": "TYPE_INT64"}

_DEEPSTREAM = """# For nvinfer. The frame, or the region that nvdspreprocess cuts, must be the square around the field.
# The maps come as NvDsInferTensorMeta: tensor "{maps}", float32 {count} x {grid} x {grid}: {names}.
# network-mode 1 lets the Q/DQ nodes of the file decide what runs in INT8; there is nothing to calibrate.
[property]
gpu-id=0
gie-unique-id=1
process-mode=1
onnx-file={onnx}
model-engine-file={onnx}_b1_gpu0_{word}.engine
batch-size=1
network-mode={mode}
network-type=100
output-tensor-meta=1
infer-dims=3;{size};{size}
# RGB, 0 to 255: all other preprocessing is inside the network.
model-color-format=0
net-scale-factor=1.0
maintain-aspect-ratio=0
output-blob-names={maps}
"""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: in the order they were written.
        onnx: the graph among them.
    """

    files: tuple[Path, ...]
    onnx: bytes


def export(bundle: Bundle, folder: Path, pipeline: Pipeline) -> Exported:
    """Write a model for another program; files of the same names are replaced.

    Args:
        bundle: the model.
        folder: made where it is missing.
        pipeline: ``onnx``: ``efiqa.onnx``, see ``frame_graph``. ``triton``: a model repository with the same graph.
            ``deepstream``: a configuration of ``nvinfer`` and the network on pixels.

    Raises:
        EdgeError: the folder cannot be written, or the network is no ONNX.
    """
    files = {"onnx": _onnx, "triton": _triton, "deepstream": _deepstream}[pipeline](bundle)
    try:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_output(folder / name, data)
    except OSError as error:
        raise EdgeError(
            f"{folder} cannot be written ({error.strerror or error}): name a new folder, or one with free space"
        ) from error
    onnx = next(data for name, data in files.items() if name.endswith(".onnx"))
    return Exported(tuple(folder / name for name in files), onnx)


def _onnx(bundle: Bundle) -> dict[str, bytes]:
    return {"efiqa.onnx": frame_graph(bundle)}


def _triton(bundle: Bundle) -> dict[str, bytes]:
    thresholds = bundle.manifest.thresholds
    outputs = (
        f'  {{ name: "{name}" data_type: {_TRITON_TYPES[kind]} dims: [ {", ".join(map(str, shape))} ] }}'
        for name, (kind, shape) in outputs_of(bundle).items()
    )
    config = _TRITON.format(
        frame=FRAME,
        outputs=",\n".join(outputs),
        verdicts=", ".join(f"{number} {name}" for number, name in enumerate(VERDICTS)),
        fundus=thresholds.fundus,
        usable=thresholds.usable,
        good=thresholds.good,
    )
    return {"efiqa/1/model.onnx": frame_graph(bundle), "efiqa/config.pbtxt": config.encode()}


def _deepstream(bundle: Bundle) -> dict[str, bytes]:
    manifest, name = bundle.manifest, "efiqa_pixels.onnx"
    eight = manifest.precision == "int8"
    config = _DEEPSTREAM.format(
        onnx=name,
        maps=ends_of(parse_network(bundle.onnx))[1].name,
        count=len(manifest.maps),
        names=", ".join(manifest.maps),
        grid=manifest.grid,
        size=manifest.input_size,
        mode=1 if eight else 0,
        word="int8" if eight else "fp32",  # nvinfer names what it builds so, and looks for it the next time
    )
    return {name: pixel_graph(bundle), "config_infer_efiqa.txt": config.encode()}
