"""A discrete NVIDIA GPU through NVML, where nvidia-ml-py is installed: clock, heat, power, memory."""

from __future__ import annotations

from typing import Any

from benchmarks.machine.sensors import Reading


class GpuMonitor:
    """The first NVIDIA GPU; ``open_gpu`` makes one."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(0)

    def read(self) -> Reading:
        """Read all sensors; one that is missing costs only its own figure."""
        nvml, handle = self._nvml, self._handle
        held_down = (
            nvml.nvmlClocksThrottleReasonSwPowerCap
            | nvml.nvmlClocksThrottleReasonHwSlowdown
            | nvml.nvmlClocksThrottleReasonSwThermalSlowdown
        )
        milliwatts = self._ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        memory = self._ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used)
        reasons = self._ask(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
        return Reading(
            gpu_mhz=self._ask(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            temperature_c=self._ask(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            power_w=None if milliwatts is None else milliwatts / 1000,
            memory_mib=None if memory is None else memory / 2**20,
            throttled=None if reasons is None else bool(int(reasons) & held_down),
        )

    def close(self) -> None:
        """Shut NVML down."""
        self._nvml.nvmlShutdown()

    def _ask(self, question: Any) -> float | None:
        try:
            return float(question())
        except self._nvml.NVMLError:  # not supported, or no permission
            return None


def open_gpu() -> GpuMonitor | None:
    """The first GPU; None without nvidia-ml-py, a driver or a GPU."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # ImportError, or NVMLError, whose class is in the module that is missing
        return None
    try:
        return GpuMonitor(pynvml)
    except pynvml.NVMLError:
        pynvml.nvmlShutdown()
        return None
