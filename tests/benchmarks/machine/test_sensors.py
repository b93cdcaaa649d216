from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.machine import sensors
from benchmarks.machine.jetson import TegraWatch, parse_tegrastats
from benchmarks.machine.sensors import CpuTime, Energy
from benchmarks.run import watch
from benchmarks.run.watch import State, Watch, unsteady

ORIN_NANO = (
    "11-26-2026 10:00:01 RAM 2448/7620MB (lfb 9x4MB) SWAP 0/3810MB (cached 0MB) CPU [12%@1510,0%@1510,3%@729,off,"
    "off,off] EMC_FREQ 2%@3199 GR3D_FREQ 35%@[1007] NVDEC off NVJPG off VIC off OFA off APE 200 cpu@49.1C soc2@47.6C "
    "soc0@48.3C gpu@49.5C tj@50.25C soc1@48.5C VDD_IN 5812mW/5412mW VDD_CPU_GPU_CV 1254mW/954mW VDD_SOC 1428mW/1400mW"
)
NANO = (
    "RAM 1803/3956MB (lfb 253x4MB) SWAP 0/1978MB (cached 0MB) IRAM 0/252kB(lfb 252kB) CPU [9%@1479,5%@1479,off,off] "
    "EMC_FREQ 0% GR3D_FREQ 0% PLL@25.5C CPU@28.5C PMIC@100C GPU@27C AO@-256C thermal@27.75C "
    "POM_5V_IN 2532/2698 POM_5V_GPU 40/40 POM_5V_CPU 483/498"
)
AGX = "RAM 900/30000MB CPU [0%@1190] GR3D_FREQ 0%@[114,114] tj@40C VDD_GPU_SOC 2400mW/2400mW VDD_CPU_CV 800mW/790mW"


def test_a_line_of_an_orin() -> None:
    data = parse_tegrastats(ORIN_NANO)
    assert data.memory_mib == 2448
    assert data.cpu_mhz == pytest.approx((1510 + 1510 + 729) / 3)
    assert data.gpu_mhz == 1007
    assert data.temperature_c == 50.25
    assert data.power_w == 5.812


def test_a_line_of_an_older_board() -> None:
    data = parse_tegrastats(NANO)
    assert data.memory_mib == 1803
    assert data.gpu_mhz is None
    assert data.temperature_c == 100
    assert data.power_w == 2.532


def test_rails_add_up_where_the_board_has_no_sensor_of_the_whole() -> None:
    data = parse_tegrastats(AGX)
    assert data.power_w == pytest.approx(3.2)
    assert data.gpu_mhz == 114


@given(st.one_of(st.text(), st.text(alphabet="RAM CPUGR3D_FQVDIN[]@%/0123456789mWC,.-")))
def test_any_line_is_read_or_left(line: str) -> None:
    data = parse_tegrastats(line)
    assert data.power_w is None or data.power_w >= 0
    assert data.temperature_c is None or -40 < data.temperature_c < 150


@given(
    st.integers(0, 99999), st.integers(0, 2000), st.integers(1, 4000), st.floats(-30, 120).map(lambda t: round(t, 2))
)
def test_the_values_of_tegrastats_are_read(power: int, gpu: int, cpu: int, heat: float) -> None:
    data = parse_tegrastats(f"RAM 1/2MB CPU [5%@{cpu},off] GR3D_FREQ 9%@[{gpu}] tj@{heat}C VDD_IN {power}mW/{power}mW")
    assert (data.power_w, data.gpu_mhz, data.cpu_mhz, data.temperature_c) == (power / 1000, gpu, cpu, heat)


def test_a_program_like_tegrastats_is_read_line_by_line(tmp_path: Path) -> None:
    program = tmp_path / "tegrastats"
    program.write_text(f"#!/bin/sh\necho '{ORIN_NANO}'\nprintf 'RAM 9'\nexec sleep 60\n")
    program.chmod(0o755)
    watch = TegraWatch(str(program))
    try:
        for _ in range(3000):
            if newest := watch.newest():
                break
            time.sleep(0.02)
        assert newest is not None
        assert newest.memory_mib == 2448  # the line that is not whole is left
    finally:
        watch.close()


def test_reading_never_moves_where_a_program_like_tegrastats_writes(tmp_path: Path) -> None:
    program = tmp_path / "tegrastats"
    loop = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo RAM $i/9999MB; done"
    program.write_text(f"#!/bin/sh\n{loop}\nexec sleep 60\n")
    program.chmod(0o755)
    watch = TegraWatch(str(program))
    try:
        until = time.monotonic() + 300
        seen = [0.0]
        while seen[-1] < 3000 and time.monotonic() < until:
            if (newest := watch.newest()) and newest.memory_mib:
                seen.append(newest.memory_mib)
        size = os.fstat(watch._file.fileno()).st_size
        written = os.pread(watch._file.fileno(), size, 0)
    finally:
        watch.close()
    assert written == b"".join(f"RAM {i}/9999MB\n".encode() for i in range(1, 3001))
    assert seen == sorted(seen)


def test_sensors_of_a_system(tmp_path: Path) -> None:
    for core in sensors.usable_cores():
        folder = tmp_path / f"devices/system/cpu/cpu{core}"
        (folder / "cpufreq").mkdir(parents=True)
        (folder / "cpufreq/scaling_cur_freq").write_text("1500000\n")
        (folder / "thermal_throttle").mkdir()
        (folder / "thermal_throttle/core_throttle_count").write_text("3\n")
    for zone, heat in enumerate(("45000", "61500", "-256000", "")):
        (tmp_path / f"class/thermal/thermal_zone{zone}").mkdir(parents=True)
        (tmp_path / f"class/thermal/thermal_zone{zone}/temp").write_text(heat)
    zones = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:1": "package-1", "intel-rapl:2": "psys"}
    for zone, name in zones.items():
        (tmp_path / "class/powercap" / zone).mkdir(parents=True)
        (tmp_path / "class/powercap" / zone / "name").write_text(f"{name}\n")
        (tmp_path / "class/powercap" / zone / "energy_uj").write_text("2000000\n")
        (tmp_path / "class/powercap" / zone / "max_energy_range_uj").write_text("9000000\n")
    assert sensors.cpu_mhz(tmp_path, tmp_path) == 1500
    assert sensors.throttle_count(tmp_path) == 3 * len(sensors.usable_cores())
    assert sensors.temperature_c(tmp_path) == 61.5
    # The part of a package is in the package, and the packages are in that of the whole device.
    assert sensors.cpu_energy(tmp_path) == (Energy((2.0, 2.0), (9.0, 9.0)), None)


def test_a_counter_without_permission_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "class/powercap/intel-rapl:0").mkdir(parents=True)

    def closed(path: Path, *arguments: object, **options: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", closed)  # the tests may run as root, to whom nothing is closed
    energy, why = sensors.cpu_energy(tmp_path)
    assert energy is None
    assert why is not None
    assert "root alone" in why


def test_a_board_without_tegrastats_or_without_a_power_rail_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "is_jetson", lambda root: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with watch.Watch() as board:
        pass
    (sentence,) = board.missing
    assert "tegrastats is not here; install nvidia-l4t-tools" in sentence
    program = tmp_path / "tegrastats"
    program.write_text("#!/bin/sh\necho 'RAM 1/2MB tj@40.5C'\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    with watch.Watch() as board:
        for _ in range(3000):
            board.read()
            if board.states[-1].temperature_c is not None:
                break
            time.sleep(0.02)
    (sentence,) = board.missing
    assert "no power rail" in sentence
    assert "measure it at the plug" in sentence


def test_a_system_without_sensors_is_no_error(tmp_path: Path) -> None:
    assert sensors.cpu_mhz(tmp_path, tmp_path) is sensors.temperature_c(tmp_path) is None
    assert sensors.throttle_count(tmp_path) is None
    energy, why = sensors.cpu_energy(tmp_path)
    assert energy is None
    assert why is not None
    assert "no RAPL" in why


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(2e6, 1e9))
def test_energy_never_runs_backwards(before: float, after: float, wraps_at: float) -> None:
    spent = Energy((before,), (wraps_at,)).until(Energy((after,), (wraps_at,)))
    assert spent >= 0
    assert spent == pytest.approx((after - before) % wraps_at, abs=1e-3)


def test_one_of_two_packages_wraps_alone() -> None:
    before, after = Energy((99.0, 10.0), (100.0, 100.0)), Energy((4.0, 16.0), (100.0, 100.0))
    assert before.until(after) == pytest.approx(5.0 + 6.0)


def test_work_of_others_is_not_ours() -> None:
    before, after = CpuTime(100.0, 5.0, 20.0), CpuTime(103.0, 5.5, 21.5)
    assert before.others_until(after, 2.0) == pytest.approx(1.0)
    assert before.others_until(CpuTime(100.0, 5.0, 21.0), 2.0) == 0  # clocks of another grain


def test_our_own_work_is_not_called_the_work_of_others() -> None:
    with Watch(every_s=0.0) as watch:
        watch.tick()
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
    (state,) = watch.states
    assert state.others is not None
    assert state.others <= len(sensors.usable_cores()) - 0.2 or state.t_s > 0.6


def state(**known: float | bool) -> State:
    nothing = dict.fromkeys(
        ("cpu_mhz", "gpu_mhz", "temperature_c", "power_w", "others", "throttled", "device_memory_mib")
    )
    return State(t_s=1.0, **{**nothing, **known})  # type: ignore[arg-type]


def test_an_unsteady_machine_is_reported() -> None:
    assert unsteady((state(), state(cpu_mhz=2000, others=0.05), state(cpu_mhz=1950, others=0.05))) == ()
    (others,) = unsteady((state(others=0.6), state(others=0.4)))
    assert "0.5 processors" in others
    (clock,) = unsteady((state(gpu_mhz=306), state(gpu_mhz=1007)))
    assert "GPU moved between 306 and 1007" in clock
    (heat,) = unsteady((state(throttled=False), state(throttled=True)))
    assert "held a clock down" in heat


def test_mean_power_is_of_the_known_values_or_unknown() -> None:
    assert sensors.mean(each.power_w for each in (state(power_w=5.0), state(), state(power_w=7.0))) == 6.0
    assert sensors.mean([state().power_w]) is None
