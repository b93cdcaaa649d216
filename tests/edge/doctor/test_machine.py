from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from edge.doctor.machine import check_cameras, check_machine, check_opencv, check_openvino


def test_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIQA_CACHE", str(tmp_path / "a" / "b"))
    found = {each.name: each for each in check_machine(Path("/"), False)}
    assert list(found) == ["system", "memory", "engine cache", "frame step"]
    assert "Python 3" in found["system"].found
    assert str(tmp_path / "a" / "b") in found["engine cache"].found
    assert not (tmp_path / "a").exists()  # looking makes nothing


@pytest.mark.parametrize(("jetson", "remedy"), [(True, "isolate multi-user"), (False, "end other programs")])
def test_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jetson: bool, remedy: str) -> None:
    (tmp_path / "proc").mkdir()
    others = "".join(f"{name}: 1 kB\n" for name in ("MemFree", "Buffers", "Cached", "Shmem", "Active", "Inactive"))
    memory = f"MemTotal:  7800000 kB\n{others}MemAvailable:  900000 kB\n"
    (tmp_path / "proc" / "meminfo").write_text(memory)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"))
    (found,) = [each for each in check_machine(tmp_path, jetson) if each.name == "memory"]
    assert found.state == "warning"
    assert found.found.startswith("878 of 7617 MiB free")
    assert remedy in found.remedy


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EFIQA_CACHE", str(tmp_path / "file" / "cache"))
    (found,) = [each for each in check_machine(Path("/"), False) if each.name == "engine cache"]
    assert found.state == "missing"
    assert "EFIQA_CACHE" in found.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="cameras are files on Linux only")
def test_cameras(tmp_path: Path) -> None:
    assert check_cameras(tmp_path).state == "warning"
    (tmp_path / "dev").mkdir()
    camera = tmp_path / "dev" / "video0"
    camera.touch()
    assert (check_cameras(tmp_path).state, check_cameras(tmp_path).found) == ("ok", "/dev/video0")
    camera.chmod(0)
    if os.geteuid():  # root may read everything
        assert check_cameras(tmp_path).remedy.startswith("sudo usermod -aG video")


def test_opencv_and_openvino_of_this_environment() -> None:
    import cv2

    opencv, gstreamer = check_opencv(False)
    assert opencv.found.startswith(cv2.__version__)
    assert gstreamer.name == "GStreamer"
    assert check_openvino().state == "ok"


def test_an_opencv_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    (found,) = check_opencv(True)
    assert (found.name, found.state) == ("OpenCV", "missing")


def test_no_remedy_on_a_jetson_brings_pip_s_opencv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edge.doctor import machine

    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setattr(machine, "_installed", lambda name: False)
    (opencv,) = check_opencv(True)
    assert "nvidia-jetpack" in opencv.remedy
    (tmp_path / "openvino.py").write_text("raise ModuleNotFoundError(\"No module named 'openvino'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert check_openvino(True).state == "ok"
    assert "efiqa-edge[cpu]" in check_openvino(False).remedy


def test_an_opencv_whose_files_another_package_took_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cv2").mkdir()  # a folder without __init__.py can be imported, and holds nothing
    monkeypatch.delitem(sys.modules, "cv2")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *(each for each in sys.path if "site-packages" not in each)])
    (found,) = check_opencv(False)
    assert (found.name, found.state) == ("OpenCV", "missing")


def test_pip_s_opencv_hides_that_of_jetpack(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    from edge.doctor import machine

    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  Video I/O:\n    GStreamer:                   NO\n")
    monkeypatch.setattr(machine, "try_python", lambda code: _no())
    monkeypatch.setattr(machine, "_installed", lambda name: name == "opencv-python")
    found = check_opencv(True)[1]
    assert found.state == "missing"
    assert found.remedy == "pip uninstall -y opencv-python"
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "    GStreamer:                   YES (1.20.3)\n")
    assert check_opencv(True)[1].found == "in OpenCV (1.20.3)"
    monkeypatch.setattr(machine, "_installed", lambda name: name.startswith("opencv-python"))
    assert "opencv-python and opencv-python-headless overwrite" in check_opencv(False)[0].found


def _no() -> object:
    from edge.doctor.finding import Tried

    return Tried(False, "No module named 'gi'")
