"""The video devices of Linux: list them, their modes, and find one again after it was replugged."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SYSTEM = Path("/sys/class/video4linux")
_CAPTURE, _META = 0x1, 0x00800000  # capabilities of a node; a UVC camera has a second node without pictures
_PER_DEVICE = 0x80000000
# ioctl numbers of linux/videodev2.h: direction, size of the structure (14 bits), 'V', number
QUERYCAP, ENUM_FMT, ENUM_SIZES, ENUM_RATES = 0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B
_MOST = 200  # entries of a list: a broken driver may never end it
_CSI_DRIVER = "tegra-video"  # a Jetson's image sensors: raw pictures, to be read through nvarguscamerasrc


@dataclass(frozen=True)
class VideoNode:
    """One camera.

    Attributes:
        path: ``/dev/video0``; changes when it is plugged in again.
        name: as given by its maker.
        port: where it is plugged in, as a sysfs folder.
        serial: vendor, product and serial number of a USB device; else empty.
        place: index of the node among those of one camera.
    """

    path: str
    name: str
    port: str = ""
    serial: str = ""
    place: str = "0"


@dataclass(frozen=True)
class Mode:
    """A mode of a camera; ``fps`` is 0.0 if unknown."""

    pixels: str
    width: int
    height: int
    fps: float

    def __str__(self) -> str:
        rate = f"@{self.fps:g}" if self.fps else ""
        return f"{self.width}x{self.height}{rate}/{self.pixels}"


@dataclass(frozen=True)
class Listed:
    """A camera, its name for ``edge-capture``, and its modes; ``trouble`` says why they are unknown."""

    node: VideoNode
    source: str
    modes: tuple[Mode, ...] = ()
    trouble: str = ""


def nodes(system: Path = SYSTEM) -> list[VideoNode]:
    """All video nodes, in the order of their numbers."""
    found = []
    for folder in system.iterdir() if system.is_dir() else ():
        with contextlib.suppress(OSError):  # unplugged in the meantime
            found.append(_node(folder))
    return sorted(found, key=lambda node: [int(piece) for piece in re.findall(r"\d+", node.path)])


def node_of(path: str, system: Path = SYSTEM) -> VideoNode:
    """The node at a path, which may be one of the links in ``/dev/v4l``."""
    real = os.path.realpath(path)
    with contextlib.suppress(OSError):
        return _node(system / Path(real).name)
    return VideoNode(real, "")


def find_again(known: VideoNode, system: Path = SYSTEM) -> VideoNode | None:
    """The same camera under its current number; None while it is not there.

    The same serial number counts first, then the same port, then the same name, unless serial numbers show that it is
    another camera.
    """
    here = [node for node in nodes(system) if node.place == known.place]
    if not here and not system.is_dir():
        return known
    for field in ("serial", "port", "name"):
        wanted = getattr(known, field)
        same = [node for node in here if wanted and getattr(node, field) == wanted]
        if field == "name" and known.serial:
            same = [node for node in same if not node.serial]
        exact = [node for node in same if node.path == known.path] or same
        if exact:
            return exact[0]
    return None


def list_cameras(system: Path = SYSTEM) -> list[Listed]:
    """Every camera that delivers pictures, with its modes."""
    found: list[Listed] = []
    sensors = 0
    for node in nodes(system):
        source = re.sub(r"\D", "", node.path)
        try:
            driver, gives_pictures = _capabilities(node.path)
            if not gives_pictures:
                continue
            if driver == _CSI_DRIVER:
                source, sensors = f"csi:{sensors}", sensors + 1
            found.append(Listed(node, source, tuple(_modes(node.path))))
        except OSError as error:
            why = "another program holds it" if error.errno == errno.EBUSY else error.strerror or str(error)
            found.append(Listed(node, source, (), why))
    return found


def _node(folder: Path) -> VideoNode:
    name = (folder / "name").read_text(encoding="utf-8", errors="replace").strip()
    place = (folder / "index").read_text().strip() if (folder / "index").exists() else "0"
    port = os.path.realpath(folder / "device") if (folder / "device").exists() else ""
    return VideoNode(f"/dev/{folder.name}", name, port, _usb(Path(port)) if port else "", place)


def _usb(port: Path) -> str:
    for folder in (port, port.parent):
        if (folder / "idVendor").exists():
            files = [folder / each for each in ("idVendor", "idProduct", "serial")]
            values = [file.read_text(errors="replace").strip() for file in files if file.exists()]
            return ":".join(values) if len(values) == 3 else ""  # without a serial number it identifies no camera
    return ""


def _ask(device: BinaryIO, number: int, request: bytearray) -> bool:
    """One ioctl that fills a request; False at the end of a list."""
    import fcntl  # not on Windows

    try:
        fcntl.ioctl(device, number, request)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY):  # EINVAL ends a list; ENOTTY: the driver has none
            return False
        raise
    return True


def _request(number: int) -> bytearray:
    return bytearray(number >> 16 & 0x3FFF)


def _entries(device: BinaryIO, number: int, *asked: int) -> Iterator[bytearray]:
    """The entries of one of the driver's lists, each a filled request."""
    for index in range(_MOST):
        request = _request(number)
        struct.pack_into(f"={1 + len(asked)}I", request, 0, index, *asked)
        if not _ask(device, number, request):
            return
        yield request


def _opened(path: str) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_NONBLOCK), "rb", buffering=0)


def _capabilities(path: str) -> tuple[str, bool]:
    """A node's driver, and whether it delivers pictures."""
    request = _request(QUERYCAP)
    with _opened(path) as device:
        if not _ask(device, QUERYCAP, request):
            return "", False
    driver, able, node_able = struct.unpack_from("=16s68xII", request)
    able = node_able if able & _PER_DEVICE else able
    return driver.split(b"\0")[0].decode("ascii", "replace"), bool(able & _CAPTURE) and not able & _META


def _modes(path: str) -> Iterator[Mode]:
    with _opened(path) as device:
        for entry in _entries(device, ENUM_FMT, 1):
            (pixels,) = struct.unpack_from("=I", entry, 44)
            for width, height in _sizes(device, pixels):
                yield Mode(pixel_name(pixels), width, height, _fastest(device, pixels, width, height))


def _sizes(device: BinaryIO, pixels: int) -> Iterator[tuple[int, int]]:
    for entry in _entries(device, ENUM_SIZES, pixels):
        kind, *numbers = struct.unpack_from("=7I", entry, 8)
        if kind == 1:
            yield numbers[0], numbers[1]
        else:  # any size between the smallest and the largest
            yield numbers[1], numbers[4]
            return


def _fastest(device: BinaryIO, pixels: int, width: int, height: int) -> float:
    """Frames per second of the shortest interval; 0.0 if unknown."""
    best = 0.0
    for entry in _entries(device, ENUM_RATES, pixels, width, height):
        kind, above, below = struct.unpack_from("=3I", entry, 16)
        best = max(best, below / above if above else 0.0)
        if kind != 1:
            break
    return round(best, 3)


def pixel_name(pixels: int) -> str:
    """The four letters of a pixel format: ``MJPG``."""
    return pixels.to_bytes(4, "little").decode("ascii", "replace").strip()
