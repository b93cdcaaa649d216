"""Signing a bundle: the same members, and a signature over its manifest."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.bundle.archive import open_archive, pack_archive, read_archive, read_member
from edge.bundle.bundle import LARGEST_MANIFEST, MANIFEST, ONNX, unpack_bundle, write_packed
from edge.bundle.signature import LONGEST_SIGNER, SIGNATURE, Signature, signed_bytes, write_signature
from edge.bundle.trust import check_signature, key_id
from edge.errors import EdgeError
from edge.files.output import check_output

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True)
class SignedBundle:
    """What was signed.

    Attributes:
        path: of the signed bundle.
        sha256: of that file, hexadecimal.
        signature: its signature.
    """

    path: Path
    sha256: str
    signature: Signature


def sign_bundle(
    model: Path,
    target: Path,
    key: Ed25519PrivateKey,
    signer: str,
    until: datetime.date | None = None,
    today: datetime.date | None = None,
) -> SignedBundle:
    """Write a bundle again with a signature; an earlier one is replaced, all else stays byte for byte.

    The bundle is checked as an untrusted one, but for who signed it: that is said here.

    Args:
        model: the bundle; it is not changed.
        target: the bundle to write.
        key: that signs.
        signer: who signs, in words that are shown.
        until: the last day on which it may be used; None for no end.
        today: the date of signing, UTC; None asks the clock.

    Raises:
        EdgeError: the bundle cannot be used or written, a member is damaged, the signer is no short line of text, or
            the last day lies before the first.
    """
    check_output(target, "the bundle", [model])
    today = today or datetime.datetime.now(datetime.timezone.utc).date()
    if not (signer.isprintable() and 0 < len(signer) <= LONGEST_SIGNER):
        raise EdgeError(f"the signer is one line of at most {LONGEST_SIGNER} letters: give --signer another name.")
    if until is not None and until < today:
        raise EdgeError(f"--until {until} lies before today, {today}: nobody could use the bundle; give a later day.")
    members = _members(model)
    public = key_id(key.public_key())
    signature = Signature(signer, public, today.isoformat(), "" if until is None else until.isoformat())
    made = key.sign(signed_bytes(signature, members[MANIFEST])).hex()
    signature = dataclasses.replace(signature, signature=made)
    check_signature(members[MANIFEST], write_signature(signature), {public: key.public_key()}, today)
    # The network last, see ``write_bundle``; the signature beside what it signs.
    data = pack_archive({MANIFEST: members.pop(MANIFEST), SIGNATURE: write_signature(signature), **members})
    unpack_bundle(target, data)
    write_packed(target, data)
    return SignedBundle(target, hashlib.sha256(data).hexdigest(), signature)


def _members(model: Path) -> dict[str, bytes]:
    """The manifest and every member that it lists, as they are, the network last."""
    data = read_archive(model)
    listed = unpack_bundle(model, data).manifest.members
    with open_archive(data) as archive:
        members = {MANIFEST: read_member(archive, MANIFEST, LARGEST_MANIFEST)}
        for name in sorted(listed, key=lambda name: name == ONNX):
            members[name] = read_member(archive, name, len(data))
            if hashlib.sha256(members[name]).hexdigest() != listed[name]:
                raise EdgeError(f"{model} is damaged: {name} does not have the hash in its manifest; copy it again.")
    return members
