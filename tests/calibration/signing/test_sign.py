"""Signing a bundle: what is written, what stays as it was, and the two commands."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography")

from calibration.commands import main
from calibration.signing.keys import make_key, read_private_key
from calibration.signing.sign import sign_bundle
from edge.bundle.bundle import MANIFEST, ONNX, default_model, read_bundle
from edge.bundle.demand import TRUST
from edge.bundle.signature import LONGEST_SIGNER, SIGNATURE
from edge.errors import EdgeError

Maker = Any
Call = Callable[..., tuple[int, str, str]]
NOTHING = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def calibrate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """``edge-calibrate`` as a user types it, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edge-calibrate", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}
        return {name: archive.read(name) for name in archive.namelist()}


def test_all_else_stays_byte_for_byte(signed_model: Path) -> None:
    before, after = members(default_model()), members(signed_model)
    assert after.pop(SIGNATURE)
    assert after == before
    assert list(members(signed_model))[-1] == ONNX  # golden.npz is a zip too, see ``write_bundle``


def test_the_same_day_makes_the_same_bytes(maker: Maker, tmp_path: Path) -> None:
    day = datetime.date(2026, 11, 29)
    one, other = (maker.sign(tmp_path / name, today=day).read_bytes() for name in ("a.efiqa", "b.efiqa"))
    assert one == other


def test_signed_again_the_last_one_counts(maker: Maker, stranger: Maker, signed_model: Path, tmp_path: Path) -> None:
    path = stranger.sign(tmp_path / "again.efiqa", signed_model)
    assert list(members(path)).count(SIGNATURE) == 1
    signature = read_bundle(path, stranger.public).signature
    assert signature is not None
    assert signature.key == stranger.key
    with pytest.raises(EdgeError, match="none of those trusted here"):
        read_bundle(path, maker.public)


def test_what_is_no_sound_bundle_is_not_signed(maker: Maker, tmp_path: Path) -> None:
    content = members(default_model())
    path, target = tmp_path / "model.efiqa", tmp_path / "out.efiqa"
    later = content[MANIFEST] + b"  later.bin: " + b"0" * 64 + b"\n"
    for changed in (
        {**content, MANIFEST: re.sub(rb"grid: \d+", b"grid: -1", content[MANIFEST])},
        {**content, ONNX: content[ONNX] + b"\0"},
        {**content, MANIFEST: later, "later.bin": b"another"},  # listed, and read by a later version alone
    ):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in changed.items():
                archive.writestr(name, data)
        with pytest.raises(EdgeError, match=str(path)):
            maker.sign(target, path)
        assert not target.exists()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**content, MANIFEST: later.replace(b"0" * 64, NOTHING.encode()), "later.bin": b""}.items():
            archive.writestr(name, data)
    assert members(maker.sign(target, path))["later.bin"] == b""


def test_dates_and_names_that_are_none(maker: Maker, tmp_path: Path) -> None:
    target, key = tmp_path / "out.efiqa", read_private_key(maker.private, lambda: None)
    with pytest.raises(EdgeError, match="--until 2020-01-01 lies before today"):
        maker.sign(target, until=datetime.date(2020, 1, 1))
    for name in ("", "two\nlines", "x" * (LONGEST_SIGNER + 1), "\ud800"):
        with pytest.raises(EdgeError, match="the signer is one line of at most 200 letters"):
            sign_bundle(default_model(), target, key, name)
    assert not target.exists()


def test_the_input_is_never_overwritten(maker: Maker, tmp_path: Path) -> None:
    path = tmp_path / "model.efiqa"
    path.write_bytes(default_model().read_bytes())
    with pytest.raises(EdgeError, match="it is an input, which would be lost"):
        maker.sign(path, path)
    assert path.read_bytes() == default_model().read_bytes()


def test_signing_asks_for_no_trust_and_a_site_signs_what_it_fitted(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that trusts nobody but itself too."""
    monkeypatch.setenv(TRUST, str(maker.public))
    assert read_bundle(maker.sign(tmp_path / "ours.efiqa")).signature is not None


def test_the_commands_from_a_key_to_a_signed_bundle(calibrate: Call, tmp_path: Path) -> None:
    code, said, _ = calibrate("keygen", "clinic")
    key = said.splitlines()[1].split("key ")[1][:16]
    assert code == 0
    code, said, _ = calibrate("sign", "default", "--key", "clinic.key.pem", "--until", "2999-12-31")
    assert code == 0
    assert "default.signed.efiqa: signed by clinic on " in said
    assert "valid until 2999-12-31" in said
    assert f"key {key}, SHA-256" in said
    assert read_bundle(tmp_path / "default.signed.efiqa", tmp_path / "clinic.pub.pem").signature is not None
    code, said, _ = calibrate(
        "sign", "default.signed.efiqa", "--key", "clinic.key.pem", "-o", "b.efiqa", "--signer", "The clinic", "--json"
    )
    facts = json.loads(said)
    assert (code, facts["path"], facts["signature"]["signer"]) == (0, "b.efiqa", "The clinic")
    assert facts["sha256"] == hashlib.sha256((tmp_path / "b.efiqa").read_bytes()).hexdigest()
    code, said, _ = calibrate("keygen", "other", "--json")
    assert json.loads(said)["public"] == "other.pub.pem"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("keygen", "made"), 1, "error: made.key.pem is there already"),
        (("sign", "default", "--key", "absent.pem"), 1, "error: there is no key absent.pem: make one"),
        (("sign", "default", "--key", "made.pub.pem"), 1, "error: made.pub.pem is no Ed25519 private key"),
        (("sign", "absent.efiqa", "--key", "made.key.pem"), 1, "error: there is no model absent.efiqa"),
        (("sign", "default", "--key", "made.key.pem", "--until", "soon"), 2, "'soon' is no day"),
        (("sign", "default", "--key", "made.key.pem", "--until", "2020-01-01"), 1, "lies before today"),
        (("sign", "default"), 2, "--key"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    calibrate: Call, tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    make_key(tmp_path / "made", None)
    left, _, error = calibrate(*arguments)
    assert left == code
    assert says in error
    assert not list(tmp_path.glob("*.efiqa"))


def test_a_passphrase_comes_from_the_environment_and_is_not_shown(
    calibrate: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EFIQA_KEY_PASSPHRASE", "horse battery")
    code, said, _ = calibrate("keygen", "clinic")
    assert (code, "protected by the passphrase" in said) == (0, True)
    code, said, error = calibrate("sign", "default", "--key", "clinic.key.pem")
    assert code == 0
    assert "horse" not in said + error
    monkeypatch.delenv("EFIQA_KEY_PASSPHRASE")
    code, _, error = calibrate("sign", "default", "--key", "clinic.key.pem")
    assert (code, "wants its passphrase" in error) == (1, True)
