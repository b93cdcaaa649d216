"""What only a Jetson has: JetPack, power mode and clocks. Every check reads files below a root and writes nothing."""

from __future__ import annotations

import re
from pathlib import Path

from edge.doctor.finding import Finding, missing, ok, text_of, warning

_JETPACK_OF = {"32": "4", "34": "5", "35": "5", "36": "6", "38": "7", "39": "7"}  # by the release of Jetson Linux
_OLDEST = 6


def is_jetson(root: Path) -> bool:
    """Whether the machine whose files lie below ``root`` is a Jetson."""
    return (root / "etc/nv_tegra_release").exists() or "Jetson" in text_of(root / "proc/device-tree/model")


def check_jetson(root: Path) -> list[Finding]:
    """JetPack, power mode, clocks."""
    return [_jetpack(root), _power(root), _clocks(root)]


def _jetpack(root: Path) -> Finding:
    board = text_of(root / "proc/device-tree/model") or "a Jetson"
    said = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", text_of(root / "etc/nv_tegra_release"))
    if said is None:
        return missing(
            "JetPack",
            f"{board}, but /etc/nv_tegra_release does not name a release of Jetson Linux",
            "flash JetPack 6 or newer: https://developer.nvidia.com/embedded/jetpack",
        )
    linux = f"Jetson Linux {said[1]}.{said[2]}"
    package = re.search(
        r"^Package: nvidia-jetpack\n(?:.+\n)*?Version: ([\d.]+)", text_of(root / "var/lib/dpkg/status"), re.M
    )
    version = package[1] if package else _JETPACK_OF.get(said[1], "")
    found = f"{board}, JetPack {version}, {linux}" if version else f"{board}, {linux} (a JetPack not known here)"
    if version and int(version.split(".")[0]) < _OLDEST:
        return warning("JetPack", f"{found}: its TensorRT is older than 10", "flash JetPack 6 or newer")
    return ok("JetPack", found)


def _power(root: Path) -> Finding:
    """The mode that nvpmodel noted last, among those of its configuration."""
    modes = dict(re.findall(r"< *POWER_MODEL +ID=(\d+) +NAME=(\S+) *>", text_of(root / "etc/nvpmodel.conf")))
    noted = re.search(r"pmode:(\d+)", text_of(root / "var/lib/nvpmodel/status"))
    default = re.search(r"< *PM_CONFIG +DEFAULT=(\d+) *>", text_of(root / "etc/nvpmodel.conf"))
    number = str(int((noted or default)[1])) if noted or default else ""  # type: ignore[index]
    if number not in modes:
        return warning("power mode", "it cannot be told", "look at it: sudo nvpmodel -q")
    best = next((which for which, name in modes.items() if name.startswith("MAXN")), number)
    if number == best:
        return ok("power mode", modes[number])
    return warning(
        "power mode",
        f"{modes[number]}, though {modes[best]} is there: two boards of one name differ by this",
        f"where power and cooling allow it: sudo nvpmodel -m {best}",
    )


def _clocks(root: Path) -> Finding:
    """The GPU's least and greatest clock: between frames of a camera it falls to the least."""
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
    return warning("clocks", "the GPU's clocks cannot be read", "look at them: sudo jetson_clocks --show")
