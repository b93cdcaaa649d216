"""The keys of whom is trusted, and the check of a bundle's signature.

Where nobody asks for it no signature is read, and ``cryptography`` is not imported.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge.bundle.demand import NAME_ONE, TRUST, Named, demand_of
from edge.bundle.signature import Signature, read_signature, signed_bytes
from edge.errors import EdgeError, reason_of
from edge.files.given import read_given

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Keys = Mapping[str, "Ed25519PublicKey"]  # by ``key_id``
_LARGEST_KEY = 1  # MiB; ours have 113 bytes
_AHEAD = datetime.timedelta(days=1)  # between a clock that is a little fast and one in another time zone


def trusted_keys(trust: Named | None) -> Keys | None:
    """The public keys of whom is trusted; None where any bundle may be used.

    Args:
        trust: PEM files, or folders of ``*.pem`` files; None for what ``EFIQA_TRUST`` says.

    Raises:
        EdgeError: no key is named, one cannot be read, is another kind of key, may be replaced by any user of the
            machine, or ``cryptography`` is missing.
    """
    named = demand_of(trust)
    if named is None:
        return None
    keys = [_public_key(file) for each in named for file in _files_of(each)]
    return {key_id(key): key for key in keys}


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the 32 bytes of a public key, hexadecimal."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def read_key(path: Path, remedy: str) -> bytes:
    """The bytes of a key file, public or private.

    Raises:
        EdgeError: there is none, for which ``remedy`` says what to do, or it cannot be read or is far too large.
    """
    try:
        return read_given(path, _LARGEST_KEY)
    except FileNotFoundError as error:
        raise EdgeError(f"there is no key {path}: {remedy}.") from error
    except (OSError, ValueError) as error:
        raise EdgeError(f"{path} cannot be read ({reason_of(error)}): check its permissions.") from error


def _files_of(named: Path) -> list[Path]:
    try:
        if not named.is_dir():
            return [named]
        _check_writers(named)  # who may add a key to it says who is trusted
        found = sorted(named.glob("*.pem"))
    except OSError as error:  # a folder above it is closed to us, or the name is too long
        raise EdgeError(f"{named} cannot be read ({reason_of(error)}): check its permissions.") from error
    if not found:
        raise EdgeError(f"{named} holds no *.pem file, and so no trusted key: {NAME_ONE}.")
    return found


def _check_writers(path: Path) -> None:
    """Refuse a key, or a folder of them, that every user of the machine may write; raises EdgeError or OSError."""
    folder = path.parent.stat().st_mode
    replaced = bool(folder & stat.S_IWOTH and not folder & stat.S_ISVTX)  # by another file of its name
    if hasattr(os, "geteuid") and (path.stat().st_mode & stat.S_IWOTH or replaced):
        raise EdgeError(
            f"every user of this machine may write {path.parent if replaced else path}, and so say who is trusted: "
            f"chmod o-w it, having looked at the keys."
        )


def _public_key(path: Path) -> Ed25519PublicKey:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise EdgeError('signatures need cryptography: pip install "efiqa-edge[sign]".') from error
    data = read_key(path, NAME_ONE)
    try:
        _check_writers(path)
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({reason_of(error)}): check its permissions.") from error
    if b"PRIVATE KEY" in data:
        raise EdgeError(f"{path} is a private key, which belongs to its signer alone: {NAME_ONE}.")
    try:
        key = load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise EdgeError(f"{path} is not an Ed25519 public key in PEM: {NAME_ONE}.")
    return key


def check_signature(
    manifest: bytes, signature: bytes | None, keys: Keys, today: datetime.date | None = None
) -> Signature:
    """Check who signed a manifest, and whether that holds today.

    Args:
        manifest: the bytes of ``manifest.yaml``.
        signature: the bytes of ``signature.yaml``; None where there is none.
        keys: of whom is trusted, by ``key_id``.
        today: UTC; None asks the clock.

    Raises:
        EdgeError: it is not signed, by another key, was altered since, is no longer or not yet valid. The message has
            a remedy; the caller adds the file.
    """
    from cryptography.exceptions import InvalidSignature

    if signature is None:
        raise EdgeError(
            f"it is not signed, and only signed models may be used here (--trust, {TRUST}); have its maker sign it "
            "with edge-calibrate sign"
        )
    said = read_signature(signature)
    key = keys.get(said.key)
    if key is None:
        raise EdgeError(
            f"it is signed with the key {said.key[:16]}, and none of those trusted here; take one that is signed by "
            f"whom you trust, or trust that key too (--trust, {TRUST})"
        )
    try:
        key.verify(bytes.fromhex(said.signature), signed_bytes(said, manifest))
    except InvalidSignature:
        raise EdgeError("it was altered after it was signed; copy or download it again") from None
    _check_days(said, today or datetime.datetime.now(datetime.timezone.utc).date())
    return said


def _check_days(said: Signature, today: datetime.date) -> None:
    """Check the days of a signature that is right: those of another could say anything."""
    if datetime.date.fromisoformat(said.signed) > today + _AHEAD:
        raise EdgeError(
            f"it is signed with the date {said.signed}, and today is {today}; set the clock of this machine, or have "
            "it signed again"
        )
    if said.until and datetime.date.fromisoformat(said.until) < today:
        raise EdgeError(
            f"its signature was valid until {said.until}, and today is {today}; have it signed again, or set the clock "
            "of this machine"
        )
