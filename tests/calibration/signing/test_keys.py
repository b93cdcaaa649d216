"""Pairs of keys: where they lie, who may read them, and what a wrong one says."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from calibration.signing.keys import make_key, read_private_key
from edge.bundle.trust import key_id, trusted_keys
from edge.errors import EdgeError


def nobody() -> None:
    raise AssertionError("nobody is to be asked")


def test_a_pair_belongs_together(tmp_path: Path) -> None:
    made = make_key(tmp_path / "clinic", None)
    assert {each.name for each in tmp_path.iterdir()} == {"clinic.key.pem", "clinic.pub.pem"}
    assert (made.private.name, made.public.name, made.encrypted) == ("clinic.key.pem", "clinic.pub.pem", False)
    assert key_id(read_private_key(made.private, nobody).public_key()) == made.key
    assert list(trusted_keys(made.public) or {}) == [made.key]
    assert made.key != make_key(tmp_path / "another", None).key


@pytest.mark.skipif(not hasattr(os, "fchmod"), reason="permissions are Unix's")
@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_the_private_one_is_its_owner_s_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        made = make_key(tmp_path / "clinic", None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.private.stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "fchmod"), reason="permissions are Unix's")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602])
def test_a_plain_key_that_others_may_read_signs_nothing(tmp_path: Path, mode: int) -> None:
    made, locked = make_key(tmp_path / "clinic", None), make_key(tmp_path / "locked", "a passphrase")
    for path in (made.private, locked.private):
        path.chmod(mode)
    with pytest.raises(EdgeError, match=r"clinic.key.pem is not its owner's alone, .* chmod 600 it"):
        read_private_key(made.private, nobody)
    assert key_id(read_private_key(locked.private, lambda: "a passphrase").public_key()) == locked.key
    made.private.chmod(0o600)
    assert key_id(read_private_key(made.private, nobody).public_key()) == made.key


@pytest.mark.parametrize("name", ["clinic.key.pem", "clinic.pub.pem"])
def test_no_key_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(EdgeError, match=f"{name} is there already, and a lost key cannot be made again: give another"):
        make_key(tmp_path / "clinic", None)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(name, "precious")]


def test_a_dangling_link_is_no_free_name(tmp_path: Path) -> None:
    """Where it leads to somebody else would find the key."""
    (tmp_path / "clinic.key.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EdgeError, match="is there already"):
        make_key(tmp_path / "clinic", None)


def test_a_passphrase(tmp_path: Path) -> None:
    made = make_key(tmp_path / "clinic", "horse battery")
    assert made.encrypted
    assert b"ENCRYPTED PRIVATE KEY" in made.private.read_bytes()
    assert key_id(read_private_key(made.private, lambda: "horse battery").public_key()) == made.key
    with pytest.raises(EdgeError, match=r"the passphrase does not open .*clinic.key.pem: try again"):
        read_private_key(made.private, lambda: "horse")
    for missing in (None, ""):
        with pytest.raises(EdgeError, match="wants its passphrase: set EFIQA_KEY_PASSPHRASE, or sign at a terminal"):
            read_private_key(made.private, lambda missing=missing: missing)  # type: ignore[misc]
    with pytest.raises(EdgeError, match="the passphrase is empty"):
        make_key(tmp_path / "other", "")
    assert not list(tmp_path.glob("other*"))


def test_what_is_no_private_key(tmp_path: Path) -> None:
    made = make_key(tmp_path / "clinic", None)
    other = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "wrong.pem"
    for data in (b"", b"no key", other, made.public.read_bytes(), made.private.read_bytes()[:60]):
        path.write_bytes(data)
        with pytest.raises(EdgeError, match=r"wrong.pem is no Ed25519 private key in PEM: name the .key.pem file"):
            read_private_key(path, nobody)
    with pytest.raises(EdgeError, match=r"there is no key .*absent.pem: make one with edge-calibrate keygen"):
        read_private_key(tmp_path / "absent.pem", nobody)
    with pytest.raises(EdgeError, match="cannot be read"):
        read_private_key(tmp_path, nobody)
    with pytest.raises(EdgeError, match=r"cannot be written .*: check the folder"):
        make_key(tmp_path / "nowhere" / "clinic", None)
