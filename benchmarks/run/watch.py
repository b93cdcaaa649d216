"""The machine over the time of a run: a reading every second, between frames and outside the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import gpu, jetson, sensors
from benchmarks.machine.sensors import Energy, Reading, known, mean
from edge.doctor.jetson import is_jetson

EVERY_S = 1.0
_NO_TEGRASTATS = (
    "Power, clocks and temperature of the board are not known: tegrastats is not here; install nvidia-l4t-tools, and "
    "measure on the board itself, not in a container."
)
_NO_RAIL = (
    "The power of the board is not known: tegrastats names no power rail, as its carrier has no such sensor; measure "
    "it at the plug."
)


@dataclass(frozen=True)
class State:
    """The machine at one moment; None where unknown.

    Attributes:
        t_s: since the watch began.
        cpu_mhz: mean of the cores.
        gpu_mhz: clock of the GPU.
        temperature_c: the hottest sensor.
        power_w: since the reading before: of the module on a Jetson, else of processor and GPU as far as known.
        others: processors that other work kept busy since the reading before.
        throttled: heat or a power limit has held a clock down since the reading before.
        device_memory_mib: in use on the GPU, or on the Jetson, by all processes.
    """

    t_s: float
    cpu_mhz: float | None
    gpu_mhz: float | None
    temperature_c: float | None
    power_w: float | None
    others: float | None
    throttled: bool | None
    device_memory_mib: float | None


class Watch:
    """Reads the machine periodically; close it when the run is over.

    Attributes:
        states: the readings so far.
        missing: what cannot be measured here, one sentence each.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self.states: list[State] = []
        self._every = every_s
        self._tegra, self._gpu = jetson.watch_tegra(), gpu.open_gpu()
        _, why = sensors.cpu_energy()
        self.missing: tuple[str, ...] = ()
        if self._tegra is None and is_jetson(Path("/")):
            self.missing = (_NO_TEGRASTATS,)
        elif self._tegra is None and why is not None:
            self.missing = (why,)
        self._ticked = False
        self._start()

    def tick(self) -> None:
        """Take a reading where one is due."""
        if not self._ticked:
            self._start()  # the warm-up is over, and what happened during it is not counted
            self._ticked = True
        elif time.perf_counter() - self._last >= self._every:
            self.read()

    def _start(self) -> None:
        self._began = self._last = time.perf_counter()
        self._before = (sensors.cpu_energy()[0], sensors.cpu_time(), sensors.throttle_count())

    def read(self) -> None:
        """Take a reading now."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        after = (sensors.cpu_energy()[0], sensors.cpu_time(), sensors.throttle_count())
        (energy_0, cpu_0, throttles_0), (energy_1, cpu_1, throttles_1) = self._before, after
        self._before = after
        tegra = self._tegra.newest() if self._tegra else None
        module = tegra or Reading()
        card = self._gpu.read() if self._gpu else module
        watts = known([module.power_w] if tegra else [_watts(energy_0, energy_1, seconds), card.power_w])
        heats = sensors.temperature_c(), card.temperature_c, module.temperature_c
        throttled = None if throttles_0 is None or throttles_1 is None else throttles_1 > throttles_0
        self.states.append(
            State(
                t_s=round(now - self._began, 3),
                cpu_mhz=sensors.cpu_mhz() or module.cpu_mhz,
                gpu_mhz=card.gpu_mhz,
                temperature_c=max(known(heats), default=None),
                power_w=sum(watts) if watts else None,
                others=round(cpu_0.others_until(cpu_1, seconds), 3),
                throttled=throttled or (card.throttled if self._gpu else throttled),
                device_memory_mib=card.memory_mib,
            )
        )

    def close(self) -> None:
        """Take a last reading, unless the previous one is recent, and release the sensors."""
        if not self.states or time.perf_counter() - self._last > self._every / 2:
            self.read()
        if self._tegra is not None:
            newest = self._tegra.newest()
            if newest is not None and newest.power_w is None:
                self.missing = (_NO_RAIL,)
            self._tegra.close()
        if self._gpu is not None:
            self._gpu.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def unsteady(states: tuple[State, ...]) -> tuple[str, ...]:
    """A sentence for each way in which the machine was not steady over a run."""
    notes = []
    others = mean(state.others for state in states)
    if others is not None and others > 0.1:
        notes.append(
            f"Other work kept {others:.1f} processors busy during the run: the figures are not "
            "those of an idle machine."
        )
    for name, clocks in (
        ("processor", [state.cpu_mhz for state in states if state.cpu_mhz]),
        ("GPU", [state.gpu_mhz for state in states if state.gpu_mhz]),
    ):
        if clocks and max(clocks) > 1.1 * min(clocks):
            notes.append(
                f"The clock of the {name} moved between {min(clocks):.0f} and {max(clocks):.0f} MHz: fix it to compare."
            )
    if any(state.throttled for state in states):
        notes.append("Heat or a power limit held a clock down during the run.")
    return tuple(notes)


def _watts(before: Energy | None, after: Energy | None, seconds: float) -> float | None:
    return before.until(after) / seconds if before and after and seconds > 0 else None
