"""Which cameras Linux knows: a tree as the kernel lays it out, and the kernel's own numbers."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.camera.local import v4l2 as nodes_module
from edge.camera.local.device import RequestedMode, read_wish
from edge.camera.local.v4l2 import (
    ENUM_FMT,
    ENUM_RATES,
    ENUM_SIZES,
    QUERYCAP,
    Mode,
    find_again,
    list_cameras,
    node_of,
    nodes,
)


def plug(tree: Path, number: int, name: str, port: str, serial: str = "", place: int = 0) -> None:
    """A camera as sysfs shows it: the node, a link to its interface, and the USB device above that."""
    device = tree / "devices" / port
    interface = device / f"{port}:1.0"
    interface.mkdir(parents=True, exist_ok=True)
    for file, text in (("idVendor", "04b4"), ("idProduct", "00c3"), ("serial", serial)):
        if text:
            (device / file).write_text(text + "\n")
    node = tree / "class" / f"video{number}"
    node.mkdir(parents=True)
    (node / "name").write_text(name + "\n")
    (node / "index").write_text(f"{place}\n")
    (node / "device").symlink_to(interface)


def unplug(tree: Path, number: int) -> None:
    shutil.rmtree(tree / "class" / f"video{number}")


def test_nodes_come_by_number(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        plug(tmp_path, number, f"Camera {number}", f"1-{number}")
    assert [node.path for node in nodes(tmp_path / "class")] == ["/dev/video0", "/dev/video2", "/dev/video10"]
    assert nodes(tmp_path / "nowhere") == []


def test_a_camera_is_found_under_its_new_number(tmp_path: Path) -> None:
    plug(tmp_path, 0, "Fundus", "1-1", serial="A7")
    plug(tmp_path, 1, "Fundus", "1-1", serial="A7", place=1)
    known = node_of("/dev/video0", tmp_path / "class")
    assert known.serial == "04b4:00c3:A7"
    unplug(tmp_path, 0)
    unplug(tmp_path, 1)
    assert find_again(known, tmp_path / "class") is None
    plug(tmp_path, 0, "Webcam", "1-3", serial="B2")
    plug(tmp_path, 2, "Fundus", "1-2", serial="A7", place=1)
    plug(tmp_path, 3, "Fundus", "1-2", serial="A7")  # another port, another number
    found = find_again(known, tmp_path / "class")
    assert found is not None
    assert found.path == "/dev/video3"


def test_another_camera_of_the_same_name_is_not_taken_for_it(tmp_path: Path) -> None:
    plug(tmp_path, 0, "Fundus", "1-1", serial="A7")
    plug(tmp_path, 1, "Fundus", "1-2", serial="B2")
    known = node_of("/dev/video0", tmp_path / "class")
    unplug(tmp_path, 0)
    assert find_again(known, tmp_path / "class") is None


def test_a_camera_that_another_program_uses_is_listed_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(path: str) -> tuple[str, bool]:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(nodes_module, "_capabilities", busy)
    plug(tmp_path, 0, "Fundus", "1-1")
    (listed,) = list_cameras(tmp_path / "class")
    assert (listed.source, listed.trouble) == ("0", "another program holds it")


def test_without_a_serial_number_the_port_decides_then_the_name(tmp_path: Path) -> None:
    plug(tmp_path, 0, "Fundus", "1-1")
    plug(tmp_path, 1, "Fundus", "1-2")
    known = node_of("/dev/video1", tmp_path / "class")
    assert known.serial == ""
    assert find_again(known, tmp_path / "class") == known
    unplug(tmp_path, 1)
    other = find_again(known, tmp_path / "class")
    assert other is not None
    assert other.path == "/dev/video0"
    plug(tmp_path, 4, "Webcam", "1-2")
    back = find_again(known, tmp_path / "class")
    assert back is not None
    assert back.path == "/dev/video4"


def test_without_data_of_the_system_the_path_stays(tmp_path: Path) -> None:
    known = node_of("/dev/video7", tmp_path / "nowhere")
    assert known.path == "/dev/video7"
    assert find_again(known, tmp_path / "nowhere") == known


def test_a_node_that_cannot_be_asked_is_listed_with_the_reason(tmp_path: Path) -> None:
    plug(tmp_path, 97, "Fundus", "1-1")
    (listed,) = list_cameras(tmp_path / "class")
    assert listed.source == "97"
    assert listed.modes == ()
    assert listed.trouble == os.strerror(2)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_numbers_are_those_of_the_kernel(tmp_path: Path) -> None:
    program = tmp_path / "numbers.c"
    program.write_text(
        "#include <linux/videodev2.h>\n#include <stddef.h>\n#include <stdio.h>\n"
        "#define AT(s, f) (int)offsetof(struct s, f)\n"
        'int main(void) { printf("%u %u %u %u %d %d %d %d %d %d", (unsigned)VIDIOC_QUERYCAP, (unsigned)VIDIOC_ENUM_FMT,'
        " (unsigned)VIDIOC_ENUM_FRAMESIZES, (unsigned)VIDIOC_ENUM_FRAMEINTERVALS, AT(v4l2_capability, capabilities),"
        " AT(v4l2_capability, device_caps), AT(v4l2_fmtdesc, pixelformat), AT(v4l2_frmsizeenum, type),"
        " AT(v4l2_frmivalenum, type), AT(v4l2_frmivalenum, discrete)); }\n"
    )
    built = subprocess.run(["cc", str(program), "-o", str(tmp_path / "numbers")], capture_output=True, check=False)
    if b"videodev2.h" in built.stderr:
        pytest.skip("the kernel's headers are not installed")
    said = subprocess.run([str(tmp_path / "numbers")], capture_output=True, text=True, check=True).stdout
    assert [int(each) for each in said.split()] == [
        QUERYCAP, ENUM_FMT, ENUM_SIZES, ENUM_RATES, 84, 88, 44, 8, 16, 20,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("1920x1080", RequestedMode(1920, 1080)),
        ("1920x1080@30", RequestedMode(1920, 1080, 30.0)),
        ("640x480@29.97/MJPG", RequestedMode(640, 480, 29.97, "MJPG")),
        (str(Mode("NV12", 1280, 720, 60.0)), RequestedMode(1280, 720, 60.0, "NV12")),
        (str(Mode("Y16", 1280, 720, 0.0)), RequestedMode(1280, 720, 0.0, "Y16")),
    ],
)
def test_a_listed_mode_can_be_asked_for(text: str, wish: RequestedMode) -> None:
    assert read_wish(text) == wish


@pytest.mark.parametrize("text", ["", "big", "1920", "1x1", "1920x1080@", "1920x1080/TOOLONG", "1920x1080@30 fps"])
def test_what_is_no_mode_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no mode"):
        read_wish(text)
