"""Peers as ONNX files, made once and kept in a folder."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from edge.errors import EdgeError


@dataclass(frozen=True)
class Peer:
    """A network to compare ours with.

    Attributes:
        name: of its file, without the ending.
        title: what it is, and whose.
        network: what makes it in ``benchmarks.peers.networks``.
        size: side of the input in pixels.
    """

    name: str
    title: str
    network: str
    size: int


PEERS = (
    Peer("vit-l16", "DINOv3 ViT-L/16 + 1x1 adapter at 224 (EFIQA, the paper's inference)", "vit_l16", 224),
    Peer("densenet121-512", "DenseNet-121 at 512 (QuickQual)", "densenet121", 512),
    Peer("mcf-net", "three DenseNet-121 at 224 (MCF-Net)", "McfNet", 224),
    Peer("vit-s16", "DINOv3 ViT-S/16 + 1x1 adapter at 224", "vit_s16", 224),
    Peer("resnet18", "ResNet-18 at 224", "resnet18", 224),
)


def build_peer(peer: Peer, folder: Path) -> Path:
    """The ONNX file of a peer, from the folder or made now.

    Raises:
        EdgeError: torch or transformers is missing, or the folder cannot be written.
    """
    path = folder / f"{peer.name}.onnx"
    if path.is_file():
        return path
    try:
        import onnx
        import onnxsim
        import torch

        networks = importlib.import_module("benchmarks.peers.networks")
        export = importlib.import_module("calibration.export")
        torch.manual_seed(0)
        network = getattr(networks, peer.network)().eval().requires_grad_(False)
    except ImportError as error:
        raise EdgeError(f'making the peers needs {error.name}: pip install "efiqa-edge[train,dino]"') from error
    part = folder / f".{peer.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Folds shapes that are computed as the network runs.
        simple, _ = onnxsim.simplify(export.export_graph(network, peer.size))
        onnx.save(simple, part)
        part.replace(path)
    except (ImportError, OSError) as error:
        raise EdgeError(f"{path} cannot be made ({error}): name another folder with --peers") from error
    finally:
        part.unlink(missing_ok=True)
    return path
