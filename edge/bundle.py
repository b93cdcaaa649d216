"""The .efiqa bundle: a zip, stored, of a manifest and the network. Nothing in it is unpickled or run."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edge.atomic import write_atomically
from edge.errors import EdgeError
from edge.manifest import (
    LANDMARKS,
    MAPS,
    SCHEMA,
    Golden,
    Manifest,
    MapName,
    Precision,
    Region,
    Thresholds,
    read_manifest,
    write_manifest,
)

__all__ = [
    "LANDMARKS",
    "MANIFEST",
    "MAPS",
    "ONNX",
    "SCHEMA",
    "Bundle",
    "Golden",
    "Manifest",
    "MapName",
    "Precision",
    "Region",
    "Thresholds",
    "default_model",
    "read_bundle",
    "write_bundle",
]

MANIFEST = "manifest.yaml"
ONNX = "model.onnx"
_LARGEST = 2 << 30  # bytes; a file or a member that claims more is refused before it is read
_LARGEST_MANIFEST = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # one date for all members: the same content makes the same file
# Everything that zipfile lets out for a damaged file, found by corrupting bundles.
_ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, LookupError, EOFError, OSError,
               OverflowError, struct.error)  # fmt: skip


@dataclass(frozen=True)
class Bundle:
    """A checked bundle in memory.

    Attributes:
        path: where it was read from.
        manifest: see ``Manifest``.
        onnx: bytes of ``model.onnx``.
        sha256: of the whole file, hexadecimal; names the bundle in sidecars and caches.
    """

    path: Path
    manifest: Manifest
    onnx: bytes
    sha256: str


def default_model() -> Path:
    """The bundle that ships with the package."""
    return Path(__file__).parent / "models" / "default.efiqa"


def read_bundle(path: Path) -> Bundle:
    """Read and check a bundle: structure, schema, every field of the manifest, the hash of every member.

    Args:
        path: a ``.efiqa`` file.

    Raises:
        EdgeError: the file cannot be read, is not a bundle, is damaged, or was made by a newer or older version.

    Example:
        >>> read_bundle(default_model()).manifest.name  # doctest: +SKIP
        'default'
    """
    try:
        if path.is_dir():
            raise EdgeError(f"{path} is a folder, not a model: name a .efiqa file")
        if path.exists() and not path.is_file():
            raise EdgeError(f"{path} is a device or a pipe, not a model: name a .efiqa file")
        if path.stat().st_size > _LARGEST:
            raise EdgeError(f"{path} is larger than {_LARGEST >> 30} GiB and cannot be a model: name a .efiqa file")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise EdgeError(f"there is no model {path}: check the path") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise EdgeError(
            f"{path} cannot be read ({getattr(error, 'strerror', None) or error}): check its rights"
        ) from error
    return _unpack(path, data)


def write_bundle(path: Path, manifest: Manifest, onnx: bytes) -> Bundle:
    """Write a bundle; the file is there whole or not at all, and the same content makes the same bytes.

    Args:
        path: a ``.efiqa`` file in a folder that exists.
        manifest: its ``members`` are filled in here.
        onnx: the network.

    Returns:
        The bundle as ``read_bundle`` will read it.

    Raises:
        EdgeError: the manifest is not one that can be read back, or the file cannot be written.
    """
    members = {ONNX: hashlib.sha256(onnx).hexdigest()}
    text = write_manifest(dataclasses.replace(manifest, members=members))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in ((MANIFEST, text), (ONNX, onnx)):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, also where Windows writes it
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    bundle = _unpack(path, packed.getvalue())
    try:
        write_atomically(path, packed.getvalue())
    except OSError as error:
        raise EdgeError(
            f"{path} cannot be written ({error.strerror or error}): check the folder and its free space"
        ) from error
    return bundle


def _unpack(path: Path, data: bytes) -> Bundle:
    if data[:2] != b"PK":
        raise EdgeError(f"{path} is not a model bundle (not a zip file): name a .efiqa file")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            text = _member(archive, MANIFEST, _LARGEST_MANIFEST)
            manifest = read_manifest(text)
            members = {name: _member(archive, name, _LARGEST) for name in (ONNX, *manifest.members)}
    except EdgeError as error:
        raise EdgeError(f"{path} cannot be used: {error}") from error
    except _ZIP_ERRORS as error:
        raise EdgeError(f"{path} is damaged or cut off ({_brief(error)}): copy or download it again") from error
    for name, content in members.items():
        if hashlib.sha256(content).hexdigest() != manifest.members.get(name):
            raise EdgeError(
                f"{path} is damaged: {name} does not have the hash in its manifest; copy or download it again"
            )
    return Bundle(path, manifest, members[ONNX], hashlib.sha256(data).hexdigest())


def _member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    """One member; only stored ones are read, so that none can unfold to more than the file holds."""
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise EdgeError(f"it holds no {name}; copy or download it again") from error
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise EdgeError(f"{name} in it is compressed, which a bundle never is; make it again with edge-calibrate")
    if info.file_size > largest:
        raise EdgeError(
            f"{name} in it claims {info.file_size >> 20} MiB, which is too large; copy or download it again"
        )
    return archive.read(info)


def _brief(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:120]
