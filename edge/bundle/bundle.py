"""The .efiqa bundle: a zip, stored, of a manifest, the network and golden maps. Nothing in it is unpickled or run."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from edge.bundle.archive import (
    ARCHIVE_ERRORS,
    find_member,
    open_archive,
    pack_archive,
    read_archive,
    read_member,
)
from edge.bundle.demand import Named
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
from edge.bundle.signature import LARGEST_SIGNATURE, SIGNATURE, Signature
from edge.bundle.trust import Keys, check_signature, trusted_keys
from edge.errors import EdgeError, brief, reason_of
from edge.files.output import write_output

MANIFEST = "manifest.yaml"
ONNX = "model.onnx"
GOLDEN = "golden.npz"
LARGEST_MANIFEST = 64 << 10  # bytes; ours have 2 KiB, and YAML is slow to read


@dataclass(frozen=True)
class Bundle:
    """A checked bundle in memory.

    Attributes:
        path: where it was read from.
        manifest: see ``Manifest``.
        onnx: bytes of ``model.onnx``.
        sha256: of the whole file, hexadecimal; names the bundle in sidecars and caches.
        golden: bytes of ``golden.npz``, see ``edge.bundle.golden``; empty in bundles of older versions.
        signature: who signed it; None where nobody asked, and so it was not checked.
    """

    path: Path
    manifest: Manifest
    onnx: bytes
    sha256: str
    golden: bytes = b""
    signature: Signature | None = None


def read_bundle(path: Path, trust: Named | None = None) -> Bundle:
    """Read and check a bundle: structure, schema, every field of the manifest, hash and rules of the network.

    Args:
        path: a ``.efiqa`` file.
        trust: who must have signed it: PEM files of public keys, or folders of such files; None for what
            ``EFIQA_TRUST`` says, and where that is not set for anybody or nobody.

    Raises:
        EdgeError: the file cannot be read, is not a bundle, is damaged, was made by a newer or older version, or is not
            signed as it should be.

    Example:
        >>> read_bundle(default_model()).manifest.name  # doctest: +SKIP
        'default'
    """
    keys = trusted_keys(trust)
    return unpack_bundle(path, read_archive(path), keys)


def read_made(path: Path) -> Bundle:
    """A bundle that the run in hand has made and never handed on, such as the float form beside its INT8 one.

    Nobody has signed it, and no verdict comes from it: who is trusted is not asked. Else as ``read_bundle``.
    """
    return unpack_bundle(path, read_archive(path))


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
    packed = pack_archive({MANIFEST: text, **members})
    bundle = unpack_bundle(path, packed)
    write_packed(path, packed)
    return bundle


def write_packed(path: Path, data: bytes) -> None:
    """Write the bytes of a bundle as every output; raises EdgeError where that fails."""
    try:
        write_output(path, data)
    except OSError as error:
        raise EdgeError(
            f"{path} cannot be written ({reason_of(error)}): check the folder and its free space"
        ) from error


def unpack_bundle(path: Path, data: bytes, keys: Keys | None = None) -> Bundle:
    """Check the bytes of a bundle: with keys its signature before anything else in it is parsed.

    Raises:
        EdgeError: as ``read_bundle``.
    """
    signature = None
    try:
        with open_archive(data) as archive:
            text = read_member(archive, MANIFEST, LARGEST_MANIFEST)
            if keys is not None:
                signature = check_signature(text, _signature_in(archive), keys)
            manifest = read_manifest(text)
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
    sha256 = hashlib.sha256(data).hexdigest()
    return Bundle(path, manifest, held[ONNX], sha256, held.get(GOLDEN, b""), signature)


def _signature_in(archive: ZipFile) -> bytes | None:
    if SIGNATURE not in archive.namelist():
        return None
    return read_member(archive, SIGNATURE, LARGEST_SIGNATURE)
