"""The state of the system while a benchmark runs: clocks, temperature, power, and other work.

Every function returns None where the system has no such sensor. Nothing runs a thread: readings are between frames.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.doctor.finding import text_of

SYS = Path("/sys")
PROC = Path("/proc")


@dataclass(frozen=True)
class Reading:
    """A device's own sensors at one moment; None where it has none or does not permit it.

    Attributes:
        cpu_mhz: mean of the cores that are switched on.
        gpu_mhz: clock of the GPU's multiprocessors.
        temperature_c: the hottest sensor.
        power_w: of the board or module.
        memory_mib: in use by all processes, on the GPU or in the memory that it shares with the CPU.
        throttled: heat or a power limit holds the clock down.
    """

    cpu_mhz: float | None = None
    gpu_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    memory_mib: float | None = None
    throttled: bool | None = None


@dataclass(frozen=True)
class Energy:
    """Counters of energy, one for each processor package.

    Attributes:
        joules: of each so far.
        wraps_at: where each starts again at 0.
    """

    joules: tuple[float, ...]
    wraps_at: tuple[float, ...]

    def until(self, later: Energy) -> float:
        """Joules from this reading to a later one, across one wrap of each counter."""
        both = zip(self.joules, later.joules, self.wraps_at, strict=True)
        return sum(after - before + (wrap if after < before else 0.0) for before, after, wrap in both)


@dataclass(frozen=True)
class CpuTime:
    """Seconds of all processors since the start of the machine, and of this process.

    Attributes:
        busy: at work for any process of this machine.
        stolen: wanted, but given to another virtual machine.
        own: spent by this process and its children.
    """

    busy: float
    stolen: float
    own: float

    def others_until(self, later: CpuTime, seconds: float) -> float:
        """Processors that others kept busy in between, on average, other virtual machines included."""
        busy = later.busy - self.busy + later.stolen - self.stolen
        return max(0.0, (busy - (later.own - self.own)) / seconds) if seconds > 0 else 0.0


def cpu_mhz(sys: Path = SYS, proc: Path = PROC) -> float | None:
    """Mean clock of the processors that this process may use."""
    files = (sys / f"devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq" for core in usable_cores())
    clocks = [value / 1000 for value in _numbers(files)]
    if not clocks:  # a virtual machine has no cpufreq, but x86 reports the clock here
        clocks = [float(each) for each in re.findall(r"^cpu MHz\s*:\s*(\d+\.?\d*)", text_of(proc / "cpuinfo"), re.M)]
    return mean(clocks)


def temperature_c(sys: Path = SYS) -> float | None:
    """The hottest thermal zone, degrees Celsius."""
    zones = _numbers(sys.glob("class/thermal/thermal_zone*/temp"))
    return max(plausible(value / 1000 for value in zones), default=None)


def throttle_count(sys: Path = SYS) -> int | None:
    """How often heat has slowed a core since the start of the machine."""
    counts = _numbers(sys.glob("devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count"))
    return int(sum(counts)) if counts else None


def cpu_energy(sys: Path = SYS) -> tuple[Energy | None, str | None]:
    """Energy of all processor packages by RAPL, or None and the reason in one sentence.

    A laptop may also count the whole device (``psys``), which includes the packages again: it is left out.
    """
    zones = [each for each in sorted(sys.glob("class/powercap/intel-rapl:*")) if each.name.count(":") == 1]
    zones = [each for each in zones if text_of(each / "name") != "psys"]
    if not zones:
        return None, "The power of the processor is not known: this system has no RAPL counter."
    joules, wraps = [], []
    for zone in zones:
        try:
            joules.append(float((zone / "energy_uj").read_text()) / 1e6)
            wraps.append(float((zone / "max_energy_range_uj").read_text()) / 1e6)
        except PermissionError:
            return None, (
                "The power of the processor is not known: its counter is for root alone; "
                f"sudo chmod a+r {SYS}/class/powercap/intel-rapl:*/energy_uj lets it be read until the next start."
            )
        except (OSError, ValueError):
            return None, "The power of the processor is not known: its RAPL counter cannot be read."
    return Energy(tuple(joules), tuple(wraps)), None


def cpu_time() -> CpuTime:
    """Who has used the processors."""
    import psutil

    all_of, spent = psutil.cpu_times(), os.times()
    columns = ("user", "nice", "system", "irq", "softirq")  # as far as this system counts them
    busy = sum(getattr(all_of, each, 0.0) for each in columns)
    own = spent.user + spent.system + spent.children_user + spent.children_system
    return CpuTime(busy, getattr(all_of, "steal", 0.0), own)


def known(values: Iterable[float | None]) -> list[float]:
    """The values that were measured."""
    return [value for value in values if value is not None]


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are known; None where none is."""
    numbers = known(values)
    return sum(numbers) / len(numbers) if numbers else None


def plausible(celsius: Iterable[float]) -> list[float]:
    """Temperatures without those of sensors that are switched off, which read -256 or the like."""
    return [each for each in celsius if -40 < each < 150]


def _numbers(paths: Iterable[Path]) -> list[float]:
    """The numbers in files of one number each; missing files and other texts are left out."""
    texts = (text_of(path) for path in paths)
    return [float(each) for each in texts if re.fullmatch(r"-?\d{1,15}", each)]


def usable_cores() -> list[int]:
    """Processors that this process may run on (fewer than the machine has, under taskset or in a container)."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
