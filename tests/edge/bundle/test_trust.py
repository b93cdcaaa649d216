"""Whose bundles are used: every refusal with its sentence, and every way around it that we could think of."""

from __future__ import annotations

import ast
import contextlib
import datetime
import hashlib
import io
import os
import random
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle.bundle import GOLDEN, MANIFEST, ONNX, Thresholds, default_model, read_bundle, write_bundle
from edge.bundle.demand import TRUST, demanding
from edge.bundle.manifest import read_manifest, write_manifest
from edge.bundle.signature import LARGEST_SIGNATURE, SIGNATURE, Signature, read_signature
from edge.bundle.trust import check_signature, trusted_keys
from edge.errors import EdgeError

ROOT = Path(__file__).parents[3]
Maker = Any
TODAY = datetime.datetime.now(datetime.timezone.utc).date()
DAY = datetime.timedelta(days=1)


def refusal(path: Path, trust: Any) -> str:
    """The sentence, without the file that it begins with."""
    with pytest.raises(EdgeError) as caught:
        read_bundle(path, trust)
    said = str(caught.value)
    assert said.isprintable()
    return said.removeprefix(f"{path} cannot be used: ")


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, content: dict[str, bytes], compressed: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name == compressed else zipfile.ZIP_STORED)
    return path


def test_who_is_trusted_is_let_in_and_told_of(maker: Maker, signed_model: Path) -> None:
    plain, bundle = read_bundle(default_model()), read_bundle(signed_model, maker.public)
    assert (bundle.manifest, bundle.onnx, bundle.golden) == (plain.manifest, plain.onnx, plain.golden)
    assert bundle.signature is not None
    assert (bundle.signature.signer, bundle.signature.key) == ("the maker", maker.key)
    assert (bundle.signature.signed, bundle.signature.until) == (TODAY.isoformat(), "")


def test_where_nobody_asks_any_bundle_is_read_and_no_signature(signed_model: Path, tmp_path: Path) -> None:
    assert read_bundle(signed_model).signature is None
    spoiled = packed(tmp_path / "model.efiqa", {SIGNATURE: b"\xff", **members(default_model())})
    assert read_bundle(spoiled).signature is None


def test_an_unsigned_bundle(maker: Maker) -> None:
    assert refusal(default_model(), maker.public) == (
        "it is not signed, and only signed models may be used here (--trust, EFIQA_TRUST); have its maker sign it with "
        "edge-calibrate sign"
    )


def test_a_foreign_key(maker: Maker, stranger: Maker, tmp_path: Path) -> None:
    path = stranger.sign(tmp_path / "model.efiqa")
    assert refusal(path, maker.public) == (
        f"it is signed with the key {stranger.key[:16]}, and none of those trusted here; take one that is signed by "
        "whom you trust, or trust that key too (--trust, EFIQA_TRUST)"
    )


def test_a_foreign_key_under_the_name_of_a_trusted_one(maker: Maker, stranger: Maker, tmp_path: Path) -> None:
    content = members(stranger.sign(tmp_path / "model.efiqa"))
    content[SIGNATURE] = content[SIGNATURE].replace(stranger.key.encode(), maker.key.encode())
    path = packed(tmp_path / "model.efiqa", content)
    assert refusal(path, maker.public) == "it was altered after it was signed; copy or download it again"


def test_an_altered_manifest(maker: Maker, signed_model: Path, tmp_path: Path) -> None:
    """Thresholds that let everything through: the likeliest thing to alter, and the network stays what it was."""
    content = members(signed_model)
    manifest = yaml.safe_load(content[MANIFEST])
    manifest["thresholds"] = {"fundus": 0.0, "usable": 0.0, "good": 0.0}
    content[MANIFEST] = yaml.safe_dump(manifest, sort_keys=False).encode()
    path = packed(tmp_path / "model.efiqa", content)
    assert read_bundle(path).manifest.thresholds == Thresholds(0, 0, 0)
    assert refusal(path, maker.public) == "it was altered after it was signed; copy or download it again"


@pytest.mark.parametrize("name", [ONNX, GOLDEN])
def test_an_altered_member(maker: Maker, signed_model: Path, tmp_path: Path, name: str) -> None:
    """Its hash is in the manifest, and that is signed."""
    content = members(signed_model)
    content[name] = content[name][:-1] + bytes([content[name][-1] ^ 1])
    assert f"{name} does not have the hash" in refusal(packed(tmp_path / "model.efiqa", content), maker.public)


def test_an_altered_member_with_its_hash(maker: Maker, signed_model: Path, tmp_path: Path) -> None:
    content = members(signed_model)
    content[GOLDEN] += b"\0"
    content[MANIFEST] = content[MANIFEST].replace(
        hashlib.sha256(members(signed_model)[GOLDEN]).hexdigest().encode(),
        hashlib.sha256(content[GOLDEN]).hexdigest().encode(),
    )
    assert "altered after it was signed" in refusal(packed(tmp_path / "model.efiqa", content), maker.public)


def test_the_signature_of_another_bundle(maker: Maker, signed_model: Path, tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "other.efiqa", read_bundle(default_model()).manifest, members(signed_model)[ONNX])
    content = {SIGNATURE: members(signed_model)[SIGNATURE], **members(other.path)}
    assert "altered after it was signed" in refusal(packed(other.path, content), maker.public)


def test_an_expired_one(maker: Maker, tmp_path: Path) -> None:
    begun, last = datetime.date(2020, 1, 1), datetime.date(2020, 2, 1)
    path = maker.sign(tmp_path / "model.efiqa", today=begun, until=last)
    assert refusal(path, maker.public) == (
        f"its signature was valid until 2020-02-01, and today is {TODAY}; have it signed again, or set the clock of "
        "this machine"
    )
    content = members(path)
    keys = trusted_keys(maker.public)
    assert keys is not None
    for day, over in ((last, False), (last + DAY, True)):  # the last day counts
        if over:
            with pytest.raises(EdgeError, match="valid until"):
                check_signature(content[MANIFEST], content[SIGNATURE], keys, day)
        else:
            assert check_signature(content[MANIFEST], content[SIGNATURE], keys, day).until == last.isoformat()


def test_a_later_end_that_was_written_into_it(maker: Maker, tmp_path: Path) -> None:
    path = maker.sign(tmp_path / "model.efiqa", today=datetime.date(2020, 1, 1), until=datetime.date(2020, 2, 1))
    content = members(path)
    for until in (b"'2999-02-01'", b"''"):
        changed = content[SIGNATURE].replace(b"'2020-02-01'", until)
        assert read_signature(changed) != read_signature(content[SIGNATURE])
        packed(path, {**content, SIGNATURE: changed})
        assert "altered after it was signed" in refusal(path, maker.public)


def test_one_of_the_day_after_tomorrow(maker: Maker, tmp_path: Path) -> None:
    for path, day in ((tmp_path / "near.efiqa", TODAY + DAY), (tmp_path / "far.efiqa", TODAY + 3 * DAY)):
        maker.sign(path, today=day)
    assert read_bundle(tmp_path / "near.efiqa", maker.public).signature is not None  # another time zone, a fast clock
    assert refusal(tmp_path / "far.efiqa", maker.public) == (
        f"it is signed with the date {TODAY + 3 * DAY}, and today is {TODAY}; set the clock of this machine, or have "
        "it signed again"
    )


# The member itself is untrusted: the same limits hold as for the others.


def test_a_signature_that_is_packed_or_too_large(maker: Maker, signed_model: Path, tmp_path: Path) -> None:
    content = members(signed_model)
    path = packed(tmp_path / "model.efiqa", content, compressed=SIGNATURE)
    assert "signature.yaml in it is compressed" in refusal(path, maker.public)
    content[SIGNATURE] += b"#" * LARGEST_SIGNATURE
    assert "signature.yaml in it claims" in refusal(packed(path, content), maker.public)


def test_two_signatures(maker: Maker, signed_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.efiqa"
    path.write_bytes(signed_model.read_bytes())
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")  # zipfile's, of the name
        archive.writestr(SIGNATURE, b"schema: 1")
    assert "two members of it have one name" in refusal(path, maker.public)


def test_a_manifest_of_which_there_are_two(maker: Maker, signed_model: Path, tmp_path: Path) -> None:
    """One that is signed, and one that another reader of zips would take."""
    path = tmp_path / "model.efiqa"
    path.write_bytes(signed_model.read_bytes())
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(MANIFEST, members(signed_model)[MANIFEST].replace(b"usable: 0.8", b"usable: 0.1"))
    assert "two members of it have one name" in refusal(path, maker.public)


def test_nothing_of_an_untrusted_bundle_is_parsed(maker: Maker, tmp_path: Path) -> None:
    """Neither its manifest nor its network, whatever is wrong with them, has a say before the signature."""
    content = {**members(default_model()), MANIFEST: b"[" * 60_000, ONNX: b"no network"}
    assert "it is not signed" in refusal(packed(tmp_path / "model.efiqa", content), maker.public)


def test_bytes_of_a_signature_that_change(maker: Maker, signed_model: Path) -> None:
    """Each by itself: it is refused, or says the same in other words, as with other quotes."""
    content = members(signed_model)
    keys = trusted_keys(maker.public)
    assert keys is not None
    sound = check_signature(content[MANIFEST], content[SIGNATURE], keys)
    dice, passed = random.Random(5), 0
    for place in range(len(content[SIGNATURE])):
        changed = bytearray(content[SIGNATURE])
        changed[place] ^= dice.randrange(1, 256)
        with contextlib.suppress(EdgeError):
            assert check_signature(content[MANIFEST], bytes(changed), keys) == sound
            passed += 1
    assert passed < 10


@given(st.data())
def test_a_signed_bundle_with_other_bytes(maker: Maker, signed_model: Path, data: st.DataObject) -> None:
    """Anywhere in the zip: what is let in is what was signed."""
    content = bytearray(signed_model.read_bytes())
    listed = content.rindex(b"PK\5\6")
    ends = st.integers(0, 3000) | st.integers(listed - 300, len(content) - 1)  # manifest, signature, list of members
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(ends)] = data.draw(st.integers(0, 255))
    path = maker.private.parent / "changed.efiqa"
    path.write_bytes(content)
    sound = read_bundle(signed_model, maker.public)
    with contextlib.suppress(EdgeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bundle = read_bundle(path, maker.public)
        assert (bundle.manifest, bundle.onnx, bundle.signature) == (sound.manifest, sound.onnx, sound.signature)


# The keys.


def test_several_keys_and_folders(maker: Maker, stranger: Maker, signed_model: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for each in (maker, stranger):
        (tmp_path / "keys" / each.public.name).write_bytes(each.public.read_bytes())
    (tmp_path / "keys" / "notes.txt").write_text("no key")
    for trust in (tmp_path / "keys", str(tmp_path / "keys"), [stranger.public, maker.public], (str(maker.public),)):
        assert read_bundle(signed_model, trust).signature is not None
    (tmp_path / "keys" / maker.public.name).unlink()
    assert "none of those trusted here" in refusal(signed_model, tmp_path / "keys")


def key_refusal(trust: Any) -> str:
    with pytest.raises(EdgeError) as caught:
        trusted_keys(trust)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_keys_that_are_none(maker: Maker, tmp_path: Path) -> None:
    rsa = (
        b"-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALz0s+ZXd5pZ3oCeHZ2q2r3p0k9Q4h0g\n"
        b"-----END PUBLIC KEY-----\n"
    )
    for data in (b"", b"no key", rsa, maker.public.read_bytes()[:60]):
        (tmp_path / "key.pem").write_bytes(data)
        assert "is not an Ed25519 public key in PEM: name the .pub.pem file" in key_refusal(tmp_path / "key.pem")
    (tmp_path / "key.pem").write_bytes(maker.private.read_bytes())
    for trust in (tmp_path / "key.pem", tmp_path):
        assert "is a private key, which belongs to its signer alone" in key_refusal(trust)
    assert key_refusal(tmp_path / "absent.pem").startswith(f"there is no key {tmp_path / 'absent.pem'}: name the")
    assert "cannot be read (File name too long): check its permissions" in key_refusal(tmp_path / ("x" * 300))
    assert "cannot be read" in key_refusal(tmp_path / "key.pem" / "below a file")
    (tmp_path / "empty").mkdir()
    assert "holds no *.pem file, and so no trusted key" in key_refusal(tmp_path / "empty")
    if hasattr(os, "mkfifo"):
        assert "more than 1 MiB" in key_refusal("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are Unix's")
def test_keys_that_every_user_may_replace_are_trusted_by_nobody(maker: Maker, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o755)
    key = folder / "maker.pem"
    key.write_bytes(maker.public.read_bytes())
    for path, mode, named in ((key, 0o646, (key, folder)), (folder, 0o757, (key, folder)), (folder, 0o1777, (folder,))):
        before = path.stat().st_mode
        path.chmod(mode)
        for trust in named:
            said = key_refusal(trust)
            assert said.startswith(f"every user of this machine may write {path}, and so say who is trusted: chmod o-w")
        path.chmod(before)
        assert list(trusted_keys(folder) or {}) == list(trusted_keys(key) or {}) == [maker.key]
    folder.chmod(0o1777)  # as /tmp: nobody replaces the file of another there
    assert list(trusted_keys(key) or {}) == [maker.key]


def test_an_elliptic_key_of_another_kind(tmp_path: Path, maker: Maker) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, x25519

    for private in (ec.generate_private_key(ec.SECP256R1()), x25519.X25519PrivateKey.generate()):
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (tmp_path / "key.pem").write_bytes(public)
        assert "is not an Ed25519 public key" in key_refusal(tmp_path / "key.pem")


@given(data=st.data())
def test_any_bytes_for_a_key(maker: Maker, data: st.DataObject) -> None:
    content = bytearray(maker.public.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = maker.private.parent / "any.pub"
    path.write_bytes(data.draw(st.binary(max_size=100)) if data.draw(st.booleans()) else bytes(content))
    with contextlib.suppress(EdgeError):
        assert len(trusted_keys(path) or {}) == 1


@pytest.mark.parametrize("trust", ["", [], [""], ["a.pem", ""]])
def test_no_key_trusts_nobody_in_place_of_anybody(trust: Any) -> None:
    """As from a variable of a script that is not set."""
    assert refusal(default_model(), trust).startswith("trust names no key, or an empty one: name the")


def test_the_environment_asks_for_every_bundle(
    maker: Maker, stranger: Maker, signed_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUST, str(maker.public))
    assert read_bundle(signed_model).signature is not None
    assert "it is not signed" in refusal(default_model(), None)
    monkeypatch.setenv(TRUST, os.pathsep.join((str(stranger.public), str(maker.public))))
    assert read_bundle(signed_model).signature is not None
    monkeypatch.setenv(TRUST, str(stranger.public))
    assert "none of those trusted here" in refusal(signed_model, None)
    assert read_bundle(signed_model, maker.public).signature is not None  # what is said beats what is set


@pytest.mark.parametrize("value", ["", os.pathsep, f"a.pem{os.pathsep}"])
def test_an_empty_variable_lets_nothing_in(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(TRUST, value)
    assert refusal(default_model(), None).startswith("EFIQA_TRUST names no key, or an empty one")


def test_what_a_command_demands_ends_with_it(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    for before in (None, "elsewhere.pem"):
        if before is not None:
            monkeypatch.setenv(TRUST, before)
        with demanding([str(maker.public)]):
            assert os.environ[TRUST] == str(maker.public)
            assert "it is not signed" in refusal(default_model(), None)
        assert os.environ.get(TRUST) == before


def test_a_bundle_that_is_written_anew_is_no_longer_signed(maker: Maker, signed_model: Path, tmp_path: Path) -> None:
    bundle = read_bundle(signed_model, maker.public)
    written = write_bundle(tmp_path / "new.efiqa", bundle.manifest, bundle.onnx, bundle.golden)
    assert written.signature is None
    assert "it is not signed" in refusal(written.path, maker.public)


def test_without_cryptography_it_is_one_sentence(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [each for each in sys.modules if each.split(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert refusal(default_model(), maker.public) == ('signatures need cryptography: pip install "efiqa-edge[sign]".')


def test_cryptography_is_loaded_only_where_somebody_is_to_be_trusted(maker: Maker, signed_model: Path) -> None:
    code = (
        "import sys; from edge.bundle.bundle import default_model, read_bundle\n"
        "read_bundle(default_model()); print('cryptography' in sys.modules)\n"
        "from pathlib import Path; read_bundle(Path(sys.argv[1]), sys.argv[2]); print('cryptography' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(signed_model), str(maker.public)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["False", "True"]


def test_bundles_come_from_one_place() -> None:
    """Whatever else read the file, or made a bundle itself, would go around the signature."""
    makers, readers, own = set(), set(), set()
    for package in ("edge", "trainer", "calibration", "benchmarks"):
        for path in (ROOT / package).rglob("*.py"):
            calls = [each for each in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(each, ast.Call)]
            names = {ast.unparse(each.func).split(".")[-1] for each in calls}
            makers |= {path.relative_to(ROOT).as_posix()} if "Bundle" in names else set()
            own |= {path.relative_to(ROOT).as_posix()} if "read_made" in names else set()
            readers |= {path.relative_to(ROOT).as_posix()} if names & {"read_archive", "unpack_bundle"} else set()
    assert makers == {"edge/bundle/bundle.py", "calibration/teacher/form.py"}  # the second builds what it has made
    assert readers == {"edge/bundle/bundle.py", "calibration/signing/sign.py"}  # the second says whom to trust
    assert own == {"calibration/parity/rerun.py"}  # the float form of a run, which nothing is graded with


def test_manifests_hold_the_hash_of_all_that_is_read(signed_model: Path) -> None:
    manifest = read_manifest(members(signed_model)[MANIFEST])
    assert set(members(signed_model)) - {MANIFEST, SIGNATURE} == set(manifest.members) == {ONNX, GOLDEN}
    assert isinstance(read_signature(members(signed_model)[SIGNATURE]), Signature)
    assert write_manifest(manifest) == members(default_model())[MANIFEST]
    assert io.BytesIO(signed_model.read_bytes()).read(2) == b"PK"
