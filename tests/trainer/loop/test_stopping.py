"""Ctrl-C during a training, in real processes: it saves, says so, and the same command goes on to the same end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file
from torch import Tensor, nn

from trainer.loop import stopping
from trainer.loop.stopping import held_signals
from trainer.loop.training import Batch, Schedule, train

# edge-train, whose losses send it signals: at which step, and which.
PRESSED = """
import json, os, signal, sys, time
from trainer.commands import main
from trainer.steps import vessels

before, calls, pressed = vessels._loss, 0, json.loads(sys.argv.pop(1))

def loss(model, batch):
    global calls
    calls += 1
    for wait, number in pressed.get(str(calls), ()):
        time.sleep(wait)
        os.kill(os.getpid(), number)
    return before(model, batch)

vessels._loss = loss
main()
"""


def edge_train(tiny_run: Any, out: Path, pressed: dict[int, list[tuple[float, int]]]) -> tuple[int, list[str]]:
    """Exit code of ``edge-train vessels`` and what it said; before these steps, it waits and is sent these signals."""
    arguments = ["vessels", "--recipe", tiny_run.recipe, "--data", tiny_run.data, "--out", out]
    command = [sys.executable, "-c", PRESSED, json.dumps(pressed), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[3])
    return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("vessels: step")]


def ended(run: Path) -> list[str]:
    """What a command says that is interrupted, wherever it is."""
    return [f"{run} keeps what is finished; the same command goes on from there", "interrupted"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_training_that_is_interrupted_ends_where_an_undisturbed_one_does(
    number: signal.Signals, code: int, tiny_run: Any, tmp_path: Path
) -> None:
    left, said = edge_train(tiny_run, tmp_path, {3: [(0, number)]})
    saved = "vessels: saved at step 3 of 4; the same command resumes there"
    assert (left, said) == (code, [saved, *ended(tmp_path)])
    assert int(torch.load(tmp_path / "vessels" / "training.pt", weights_only=True)["step"]) == 3
    assert not (tmp_path / "vessels" / "model.safetensors").exists()
    left, said = edge_train(tiny_run, tmp_path, {2: [(0, 0)]})  # signal 0 is none; and there is one step left
    assert left == 0, said
    found, wanted = (load_file(run / "vessels" / "model.safetensors") for run in (tmp_path, tiny_run.run))
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, msg=name)
    losses = [json.loads((run / "vessels/metrics.json").read_text())["losses"] for run in (tmp_path, tiny_run.run)]
    assert losses[0] == pytest.approx(losses[1])


def test_a_second_ctrl_c_ends_it_at_once(tiny_run: Any, tmp_path: Path) -> None:
    left, said = edge_train(tiny_run, tmp_path, {3: [(0, signal.SIGINT), (1.2, signal.SIGINT)]})
    assert (left, said) == (130, ended(tmp_path))
    assert not (tmp_path / "vessels" / "training.pt").exists()


def learn(path: Path, press: dict[int, Any], steps: int = 12) -> tuple[Tensor, list[float]]:
    """Weights and losses of a small training; ``press`` is called at some of its steps."""
    torch.manual_seed(0)
    model, calls = nn.Linear(3, 1), 0

    def loss(model: nn.Module, some: Batch) -> Tensor:
        nonlocal calls
        calls += 1
        press.get(calls, lambda: None)()
        return ((model(some[0]).float() - some[1]) ** 2).mean()

    def sample(rng: Any, *_: float) -> Any:
        x = rng.standard_normal(3)
        return x, x[:1]

    return model.weight, train(model, Schedule(steps, 4, 0.05, 1, "k", every=5), path, sample, loss, "test")


@pytest.mark.parametrize("at", [1, 5, 7, 12])
def test_losses_of_a_stretch_that_was_interrupted_are_those_of_the_whole_one(at: int, tmp_path: Path) -> None:
    whole, losses = learn(tmp_path / "whole.pt", {})
    with pytest.raises(KeyboardInterrupt):
        learn(tmp_path / "cut.pt", {at: lambda: os.kill(os.getpid(), signal.SIGINT)})
    assert int(torch.load(tmp_path / "cut.pt", weights_only=True)["step"]) == at
    again, resumed = learn(tmp_path / "cut.pt", {})
    assert torch.equal(again, whole)
    assert resumed == losses
    assert len(losses) == 3


def test_a_checkpoint_of_an_earlier_version_is_taken_up(tmp_path: Path) -> None:
    whole, losses = learn(tmp_path / "whole.pt", {})
    with pytest.raises(KeyboardInterrupt):
        learn(tmp_path / "cut.pt", {5: lambda: os.kill(os.getpid(), signal.SIGINT)})
    stored = torch.load(tmp_path / "cut.pt", weights_only=True)
    assert stored.pop("recent") == []
    torch.save(stored, tmp_path / "cut.pt")
    again, resumed = learn(tmp_path / "cut.pt", {})
    assert torch.equal(again, whole)
    assert resumed == losses


def test_signals_are_handed_back_and_those_that_are_ignored_stay_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stopping, "_ONE_PRESS_S", 60.0)  # a machine that halts between two signals makes them no two
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with held_signals() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.01)
            assert asked.number == 0
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)  # at once: one press
            time.sleep(0.01)
            assert asked.number == signal.SIGTERM
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, ignored)
    assert {number: signal.getsignal(number) for number in before} == before


def test_a_program_that_trains_in_a_thread_keeps_its_signals(tmp_path: Path) -> None:
    code = """
import sys, threading, signal
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_stopping import learn
handlers = []
thread = threading.Thread(target=learn, args=(Path(sys.argv[2]), {2: lambda: handlers.append(signal.getsignal(2))}))
thread.start()
thread.join()
print(handlers == [signal.default_int_handler])
"""
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path / "c.pt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[3])
    assert done.stdout == "True\n", done.stderr
