"""The machine that a figure was measured on. Nothing here names a person: no host name, no serial number, no path."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import edge
from benchmarks.machine.sensors import usable_cores
from edge.doctor.finding import text_of
from edge.doctor.jetson import board, power_modes, release
from edge.engines.names import ENGINES
from edge.frame.prepare import frame_step_name

_ROOT = Path("/")


@dataclass(frozen=True)
class Machine:
    """The device and the software; None or empty where unknown.

    Attributes:
        device: the board, where the system names one ("NVIDIA Jetson ...").
        jetson_linux, power_mode: of a Jetson, such as ``R36.4.3`` and ``MAXN_SUPER``.
        cpu: model of the processor.
        cores: processors that this process may use.
        threads: CPU threads that the run was given.
        governor: of the first core's clock.
        frame_step: ``native`` or ``opencv``.
        engine: the engine's ``describe()``.
        load_average: of one, five and fifteen minutes, before the run.
    """

    device: str | None
    jetson_linux: str | None
    power_mode: str | None
    cpu: str
    cores: int
    threads: int
    governor: str | None
    os: str
    kernel: str
    python: str
    numpy: str
    opencv: str
    efiqa_edge: str
    frame_step: str
    engine: dict[str, str]
    load_average: tuple[float, float, float] | None


def describe_machine(engine: dict[str, str], threads: int | None, load: tuple[float, float, float] | None) -> Machine:
    """The machine that this process runs on.

    Args:
        engine: the engine's ``describe()``.
        threads: CPU threads of the run; None for all.
        load: ``load_average()`` from before the run, which raises it.
    """
    linux, (mode, modes) = release(_ROOT), power_modes(_ROOT)
    return Machine(
        device=board(_ROOT) or None,
        jetson_linux=None if linux is None else f"R{'.'.join(linux)}",
        power_mode=modes.get(mode),
        cpu=cpu_model(text_of(_ROOT / "proc/cpuinfo")),
        cores=len(usable_cores()),
        threads=threads or len(usable_cores()),
        governor=text_of(_ROOT / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        os=os_name(),
        kernel=platform.release(),
        python=platform.python_version(),
        numpy=np.__version__,
        opencv=cv2.__version__,
        efiqa_edge=edge.__version__,
        frame_step=frame_step_name(),
        engine=engine,
        load_average=load,
    )


def cpu_model(cpuinfo: str) -> str:
    """The processor's name from the text of ``/proc/cpuinfo``; ARM cores give a part number instead."""
    for key in ("model name", "Model", "CPU part"):
        found = re.search(rf"^{key}\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
        if found:
            value = found[1].strip()
            return f"{platform.machine()} (CPU part {value})" if key == "CPU part" else value
    return platform.processor() or platform.machine()


def os_name() -> str:
    """The distribution, or the system where it is not Linux."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def load_average() -> tuple[float, float, float] | None:
    """Runnable processes, mean of one, five and fifteen minutes; None where the system has no such count."""
    try:
        return os.getloadavg()
    except (AttributeError, OSError):
        return None


def restart_peak_memory() -> bool:
    """Restart the peak at the current memory; False where the system does not allow it, and the old peak remains."""
    try:
        (_ROOT / "proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_memory_mib() -> float | None:
    """Peak resident memory of this process in MiB since its start or ``restart_peak_memory``; None where unknown."""
    status = text_of(_ROOT / "proc/self/status")
    peak = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    if peak:  # preferred: ru_maxrss may carry over from the process that started this one
        return int(peak[1]) / 1024
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20) if sys.platform == "darwin" else most / 1024


def installed_engines() -> dict[str, str]:
    """Engine -> version of its runtime, for the runtimes that are installed (not whether they work)."""
    versions = {}
    for name in ENGINES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
