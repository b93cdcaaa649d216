"""The .efiqa bundle: a zip, stored, of a manifest, the network and golden maps. Nothing in it is unpickled or run."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.archive import ARCHIVE_ERRORS, find_member, open_archive, read_archive, read_member
from edge.bundle.golden import LARGEST_GOLDEN, unpack_golden
from edge.bundle.manifest import LANDMARKS as LANDMARKS
from edge.bundle.manifest import MAPS as MAPS
from edge.bundle.manifest import Golden as Golden
from edge.bundle.manifest import Manifest as Manifest
from edge.bundle.manifest import MapName as MapName
from edge.bundle.manifest import Precision as Precision
from edge.bundle.manifest import Region as Region
from edge.bundle.manifest import Thresholds as Thresholds
from edge.bundle.manifest import read_manifest, write_manifest
from edge.bundle.named import default_model as default_model
from edge.bundle.network.shapes import check_network
from edge.errors import EdgeError, brief, reason_of
from edge.files.output import write_output

MANIFEST = "manifest.yaml"
ONNX = "model.onnx"
GOLDEN = "golden.npz"
_LARGEST_MANIFEST = 64 << 10  # bytes; ours have 2 KiB, and YAML is slow to read
_EPOCH = (1980, 1, 1, 0, 0, 0)  # one date for all members: the same content makes the same file


@dataclass(frozen=True)
class Bundle:
    """A checked bundle in memory.

    Attributes:
        path: where it was read from.
        manifest: see ``Manifest``.
        onnx: bytes of ``model.onnx``.
        sha256: of the whole file, hexadecimal; names the bundle in sidecars and caches.
        golden: bytes of ``golden.npz``, see ``edge.bundle.golden``; empty in bundles of older versions.
    """

    path: Path
    manifest: Manifest
    onnx: bytes
    sha256: str
    golden: bytes = b""


def read_bundle(path: Path) -> Bundle:
    """Read and check a bundle: structure, schema, every field of the manifest, hash and rules of the network.

    Args:
        path: a ``.efiqa`` file.

    Raises:
        EdgeError: the file cannot be read, is not a bundle, is damaged, or was made by a newer or older version.

    Example:
        >>> read_bundle(default_model()).manifest.name  # doctest: +SKIP
        'default'
    """
    return _unpack(path, read_archive(path))


def write_bundle(path: Path, manifest: Manifest, onnx: bytes, golden: bytes = b"") -> Bundle:
    """Write a bundle atomically; the same content gives the same bytes.

    Args:
        path: a ``.efiqa`` file in a folder that exists.
        manifest: its ``members`` are filled in here.
        onnx: the network.
        golden: ``golden.npz``, from ``pack_golden``; empty for none.

    Returns:
        The bundle as ``read_bundle`` will read it.

    Raises:
        EdgeError: the manifest could not be read back, or the file cannot be written.
    """
    # The network last: golden.npz is a zip too, and its end could pass for that of a truncated bundle.
    members = ({GOLDEN: golden} if golden else {}) | {ONNX: onnx}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    text = write_manifest(dataclasses.replace(manifest, members=hashes))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {MANIFEST: text, **members}.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, also where Windows writes it
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    bundle = _unpack(path, packed.getvalue())
    try:
        write_output(path, packed.getvalue())
    except OSError as error:
        raise EdgeError(
            f"{path} cannot be written ({reason_of(error)}): check the folder and its free space"
        ) from error
    return bundle


def _unpack(path: Path, data: bytes) -> Bundle:
    try:
        with open_archive(data) as archive:
            manifest = read_manifest(read_member(archive, MANIFEST, _LARGEST_MANIFEST))
            for name in (ONNX, *manifest.members):
                find_member(archive, name)
            held = {ONNX: read_member(archive, ONNX, len(data))}
            if GOLDEN in manifest.members:
                held[GOLDEN] = read_member(archive, GOLDEN, LARGEST_GOLDEN)
    except EdgeError as error:
        raise EdgeError(f"{path} cannot be used: {error}") from error
    except ARCHIVE_ERRORS as error:
        raise EdgeError(f"{path} is damaged or cut off ({brief(error)}): copy or download it again") from error
    for name, content in held.items():
        if hashlib.sha256(content).hexdigest() != manifest.members.get(name):
            raise EdgeError(
                f"{path} is damaged: {name} does not have the hash in its manifest; copy or download it again"
            )
    try:
        check_network(held[ONNX])
        if GOLDEN in held:
            unpack_golden(held[GOLDEN], manifest)
    except EdgeError as error:
        raise EdgeError(f"{path} cannot be used: {error}; make the bundle again with edge-calibrate") from error
    return Bundle(path, manifest, held[ONNX], hashlib.sha256(data).hexdigest(), held.get(GOLDEN, b""))
