"""The service file in a real systemd: a user of its own, places for engines and pictures, the page, DICOM, restarts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "efiqa-capture.service"
SYSTEMD = Path("/lib/systemd/systemd")
TOKEN = "correct-horse-battery-9"
COMMAND = Path(sys.executable).parent / "edge-capture"


def test_the_page_shows_the_very_file() -> None:
    assert UNIT.read_text() in (ROOT / "docs" / "edge-capture.md").read_text()


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="THE SERVICE FILE IS NOT VERIFIED: no systemd-analyze"
)
def test_systemd_finds_no_fault_in_it(tmp_path: Path) -> None:
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text().replace("/opt/efiqa/bin/edge-capture", str(COMMAND)))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if UNIT.name in line]) == (0, [])


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="THE SERVICE FILE IS NOT WEIGHED: no systemd-analyze"
)
def test_a_service_that_is_taken_over_can_do_little() -> None:
    """Of what systemd weighs, from 0 to 100, less than half is left; what is, needs a network, a GPU and a camera."""
    weigh = ["systemd-analyze", "security", "--offline=true", "--threshold=45", "--no-pager"]
    done = subprocess.run([*weigh, str(UNIT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def arguments(port: int) -> str:
    """The unit as it stands, with the demo for a camera, a folder for an archive and a port that is free here."""
    text = UNIT.read_text().replace("/opt/efiqa/bin/edge-capture 0", f"{COMMAND} demo:3600")
    text = text.replace("--web", f"--web --port {port}")
    text = text.replace("https://archive.example/dicom-web", "/var/lib/efiqa/archive")
    text = text.replace("/var/lib/efiqa --json", "/var/lib/efiqa/out --json")
    # Where the tests' Python lives in a home folder the service must see that one.
    return text.replace("ProtectHome=yes", "ProtectHome=read-only")


class Manager:
    """A systemd as process 1 of its own namespace."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = int(taken.getsockname()[1])
        files, copy = folder / "files", folder / "copy"
        copy.mkdir(parents=True)
        units, settings = files / "run/systemd/system", files / "etc/efiqa"
        units.mkdir(parents=True)
        settings.mkdir(parents=True)
        (units / UNIT.name).write_text(arguments(self.port))
        wants = "[Unit]\nDefaultDependencies=no\nWants=efiqa-capture.service\n"
        (units / "efiqa-test.target").write_text(wants)
        (settings / "secrets").write_text(f"EFIQA_TOKEN={TOKEN}\n")
        (settings / "secrets").chmod(0o600)
        (settings / "camera.yaml").write_text("institution: Clinic\n")
        (settings / "camera.yaml").chmod(0o600)
        certificate = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ]
        pair = ["-keyout", str(settings / "page.key"), "-out", str(settings / "page.pem")]
        subprocess.run([*certificate, *pair], check=True, capture_output=True)
        (settings / "page.key").chmod(0o600)
        alone = ["--pid", "--fork", "--kill-child=KILL", "--mount", "--mount-proc", "--cgroup", "--uts", "--ipc"]
        self._process = subprocess.Popen(
            ["unshare", *alone, "bash", str(Path(__file__).parent / "boot.sh"), str(copy), str(files)],
            env={"PATH": os.environ["PATH"], "container": "docker"},
            stdin=subprocess.DEVNULL,
            stdout=(folder / "boot.log").open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._log = folder / "boot.log"

    def run(self, *command: str) -> str:
        """A command beside the service; its words, whatever it ends with."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        inside = ["nsenter", "-t", children[0], "-m", "-p", "-r", *command] if children else ["true"]
        done = subprocess.run(inside, capture_output=True, text=True, timeout=300, env={"PATH": os.environ["PATH"]})
        return done.stdout + done.stderr

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        for _ in range(600):
            if self._process.poll() is not None:
                pytest.fail(f"systemd ended: {self._log.read_text()}")
            if done():
                return
            time.sleep(0.2)
        pytest.fail(f"{what}: {self.run('journalctl', '--no-pager', '-n', '40', '-u', UNIT.name)}")

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the page answers, or why it refuses, as to a browser that knows the token; empty where it is away."""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", data, headers)
        try:
            with urllib.request.urlopen(asked, context=trusting, timeout=60) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except OSError:
            return {}

    def shows(self, name: str) -> str:
        return self.run("systemctl", "show", "-P", name, UNIT.name).strip()

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _can_boot() -> bool:
    if os.geteuid() != 0 or not SYSTEMD.exists() or not shutil.which("nsenter") or not shutil.which("openssl"):
        return False
    tried = ["unshare", "--pid", "--fork", "--mount", "--cgroup", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(tried, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    if not _can_boot():
        pytest.skip("THE SERVICE IS NOT RUN: a systemd needs root, namespaces and openssl")
    if any(COMMAND.is_relative_to(folder) for folder in ("/tmp", "/var/tmp", "/run")):
        pytest.skip(f"THE SERVICE IS NOT RUN: with its own /tmp it does not see {COMMAND}, so clone to another folder")
    started = Manager(tmp_path_factory.mktemp("systemd"))
    try:
        yield started
    finally:
        started.stop()


def test_the_service_runs_as_a_user_of_its_own(manager: Manager) -> None:
    manager.wait("it starts", lambda: manager.shows("ActiveState") == "active")
    manager.wait(
        "it grades",
        lambda: "frames graded" in manager.shows("StatusText") and manager.shows("StatusText") != "0 frames graded",
    )
    owner = manager.run("stat", "-c", "%U", f"/proc/{manager.shows('MainPID')}").strip()
    assert owner not in ("root", "")


def take(manager: Manager, visit: int) -> None:
    """Take a picture by hand, however slow the machine is, and say which eye it shows."""

    def kept() -> list[Any]:
        manager.ask("/trigger", {"visit": visit})
        return list(manager.ask("/captures").get("captures", ()))

    manager.wait("a picture is kept", lambda: bool(kept()))
    for each in manager.ask("/captures")["captures"]:
        manager.ask(f"/captures/{each['number']}/eye", {"visit": visit, "eye": "right"})


def test_engines_and_pictures_have_a_place_of_their_own(manager: Manager) -> None:
    def holds(folder: str, name: str) -> bool:
        return folder in manager.run("find", folder, "-type", "f", "-name", name).split("No such file")[0]

    manager.wait("an engine is kept", lambda: holds("/var/cache/private/efiqa/", "*"))
    take(manager, 1)
    assert manager.ask("/visit/next", {"visit": 1, "patient": {"patient_name": "Doe^Jane"}}) == {"visit": 2}
    manager.wait("an image is handed over", lambda: holds("/var/lib/private/efiqa/archive/", "*.dcm"))
    for folder in ("/var/cache/private/efiqa", "/var/lib/private/efiqa"):
        assert manager.run("stat", "-c", "%a", folder).strip() == "700"


# Who and where each image at the archive was taken; which eye the picture told.
SHOWN = """
from pathlib import Path
from pydicom import dcmread
for file in Path("/var/lib/private/efiqa/archive").glob("*.dcm"):
    image = dcmread(file, stop_before_pixels=True)
    assert image.ImageLaterality in ("R", "L")
    print(image.PatientName, image.InstitutionName)
"""


def test_each_visit_is_of_the_patient_that_the_page_was_told(manager: Manager) -> None:
    pytest.importorskip("pydicom")

    def shown() -> set[str]:
        return set(manager.run(sys.executable, "-c", SHOWN).splitlines())

    manager.wait("the image of nobody is handed over", lambda: shown() == {" Clinic"})
    take(manager, 2)
    assert manager.ask("/visit/end", {"visit": 2}) == {"ok": True}
    manager.wait("that of the next one is handed over", lambda: shown() == {" Clinic", "Doe^Jane Clinic"})


def test_the_page_answers_over_tls(manager: Manager) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE

    def answers() -> bool:
        try:
            url = f"https://127.0.0.1:{manager.port}/healthz"
            with urllib.request.urlopen(url, context=trusting, timeout=30) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    manager.wait("the page answers", answers)


def test_a_killed_session_starts_anew_and_a_stopped_one_keeps_everything(manager: Manager) -> None:
    def sessions() -> list[str]:
        found = manager.run("find", "/var/lib/private/efiqa/out", "-name", "session.jsonl").splitlines()
        return [line for line in found if line.endswith("/session.jsonl")]

    manager.wait("it grades", lambda: manager.shows("StatusText") not in ("", "0 frames graded"))
    manager.wait("it has a session", sessions)
    manager.wait("its rows are on the disk", lambda: all(manager.run("cat", session) for session in sessions()))
    first, before = manager.shows("MainPID"), len(sessions())
    manager.run("systemctl", "kill", "-s", "KILL", UNIT.name)
    manager.wait(
        "it starts anew",
        lambda: manager.shows("MainPID") not in (first, "0") and manager.shows("ActiveState") == "active",
    )
    manager.wait("it grades again", lambda: manager.shows("StatusText") not in ("", "0 frames graded"))
    manager.run("systemctl", "stop", UNIT.name)
    manager.wait("it stops", lambda: manager.shows("ActiveState") in ("inactive", "failed"))
    assert manager.shows("Result") == "success"
    assert len(sessions()) == before + 1
    for session in sessions():
        rows = manager.run("cat", session).splitlines()
        assert rows
        assert all(json.loads(row) for row in rows)
