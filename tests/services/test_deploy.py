"""What deploy/ holds, against the program and the tools that read it: containers, drop-in, udev rule, figures, archive.

The containers' own steps run in ``deploy/check-root.sh``, which is slow: ``make check-long``.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from edge.commands import capture as capture_command

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
DOCKERFILES = ("cpu", "jetson")
DASHBOARD = json.loads((COMPOSE / "grafana/capture.json").read_text())
RULES = yaml.safe_load((COMPOSE / "rules.yml").read_text())["groups"][0]["rules"]
SUMS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
NAMED = set(re.findall(r"efiqa_\w+", " ".join([*SUMS, *(rule["expr"] for rule in RULES)])))
PROMTOOL = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="THE RULES ARE NOT CHECKED: no promtool; apt install prometheus"
)


def accepts(words: list[str]) -> None:
    """edge-capture takes these arguments; nothing is run."""
    typer.main.get_command(capture_command.app).make_context("edge-capture", list(words))


# --- figures: what a session says, and what asks for it


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """Port and figures of a real session with its page, somebody who looks at it and a disk."""
    pytest.importorskip("aiohttp")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    folder = tmp_path_factory.mktemp("session")
    command = [sys.executable, "-m", "edge.commands.capture", "demo:600", "--web", "--port", str(port), "--out"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, str(folder / "out")], stdout=log, stderr=log)
    said, deadline = "", time.monotonic() + 300
    while "efiqa_score" not in said or "efiqa_disk_free_bytes" not in said:
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, said
        time.sleep(0.5)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                said = answer.read().decode()
        except OSError:
            continue
    yield port, said
    process.kill()
    process.wait()


def test_every_figure_that_is_asked_for_is_one_that_a_session_gives(session: tuple[int, str]) -> None:
    given = set(re.findall(r"^# TYPE (\w+)", session[1], re.M)) | {"efiqa_preview_age_seconds"}  # once somebody looks
    assert given == NAMED  # and the board shows each


@PROMTOOL
def test_prometheus_takes_figures_configuration_and_rules(session: tuple[int, str]) -> None:
    lint = subprocess.run(["promtool", "check", "metrics"], input=session[1], capture_output=True, text=True)
    assert lint.returncode == 0, lint.stderr
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "rules.test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=COMPOSE, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@PROMTOOL
@pytest.mark.parametrize("expression", SUMS)
def test_prometheus_can_read_what_the_board_asks(expression: str, tmp_path: Path) -> None:
    rules = {"groups": [{"name": "board", "rules": [{"record": "asked", "expr": expression}]}]}
    (tmp_path / "asked.yml").write_text(yaml.safe_dump(rules))
    done = subprocess.run(["promtool", "check", "rules", "asked.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_alert_has_a_remedy_and_a_test() -> None:
    tested = (COMPOSE / "rules.test.yml").read_text()
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "remedy"}
        assert rule["alert"] in tested


def test_the_health_of_a_session_and_of_none(session: tuple[int, str]) -> None:
    def healthy(port: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(DEPLOY / "healthcheck.py"), str(port)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    deadline = time.monotonic() + 120
    while (found := healthy(session[0])).returncode:  # a busy machine may grade no frame for two seconds
        assert time.monotonic() < deadline, found.stderr
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    away = healthy(port)
    assert away.returncode == 1
    assert f"does not answer on port {port}" in away.stderr


# --- containers


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_container_runs_scripts_alone_as_nobody_special(name: str) -> None:
    text = (DEPLOY / f"Dockerfile.{name}").read_text()
    check = (DEPLOY / "check-root.sh").read_text()
    steps = re.findall(r"^RUN (.*)$", text, re.M)
    assert steps
    for step in steps:
        script = re.fullmatch(r"sh (?:/source)?/deploy/([\w-]+\.sh) .*", step)
        assert script is not None, step
        assert (DEPLOY / script[1]).is_file()
        assert script[1] in check  # which CI can run
    final = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER efiqa$", final, re.M)
    assert "/deploy/healthcheck.py" in next(line for line in final.splitlines() if line.startswith("HEALTHCHECK"))
    for line in re.findall(r"^COPY (?!--from)(.*)$", final, re.M):
        assert all((ROOT / source).exists() for source in line.split()[:-1])
    accepts(json.loads(re.findall(r"^CMD (.*)$", final, re.M)[-1]))


def test_jetson_s_base_is_an_argument_and_both_are_named() -> None:
    text = (DEPLOY / "Dockerfile.jetson").read_text()
    bases = set(re.findall(r"nvcr\.io/[\w./:-]+", text))
    assert bases == {"nvcr.io/nvidia/l4t-jetpack:r36.4.0", "nvcr.io/nvidia/tensorrt:26.05-py3"}
    assert bases == set(re.findall(r"nvcr\.io/[\w./:-]+", (DEPLOY / "install-jetson.sh").read_text()))
    assert text.count("FROM ${BASE}") == 2


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("*.sh")), ids=lambda path: path.name)
def test_the_shell_takes_every_script(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_compose_names_what_is_there() -> None:
    base = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    board = yaml.safe_load((COMPOSE / "jetson.yaml").read_text())
    assert set(base["services"]) == {"capture", "orthanc", "prometheus", "grafana"}
    for service in base["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            assert (COMPOSE / source).is_file() if source.startswith("./") else source in base["volumes"]
    for one in (base, board):
        accepts(one["services"]["capture"]["command"])
        assert (COMPOSE / "../.." / one["services"]["capture"]["build"]["dockerfile"]).is_file()
    assert {p["datasource"]["uid"] for p in DASHBOARD["panels"]} == {
        source["uid"] for source in yaml.safe_load((COMPOSE / "grafana/source.yml").read_text())["datasources"]
    }


def test_nothing_of_it_can_be_reached_from_another_machine() -> None:
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    assert all("ports" not in each and each["network_mode"] == "host" for each in services.values())
    assert "--host" not in services["capture"]["command"]
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert json.loads((COMPOSE / "orthanc.json").read_text())["HttpBindAddresses"] == ["127.0.0.1"]


def test_the_camera_s_container_can_do_little() -> None:
    camera = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]["capture"]
    assert (camera["read_only"], camera["cap_drop"]) == (True, ["ALL"])
    assert camera["security_opt"] == ["no-new-privileges:true"]
    board = yaml.safe_load((COMPOSE / "jetson.yaml").read_text())["services"]["capture"]
    assert not {"privileged", "cap_add", "user", "pid"} & {*camera, *board}
    assert camera["devices"] == ["${EFIQA_CAMERA:-/dev/video0}:/dev/video0"]
    # The GPU is not root's alone there, and by number: the board's group has another name in the image, or none.
    assert board["group_add"][0] == "video"
    assert board["group_add"][1].startswith("${RENDER:?")


def test_a_real_orthanc_takes_its_configuration(tmp_path: Path) -> None:
    if shutil.which("Orthanc") is None:
        pytest.skip("ORTHANC'S CONFIGURATION IS NOT TESTED: no Orthanc; apt install orthanc orthanc-dicomweb")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    settings = json.loads((COMPOSE / "orthanc.json").read_text())
    settings |= {"HttpPort": port, "StorageDirectory": str(tmp_path), "IndexDirectory": str(tmp_path)}
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(["Orthanc", str(tmp_path / "orthanc.json")], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 300
        while True:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/dicom-web/studies", timeout=30) as answer:
                    assert answer.status == 200
                    break
            except urllib.error.HTTPError:
                raise
            except OSError:
                time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
def test_the_steps_of_both_containers_run_in_a_bare_debian(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("THE CONTAINERS' STEPS ARE NOT RUN: they need root and debootstrap")
    done = subprocess.run(["bash", str(DEPLOY / "check-root.sh"), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "all steps of both Dockerfiles ran" in done.stdout


# --- the service on a board


@pytest.fixture
def verify(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("THE DROP-IN IS NOT VERIFIED: no systemd-analyze")

    def run(text: str) -> subprocess.CompletedProcess[str]:
        unit, folder = tmp_path / "efiqa-capture.service", tmp_path / "efiqa-capture.service.d"
        folder.mkdir(exist_ok=True)
        unit.write_text((DEPLOY / unit.name).read_text().replace("/opt/efiqa/bin/edge-capture", "/bin/true"))
        (folder / "jetson.conf").write_text(text)
        return subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)

    return run


def test_systemd_finds_no_fault_in_the_drop_in(verify: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    text = (DEPLOY / "efiqa-capture.service.d/jetson.conf").read_text()
    here = text.replace("/opt/efiqa/bin/edge-capture", "/bin/true").replace("/usr/bin/jetson_clocks", "/bin/true")
    done = verify(here)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "efiqa-capture" in line]) == (0, [])
    assert "jetson.conf" in verify(here.replace("SupplementaryGroups", "SupplementaryGroup")).stderr  # it is read


def test_the_drop_in_starts_what_edge_capture_takes() -> None:
    text = (DEPLOY / "efiqa-capture.service.d/jetson.conf").read_text().replace("\\\n", " ")
    first, second = re.findall(r"^ExecStart=(.*)$", text, re.M)
    assert first == ""
    program, *words = shlex.split(second)
    assert program == "/opt/efiqa/bin/edge-capture"
    accepts([word.replace("/opt/efiqa/signed.efiqa", "default") for word in words])
    assert "/dev/efiqa-camera" in words


def test_the_udev_rule_is_one_and_names_what_the_drop_in_opens() -> None:
    text = (DEPLOY / "70-efiqa-camera.rules").read_text()
    (rule,) = [line for line in text.splitlines() if line and not line.startswith("#")]
    keys: dict[str, Any] = {}
    for part in rule.split(", "):
        match = re.fullmatch(r'([A-Z]+(?:\{\w+\})?)(==|\+=|=)"([^"]+)"', part)
        assert match is not None, part
        keys[match[1]] = match[2], match[3]
    assert keys["SUBSYSTEM"] == ("==", "video4linux")
    assert keys["ATTR{index}"] == ("==", "0")  # the node that gives pictures
    assert keys["SYMLINK"] == ("+=", "efiqa-camera")
    assert (keys["GROUP"], keys["MODE"]) == (("=", "video"), ("=", "0660"))
    if shutil.which("udevadm") and subprocess.run(["udevadm", "verify", "--help"], capture_output=True).returncode == 0:
        subprocess.run(["udevadm", "verify", str(DEPLOY / "70-efiqa-camera.rules")], check=True)
