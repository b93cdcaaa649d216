"""What only a Jetson has: JetPack, power mode and clocks. Every check reads files below a root and writes nothing."""

from __future__ import annotations

import re
from pathlib import Path

from edge.doctor.finding import Finding, missing, ok, text_of, warning

_JETPACK_OF = {"32": "4", "34": "5", "35": "5", "36": "6", "38": "7", "39": "7"}  # by the release of Jetson Linux
_OLDEST = 6


def is_jetson(root: Path) -> bool:
    """Whether the machine whose files lie below ``root`` is a Jetson."""
    return (root / "etc/nv_tegra_release").exists() or "Jetson" in board(root)


def board(root: Path) -> str:
    """The board's name in the firmware, as on a Jetson or a Raspberry Pi; empty where there is none."""
    return text_of(root / "proc/device-tree/model")


def release(root: Path) -> tuple[str, str] | None:
    """Jetson Linux as its release and revision, such as ("36", "4.3"); None on anything but a Jetson."""
    match = re.search(r"R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)", text_of(root / "etc/nv_tegra_release"))
    return (match[1], match[2]) if match else None


def power_modes(root: Path) -> tuple[str, dict[str, str]]:
    """Number of the power mode in use, and the names of all modes; "" where it cannot be determined.

    It is the mode that nvpmodel recorded last, or the default of its configuration.
    """
    config = text_of(root / "etc/nvpmodel.conf")
    noted = re.search(r"pmode:(\d+)", text_of(root / "var/lib/nvpmodel/status"))
    number = noted or re.search(r"< *PM_CONFIG +DEFAULT=(\d+) *>", config)
    return str(int(number[1])) if number else "", dict(re.findall(r"< *POWER_MODEL +ID=(\d+) +NAME=(\S+) *>", config))


def check_jetson(root: Path) -> list[Finding]:
    """JetPack, power mode, clocks."""
    return [_jetpack(root), _power(root), _clocks(root)]


def _jetpack(root: Path) -> Finding:
    name, linux = board(root) or "a Jetson", release(root)
    if linux is None:
        return missing(
            "JetPack",
            f"{name}, but /etc/nv_tegra_release does not name a release of Jetson Linux",
            "flash JetPack 6 or newer: https://developer.nvidia.com/embedded/jetpack",
        )
    package = re.search(
        r"^Package: nvidia-jetpack\n(?:.+\n)*?Version: ([\d.]+)", text_of(root / "var/lib/dpkg/status"), re.M
    )
    version = package[1] if package else _JETPACK_OF.get(linux[0], "")
    jetpack = f", JetPack {version}" if version else ""
    found = f"{name}{jetpack}, Jetson Linux {'.'.join(linux)}" + ("" if version else " (a JetPack not known here)")
    if version and int(version.split(".")[0]) < _OLDEST:
        return warning("JetPack", f"{found}: its TensorRT is older than 10", "flash JetPack 6 or newer")
    return ok("JetPack", found)


def _power(root: Path) -> Finding:
    number, modes = power_modes(root)
    if number not in modes:
        return warning("power mode", "it cannot be determined", "check it: sudo nvpmodel -q")
    best = next((which for which, name in modes.items() if name.startswith("MAXN")), number)
    if number == best:
        return ok("power mode", modes[number])
    return warning(
        "power mode",
        f"{modes[number]}, though {modes[best]} is there: two boards of one name differ by this",
        f"where power and cooling allow it: sudo nvpmodel -m {best}",
    )


def _clocks(root: Path) -> Finding:
    """The GPU's lowest and highest clock: between frames of a camera it falls to the lowest."""
    for folder in sorted((root / "sys/class/devfreq").glob("*")):
        if not re.search(r"gpu|ga10b|gv11b|gb10b|gp10b", folder.name):
            continue
        least, most = (text_of(folder / name) for name in ("min_freq", "max_freq"))
        if not (least.isdigit() and most.isdigit()):
            continue
        if least == most:
            return ok("clocks", f"GPU held at {int(most) / 1e6:.0f} MHz")
        return warning(
            "clocks",
            f"the GPU falls to {int(least) / 1e6:.0f} of {int(most) / 1e6:.0f} MHz between frames",
            "for steady times: sudo jetson_clocks (until the next start)",
        )
    return warning("clocks", "the GPU's clocks cannot be read", "check them: sudo jetson_clocks --show")
