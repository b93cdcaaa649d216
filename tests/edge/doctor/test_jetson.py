"""On copies of the files that JetPack writes: no board was at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.doctor.finding import Finding
from edge.doctor.jetson import check_jetson, is_jetson

RELEASE = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 2025\n"
MODES = """# comment
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< PM_CONFIG DEFAULT=1 >
"""
PACKAGES = """Package: libc6
Status: install ok installed
Version: 2.35

Package: nvidia-jetpack
Status: install ok installed
Priority: standard
Version: 6.2.1+b38
Depends: nvidia-jetpack-runtime

Package: zlib1g
Version: 1.2
"""


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def orin(tmp_path: Path) -> Path:
    """Files of an Orin Nano with JetPack 6.2."""
    write(tmp_path, "etc/nv_tegra_release", RELEASE)
    write(tmp_path, "proc/device-tree/model", "NVIDIA Jetson Orin Nano Developer Kit Super\0")
    write(tmp_path, "etc/nvpmodel.conf", MODES)
    write(tmp_path, "var/lib/nvpmodel/status", "pmode:0002 fmode:fanNull\n")
    write(tmp_path, "var/lib/dpkg/status", PACKAGES)
    for name, value in (("min_freq", 306_000_000), ("max_freq", 1_020_000_000)):
        write(tmp_path, f"sys/class/devfreq/17000000.gpu/{name}", f"{value}\n")
        write(tmp_path, f"sys/class/devfreq/15340000.vic/{name}", "115200000\n")
    return tmp_path


def line(root: Path, name: str) -> Finding:
    (found,) = [each for each in check_jetson(root) if each.name == name]
    assert bool(found.remedy) is (found.state != "ok")
    return found


def test_a_board_as_it_should_be(orin: Path) -> None:
    assert is_jetson(orin)
    found = line(orin, "JetPack")
    assert found.state == "ok"
    assert found.found == "NVIDIA Jetson Orin Nano Developer Kit Super, JetPack 6.2.1, Jetson Linux 36.4.3"
    assert line(orin, "power mode").found == "MAXN_SUPER"
    write(orin, "sys/class/devfreq/17000000.gpu/min_freq", "1020000000\n")
    assert line(orin, "clocks").found == "GPU held at 1020 MHz"


def test_a_pc_is_no_jetson(tmp_path: Path) -> None:
    assert not is_jetson(tmp_path)


@pytest.mark.parametrize(
    ("release", "state", "words"),
    [
        (RELEASE.replace("R36", "R35"), "warning", "JetPack 5"),
        (RELEASE.replace("R36", "R38"), "ok", "JetPack 7"),
        (RELEASE.replace("R36", "R99"), "ok", "a JetPack not known here"),
        ("", "missing", "does not name a release"),
        ("garbage \0 \xff", "missing", "does not name a release"),
    ],
)
def test_jetpack_without_its_package(orin: Path, release: str, state: str, words: str) -> None:
    write(orin, "var/lib/dpkg/status", "")
    write(orin, "etc/nv_tegra_release", release)
    found = line(orin, "JetPack")
    assert found.state == state
    assert words in found.found


def test_a_weak_power_mode_names_the_strong_one(orin: Path) -> None:
    write(orin, "var/lib/nvpmodel/status", "pmode:0000\n")
    found = line(orin, "power mode")
    assert found.state == "warning"
    assert found.found.startswith("15W, though MAXN_SUPER")
    assert found.remedy.endswith("sudo nvpmodel -m 2")


def test_the_default_power_mode_where_none_was_noted(orin: Path) -> None:
    (orin / "var/lib/nvpmodel/status").unlink()
    assert line(orin, "power mode").found.startswith("25W")
    (orin / "etc/nvpmodel.conf").unlink()
    assert line(orin, "power mode").remedy == "check it: sudo nvpmodel -q"


def test_clocks_that_fall(orin: Path) -> None:
    found = line(orin, "clocks")
    assert (found.state, found.found) == ("warning", "the GPU falls to 306 of 1020 MHz between frames")
    write(orin, "sys/class/devfreq/17000000.gpu/max_freq", "fast\n")
    assert line(orin, "clocks").found == "the GPU's clocks cannot be read"
