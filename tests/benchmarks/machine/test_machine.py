from __future__ import annotations

import dataclasses
import json
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import edge
from benchmarks.machine import machine
from benchmarks.machine.machine import cpu_model, describe_machine, installed_engines, load_average, peak_memory_mib
from edge.frame.prepare import frame_step_name

X86 = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 2\nmodel name\t: AMD EPYC 7R13\nstepping\t: 1\n"
ORIN = "processor\t: 0\nmodel name\t: ARMv8 Processor rev 1 (v8l)\nCPU part\t: 0xd42\n"
ARM = "processor\t: 0\nBogoMIPS\t: 62.50\nCPU implementer\t: 0x41\nCPU part\t: 0xd42\n"


def test_the_machine_is_described_as_it_is() -> None:
    facts = describe_machine({"runtime": "openvino"}, 1, (0.5, 0.4, 0.3))
    assert facts.threads == 1
    assert 1 <= facts.cores <= (os.cpu_count() or 1)
    assert (facts.numpy, facts.opencv, facts.python) == (np.__version__, cv2.__version__, platform.python_version())
    assert facts.efiqa_edge == edge.__version__
    assert facts.frame_step == frame_step_name()
    assert facts.engine == {"runtime": "openvino"}
    assert facts.load_average == (0.5, 0.4, 0.3)
    assert facts.cpu
    assert facts.os


def test_threads_are_all_cores_if_left_out() -> None:
    facts = describe_machine({}, None, None)
    assert facts.threads == facts.cores


def test_nothing_in_it_names_a_person_or_a_host() -> None:
    text = json.dumps(dataclasses.asdict(describe_machine({}, None, load_average())))
    # A host called "debian" would be met in the system's own name: only a telling name can be looked for.
    if len(socket.gethostname()) > 8:
        assert socket.gethostname() not in text
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (X86, "AMD EPYC 7R13"),
        (ORIN, "ARMv8 Processor rev 1 (v8l)"),
        (ARM, f"{platform.machine()} (CPU part 0xd42)"),
        ("", platform.processor() or platform.machine()),
    ],
)
def test_the_processor_has_a_name_on_x86_and_arm(text: str, name: str) -> None:
    assert cpu_model(text) == name


def test_peak_memory_grows_with_what_is_held_and_does_not_fall() -> None:
    # In a process of its own: what other tests held before would have to be passed first.
    code = (
        "import numpy as np; from benchmarks.machine.machine import peak_memory_mib as peak\n"
        "before = peak(); held = np.ones(int(before + 64) << 17)\n"
        "grown = peak(); del held; print(before, grown, peak())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, grown, after = map(float, done.stdout.split())
    assert grown >= before + 32
    assert after >= grown - 1  # the kernel's count is off by some pages


def test_the_peak_can_be_counted_from_now() -> None:
    code = (
        "import numpy as np; from benchmarks.machine.machine import peak_memory_mib, restart_peak_memory\n"
        "held = np.ones(200 << 17); del held; high = peak_memory_mib()\n"
        "print(restart_peak_memory(), high, peak_memory_mib())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    restarted, high, low = done.stdout.split()
    # Where the system refuses, the peak must stand rather than be made up.
    assert float(low) < float(high) - 150 if restarted == "True" else float(low) >= float(high) - 1


def test_peak_memory_without_proc_comes_from_getrusage(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(machine, "text_of", lambda path: "")
    monkeypatch.setattr(sys, "platform", "linux")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert peak_memory_mib() == pytest.approx(most / 1024, rel=0.05)


def test_installed_engines_are_named_with_their_version() -> None:
    openvino = pytest.importorskip("openvino")
    assert openvino.__version__.startswith(installed_engines()["openvino"])
    assert set(installed_engines()) <= {"openvino", "tensorrt", "tensorrt_rtx"}
