"""The cameras that Linux knows: which there are, what they offer, and which one is the one that was here before."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEM = Path("/sys/class/video4linux")
_CAPTURE, _META = 0x1, 0x00800000  # what a node can do; one UVC camera has a second node that gives no pictures
_PER_DEVICE = 0x80000000
# ioctl numbers of linux/videodev2.h: direction, size of the structure, 'V', number
QUERYCAP, ENUM_FMT, ENUM_SIZES, ENUM_RATES = 0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B
_MOST = 200  # entries of a list that a broken driver may never end
_CSI_DRIVER = "tegra-video"  # a Jetson's image sensors: raw pictures, to be taken through nvarguscamerasrc


@dataclass(frozen=True)
class VideoNode:
    """One camera.

    Attributes:
        path: ``/dev/video0``; changes when it is plugged in again.
        name: what its maker calls it.
        port: where it is plugged in, as a folder of the system.
        serial: vendor, product and serial number of a USB device; empty where it is none.
        place: tells apart the nodes of one camera.
    """

    path: str
    name: str
    port: str = ""
    serial: str = ""
    place: str = "0"


@dataclass(frozen=True)
class Mode:
    """One way a camera can give pictures; ``fps`` is 0.0 where it does not say."""

    pixels: str
    width: int
    height: int
    fps: float

    def __str__(self) -> str:
        rate = f"@{self.fps:g}" if self.fps else ""
        return f"{self.width}x{self.height}{rate}/{self.pixels}"


@dataclass(frozen=True)
class Listed:
    """A camera, how to name it to ``edge-capture``, and what it offers; ``trouble`` says why that is not known."""

    node: VideoNode
    source: str
    modes: tuple[Mode, ...] = ()
    trouble: str = ""


def nodes(system: Path = SYSTEM) -> list[VideoNode]:
    """All video nodes, in the order of their numbers."""
    found = []
    for folder in system.iterdir() if system.is_dir() else ():
        with contextlib.suppress(OSError):  # unplugged while we look
            found.append(_node(folder))
    return sorted(found, key=lambda node: [int(piece) for piece in re.findall(r"\d+", node.path)])


def node_of(path: str, system: Path = SYSTEM) -> VideoNode:
    """What is known of a node by its path, also by one of the links in ``/dev/v4l``."""
    real = os.path.realpath(path)
    with contextlib.suppress(OSError):
        return _node(system / Path(real).name)
    return VideoNode(real, "")


def find_again(known: VideoNode, system: Path = SYSTEM) -> VideoNode | None:
    """The camera that was here before, whatever its number is now; None while it is not there.

    The same device counts first, then whatever sits in its port, then one of the same name, unless serial numbers tell
    that it is another.
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
    """Every camera that gives pictures, with its modes."""
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
            said = [file.read_text(errors="replace").strip() for file in files if file.exists()]
            return ":".join(said) if len(said) == 3 else ""  # without a serial number two cameras look alike
    return ""


def _ask(device: int, number: int, request: bytearray) -> bool:
    """One ioctl that fills a request; False at the end of a list."""
    import fcntl  # not on Windows

    try:
        fcntl.ioctl(device, number, request)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY):  # EINVAL ends a list; ENOTTY: the driver has none
            return False
        raise
    return True


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield device
    finally:
        os.close(device)


def _capabilities(path: str) -> tuple[str, bool]:
    """A node's driver, and whether it gives pictures."""
    request = bytearray(104)
    with _opened(path) as device:
        if not _ask(device, QUERYCAP, request):
            return "", False
    driver, able, node_able = struct.unpack_from("=16s68xII", request)
    able = node_able if able & _PER_DEVICE else able
    return driver.split(b"\0")[0].decode("ascii", "replace"), bool(able & _CAPTURE) and not able & _META


def _modes(path: str) -> Iterator[Mode]:
    with _opened(path) as device:
        for number in range(_MOST):
            request = bytearray(64)
            struct.pack_into("=II", request, 0, number, 1)
            if not _ask(device, ENUM_FMT, request):
                return
            (pixels,) = struct.unpack_from("=I", request, 44)
            for width, height in _sizes(device, pixels):
                yield Mode(_letters(pixels), width, height, _fastest(device, pixels, width, height))


def _sizes(device: int, pixels: int) -> Iterator[tuple[int, int]]:
    for number in range(_MOST):
        request = bytearray(44)
        struct.pack_into("=II", request, 0, number, pixels)
        if not _ask(device, ENUM_SIZES, request):
            return
        kind, *numbers = struct.unpack_from("=7I", request, 8)
        if kind == 1:
            yield numbers[0], numbers[1]
        else:  # any size between the smallest and the largest
            yield numbers[1], numbers[4]
            return


def _fastest(device: int, pixels: int, width: int, height: int) -> float:
    """Frames per second of the shortest interval; 0.0 where none is said."""
    best = 0.0
    for number in range(_MOST):
        request = bytearray(52)
        struct.pack_into("=4I", request, 0, number, pixels, width, height)
        if not _ask(device, ENUM_RATES, request):
            break
        kind, above, below = struct.unpack_from("=3I", request, 16)
        best = max(best, below / above if above else 0.0)
        if kind != 1:
            break
    return round(best, 3)


def _letters(pixels: int) -> str:
    return pixels.to_bytes(4, "little").decode("ascii", "replace").strip()
