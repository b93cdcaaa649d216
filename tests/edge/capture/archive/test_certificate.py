"""A server whose certificate nobody vouches for gets neither a file nor a password."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("pydicom")
pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.capture.archive.target import read_target


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """One that signs itself: its file, and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "page.pem").write_bytes(signed.public_bytes(pem))
    (folder / "page.key").write_bytes(secret)
    return folder / "page.pem", folder / "page.key"


@pytest.mark.parametrize(("host", "vouched", "arrives"), [
    ("127.0.0.1", False, False),
    ("127.0.0.9", True, False),  # of another machine
    ("127.0.0.1", True, True),
])  # fmt: skip
def test_who_stands_between_device_and_archive_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, vouched: bool, arrives: bool
) -> None:
    pem, key = certificate(tmp_path, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listening.accept()
        try:
            with context.wrap_socket(client, server_side=True) as line:
                heard.append(line.recv(1 << 16))
        except OSError:
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    monkeypatch.setenv("EFIQA_STOW_LOGIN", "me:secret")
    file = tmp_path / "one.dcm"
    file.write_bytes(b"a patient")
    target = read_target(f"https://127.0.0.1:{listening.getsockname()[1]}/dicom-web", ca=pem if vouched else None)
    until = time.monotonic() + 60
    with pytest.raises(OSError, match="without an answer" if arrives else "its certificate is not trusted"):
        target.send(file, lambda: until)
    thread.join()
    listening.close()
    assert bool(b"".join(heard)) == arrives
