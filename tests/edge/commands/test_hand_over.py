"""Where DICOM files go is settled before a session begins, and no secret is seen on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import edge
from edge.commands.capture import app

pytest.importorskip("pydicom")
pytest.importorskip("aiohttp")
DICOM = ("--dicom", "--laterality", "R", "--hand-over")


def invoke(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["demo", "--frames", "1", *map(str, arguments)])
    return result.exit_code, " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*DICOM, "ftp://host/x"), "neither a folder nor an address"),
        ((*DICOM, "https://me:se/cret@host"), "neither a folder nor an address"),
        ((*DICOM, "http://pacs/x", "--study", "STUDY"), "identities would be sent to it unencrypted"),
        ((*DICOM, "http://me:cret@pacs/x"), "user, password or token would be sent"),
        ((*DICOM, "https://pacs/x", "--ca", "missing.pem"), "missing.pem cannot be used for --ca"),
        ((*DICOM, "/dev/null/x"), "cannot take DICOM files"),
        (("--dicom", "--laterality", "R", "--insecure"), "belong to --hand-over"),
        (("--keep-dicom", "2"), "belong to --dicom"),
    ],
)
def test_an_address_is_checked_before_anything_else(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    (tmp_path / "study.yaml").write_text("patient_id: 00123\n")
    given = [str(tmp_path / "study.yaml") if each == "STUDY" else each for each in arguments]
    code, said = invoke("--out", tmp_path / "out", *given)
    assert code == 2
    assert says in said
    assert "cret" not in said
    assert not (tmp_path / "out").exists()


def test_what_earlier_sessions_left_may_hold_identities_too(tmp_path: Path) -> None:
    (tmp_path / "out" / "session-3").mkdir(parents=True)
    (tmp_path / "out" / "session-3" / ".frame-000001.dcm.waiting").touch()
    code, said = invoke("--out", tmp_path / "out", *DICOM, "http://pacs/x")
    assert code == 2
    assert "identities would be sent" in said


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc here")
def test_the_list_of_processes_shows_no_password(tmp_path: Path) -> None:
    pytest.importorskip("setproctitle")
    command = [
        sys.executable, "-m", "edge.commands.capture", "demo:60", "--no-video", "--out", str(tmp_path / "out"), *DICOM,
        "http://me:hidden@127.0.0.1:9/dicom-web",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(edge.__file__).parents[1])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            shown, name = Path(f"/proc/{process.pid}/cmdline"), Path(f"/proc/{process.pid}/comm")
            deadline = time.monotonic() + 300
            while b"http://127.0.0.1:9/dicom-web" not in shown.read_bytes():
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.05)
            assert b"hidden" not in shown.read_bytes()
            assert name.read_text().strip() == Path(sys.executable).name[:15]  # what pkill -x looks for
        finally:
            process.kill()


@pytest.mark.parametrize("waits", [False, True])
def test_what_waits_for_an_archive_is_told_of_where_none_is_given(tmp_path: Path, waits: bool) -> None:
    (tmp_path / "one.dcm").write_bytes(b"DICM")
    if waits:
        (tmp_path / ".one.dcm.waiting").touch()
    code, said = invoke("--fast", "--no-video", "--out", tmp_path)
    assert code == 0
    assert ("--hand-over sends them" in said) is waits
