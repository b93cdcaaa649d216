"""Pairs of keys: a private one that signs, in a file for its owner alone, and a public one for devices."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.bundle.trust import key_id, read_key
from edge.errors import EdgeError, reason_of
from edge.files.atomic import write_atomically

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSPHRASE = "EFIQA_KEY_PASSPHRASE"


@dataclass(frozen=True)
class MadeKey:
    """A new pair of keys.

    Attributes:
        private: the file that signs; it never leaves its owner.
        public: the file that devices get.
        key: names the pair: SHA-256 of the public key, hexadecimal.
        encrypted: whether the private file wants a passphrase.
    """

    private: Path
    public: Path
    key: str
    encrypted: bool


def make_key(name: Path, passphrase: str | None) -> MadeKey:
    """Make a pair of Ed25519 keys: ``NAME.key.pem``, PKCS8, mode 0600, and ``NAME.pub.pem``.

    Args:
        name: the files without their endings, in a folder that exists.
        passphrase: encrypts the private key; None leaves it plain.

    Raises:
        EdgeError: one of the files exists or cannot be written, or the passphrase is empty.
    """
    ed25519, serialization = _cryptography()
    private, public = name.with_name(f"{name.name}.key.pem"), name.with_name(f"{name.name}.pub.pem")
    for path in (private, public):
        if os.path.lexists(path):
            raise EdgeError(f"{path} is there already, and a lost key cannot be made again: give another name.")
    if passphrase == "":
        raise EdgeError(f"the passphrase is empty: give one, or leave --passphrase and {PASSPHRASE} out.")
    key = ed25519.Ed25519PrivateKey.generate()
    way = serialization.NoEncryption()
    if passphrase is not None:
        way = serialization.BestAvailableEncryption(passphrase.encode())
    pem, raw = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, way)
    try:
        write_atomically(private, secret, private=True)
        write_atomically(public, key.public_key().public_bytes(pem, raw))
    except (OSError, ValueError) as error:
        raise EdgeError(f"{public} cannot be written ({reason_of(error)}): check the folder.") from error
    return MadeKey(private, public, key_id(key.public_key()), passphrase is not None)


def read_private_key(path: Path, ask: Callable[[], str | None]) -> Ed25519PrivateKey:
    """The private key in a file.

    Args:
        path: PEM.
        ask: called for the passphrase where the file wants one; None where there is nobody to answer.

    Raises:
        EdgeError: it cannot be read, is no private key of this kind, others may read it and it has no passphrase, or
            the passphrase is wrong or missing.
    """
    ed25519, serialization = _cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm

    data = read_key(path, "make one with edge-calibrate keygen")
    key, plain = None, True
    try:
        key = serialization.load_pem_private_key(data, None)
    except TypeError:  # it is encrypted
        plain = False
        key = _decrypted(path, data, ask())
    except (ValueError, UnsupportedAlgorithm):
        pass
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise EdgeError(f"{path} is no Ed25519 private key in PEM: name the .key.pem file of edge-calibrate keygen.")
    if plain:
        _check_readers(path)
    found: Ed25519PrivateKey = key
    return found


def _check_readers(path: Path) -> None:
    """Refuse a key without a passphrase that others of the machine may read, or write; raises EdgeError."""
    if hasattr(os, "geteuid") and stat.S_ISREG(mode := path.stat().st_mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise EdgeError(
            f"{path} is not its owner's alone, and has no passphrase, so others of this machine can sign with it: "
            f"chmod 600 it, and if somebody else had access to the machine make another with edge-calibrate keygen."
        )


def _decrypted(path: Path, data: bytes, passphrase: str | None) -> object:
    _, serialization = _cryptography()
    if not passphrase:
        raise EdgeError(f"{path} wants its passphrase: set {PASSPHRASE}, or sign at a terminal.")
    try:
        return serialization.load_pem_private_key(data, passphrase.encode())
    except ValueError as error:
        raise EdgeError(f"the passphrase does not open {path}: try again.") from error


def _cryptography() -> Any:
    """The modules ed25519 and serialization, loaded where they are needed."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise EdgeError('signatures need cryptography: pip install "efiqa-edge[sign]".') from error
    return ed25519, serialization
