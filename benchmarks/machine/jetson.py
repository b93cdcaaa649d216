"""The readings of a Jetson's tegrastats."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile

from benchmarks.machine.sensors import Reading, mean, plausible

_WHOLE = ("VDD_IN", "POM_5V_IN", "VIN_SYS_5V0")  # rails of the whole module; without one its rails are summed


def parse_tegrastats(line: str) -> Reading:
    """A line of tegrastats, of JetPack 4 to 7; what is missing in it is None."""
    memory = re.search(r"\bRAM (\d{1,7})/\d+MB", line)
    cores = re.search(r"\bCPU \[([^\]]*)\]", line)
    clocks = [float(each) for each in re.findall(r"\d+%@(\d{1,6})", cores[1])] if cores else []
    gpu = re.search(r"\bGR3D_FREQ \d+%@\[?(\d{1,6})", line)
    heats = [float(each) for each in re.findall(r"\w@(-?\d{1,4}(?:\.\d{1,4})?)C\b", line)]
    rails = re.findall(r"\b([A-Z][A-Z0-9_]*) (\d{1,7})(?:mW)?/\d+(?:mW)?(?=\s|$)", line)
    watts = {name: float(now) / 1000 for name, now in rails if name not in ("RAM", "SWAP", "IRAM")}
    whole = [value for name, value in watts.items() if name in _WHOLE]
    return Reading(
        memory_mib=float(memory[1]) if memory else None,
        cpu_mhz=mean(clocks),
        gpu_mhz=float(gpu[1]) if gpu else None,
        temperature_c=max(plausible(heats), default=None),
        power_w=whole[0] if whole else sum(watts.values()) if watts else None,
    )


class TegraWatch:
    """tegrastats in parallel with the benchmark, one line a second into a file; the benchmark never waits for it."""

    def __init__(self, program: str) -> None:
        self._file = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - as long as the process writes to it
        command = [program, "--interval", "1000"]
        self._process = subprocess.Popen(command, stdout=self._file, stderr=subprocess.DEVNULL)

    def newest(self) -> Reading | None:
        """The last complete line; None before the first."""
        # Read in place: the position in the file is shared with tegrastats, which writes at it.
        size = os.fstat(self._file.fileno()).st_size
        end = os.pread(self._file.fileno(), 8192, max(0, size - 8192))
        lines = end.decode(errors="replace").split("\n")[:-1]
        return parse_tegrastats(lines[-1]) if lines else None

    def close(self) -> None:
        """End tegrastats."""
        self._process.terminate()
        self._process.wait()
        self._file.close()


def watch_tegra() -> TegraWatch | None:
    """Start tegrastats where it is installed."""
    program = shutil.which("tegrastats")
    try:
        return TegraWatch(program) if program else None
    except OSError:
        return None
