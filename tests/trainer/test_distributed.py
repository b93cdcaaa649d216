"""Real processes, started by torchrun as docs/distributed.md says, over gloo on the CPU."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import typer.main
import yaml
from torch import Tensor, nn

from edge.commands.console.cli import err, quiet
from edge.commands.console.work import shown_on
from edge.errors import EdgeError
from trainer.commands import app
from trainer.loop.processes import follows, joined, rank, share_of, world
from trainer.loop.runs import finished
from trainer.loop.training import Batch, Sample, Schedule, train
from trainer.networks.students import Segmenter

PAGE = Path(__file__).parents[2] / "docs" / "distributed.md"
BIN = Path(sys.executable).parent
PLAIN = Schedule(steps=40, batch=16, rate=0.05, seed=1, key="plain", every=10)
NORMED = Schedule(steps=12, batch=8, rate=0.005, seed=2, key="normed", every=4)


def plain_sample(rng: np.random.Generator, _: float, at: float) -> Sample:
    x = rng.standard_normal(3, dtype=np.float32)
    return x, x @ np.array([[1.0], [-2.0], [0.5]], np.float32) + np.float32(at)


def plain_loss(model: nn.Module, some: Batch) -> Tensor:
    """In float32, so that only what belongs to the processes can differ."""
    with torch.autocast("cpu", enabled=False):
        return ((model(some[0]) - some[1]) ** 2).mean()


def plain_model() -> nn.Module:
    torch.manual_seed(rank())  # of its own in each process: all must begin with that of process 0
    return nn.Linear(3, 1)


def normed_sample(rng: np.random.Generator, _: float, __: float) -> Sample:
    """A bright line in noise, and where it is."""
    truth = np.zeros((1, 32, 32), np.float32)
    truth[:, :, int(rng.integers(4, 28))] = 1
    return truth.repeat(3, axis=0) + 0.3 * rng.standard_normal((3, 32, 32), dtype=np.float32), truth


def normed_loss(model: nn.Module, some: Batch) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(model(some[0]).float(), some[1])


def normed_model() -> nn.Module:
    torch.manual_seed(0)
    return Segmenter()


def plain(folder: Path, loss: Any = plain_loss) -> dict[str, Any]:
    model = plain_model()
    losses = train(model, PLAIN, folder / "plain.safetensors", plain_sample, loss, "plain")
    return said(model, losses)


def normed(folder: Path) -> dict[str, Any]:
    model = normed_model()
    losses = train(model, NORMED, folder / "normed.safetensors", normed_sample, normed_loss, "normed")
    return said(model, losses)


def said(model: nn.Module, losses: list[float]) -> dict[str, Any]:
    return {"losses": losses, "weights": torch.cat([v.reshape(-1).double() for v in model.state_dict().values()])}


def work(folder: Path, task: str) -> None:
    """What each process does; it leaves what it found in a file of its own."""
    calls = 0

    def dies(model: nn.Module, some: Batch) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 27 and rank() == 1:
            os.kill(os.getpid(), 9)
        return plain_loss(model, some)

    def interrupts(model: nn.Module, some: Batch) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 13 and rank() == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return plain_loss(model, some)

    with quiet(follows()), shown_on(err), joined():
        assert world() == 2
        if task == "interrupted":
            plain(folder, interrupts)
        if task.startswith("key"):
            finished(folder, task)
        found = {"normed": normed(folder)} if task == "dies" else {"plain": plain(folder)}
        torch.save(found, folder / f"{task}.{rank()}")
        if task == "dies":
            plain(folder, dies)
    until = time.monotonic() + 60
    while threads_of_gloo():  # that outlive the group now and then abort a process at exit
        assert time.monotonic() < until
        time.sleep(0.01)  # the kernel lists a thread for a moment more


def threads_of_gloo() -> list[Path]:
    found = []
    for name in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # it ends just now
            found += [name] if "gloo" in name.read_text() else []
    return found


def torchrun(*arguments: str | Path, processes: int = 2) -> subprocess.CompletedProcess[str]:
    command = [BIN / "torchrun", "--standalone", "--nproc-per-node", str(processes), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240, env=environment)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two processes train; one is killed, and two new ones take the training up."""
    folder = tmp_path_factory.mktemp("together")
    first = torchrun(__file__, folder, "dies")
    assert first.returncode != 0, "nobody was killed"
    assert "Signal 9" in first.stderr
    second = torchrun(__file__, folder, "resumes")
    assert second.returncode == 0, second.stderr
    assert second.stderr.count("plain: step 24 of 40") == 1, "each step is said by one process, and from step 20 on"
    assert "plain: step 20 of 40" not in second.stderr
    return folder


def of_processes(folder: Path, task: str, what: str) -> list[dict[str, Any]]:
    return [torch.load(folder / f"{task}.{n}")[what] for n in range(2)]


def test_two_processes_that_were_killed_and_taken_up_learn_what_one_learns(together: Path, tmp_path: Path) -> None:
    alone, (first, second) = plain(tmp_path), of_processes(together, "resumes", "plain")
    assert torch.equal(first["weights"], second["weights"])
    assert first["losses"] == second["losses"] == pytest.approx(alone["losses"], rel=1e-4)
    assert torch.allclose(first["weights"], alone["weights"], atol=1e-5)


def test_with_batch_norm_two_processes_end_alike_and_near_one(together: Path, tmp_path: Path) -> None:
    alone, (first, second) = normed(tmp_path), of_processes(together, "dies", "normed")
    assert torch.equal(first["weights"], second["weights"]), "running statistics were not averaged"
    assert first["losses"] == second["losses"] == pytest.approx(alone["losses"], rel=0.1)
    assert alone["losses"][-1] < 0.9 * alone["losses"][0], "nothing was learned that could differ"


def test_one_process_takes_up_what_two_began(together: Path, tmp_path: Path) -> None:
    """The batch is that of the recipe, however many share it: a checkpoint does not depend on it."""
    (tmp_path / "plain.safetensors").write_bytes((together / "plain.safetensors").read_bytes())
    assert plain(tmp_path)["losses"] == of_processes(together, "resumes", "plain")[0]["losses"]


@pytest.mark.slow
def test_ctrl_c_in_one_process_stops_all_at_the_same_step(tmp_path: Path) -> None:
    """Another step would wait for gradients that never come."""
    done = torchrun(__file__, tmp_path, "interrupted")
    assert done.returncode != 0
    assert done.stderr.count("plain: saved at step 13 of 40; the same command resumes there") == 1
    with (tmp_path / "plain.safetensors").open("rb") as checkpoint:  # torch takes its name for what it holds
        assert int(torch.load(checkpoint, weights_only=True)["step"]) == 13
    done = torchrun(__file__, tmp_path, "resumes")
    assert done.returncode == 0, done.stderr
    alone = plain(tmp_path / "alone")
    for found in of_processes(tmp_path, "resumes", "plain"):
        assert found["losses"] == pytest.approx(alone["losses"], rel=1e-4)
        assert torch.allclose(found["weights"], alone["weights"], atol=1e-5)


def test_a_batch_that_cannot_be_shared_is_said_once(photographs: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    done = torchrun(
        "--no-python", BIN / "edge-train", "vessels", "--recipe", tiny_recipe, "--data", photographs, "--out", tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.count("error: vessels: a batch of 3 cannot be shared evenly by 2 processes: ") == 1
    assert "edge-train" in done.stderr
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.fixture
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from trainer.recipe import CONFIGS

    recipe = yaml.safe_load((CONFIGS / "quick.yaml").read_text(encoding="utf-8"))
    recipe["vessels"] |= {"steps": 2, "batch": 3, "field": 160, "crop": 128}
    recipe["side"] = 160
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def test_a_batch_is_shared_without_loss_or_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(share_of(8, "test")) == list(range(8))
    monkeypatch.setattr("trainer.loop.processes.world", lambda: 4)
    shares = []
    for number in range(4):
        monkeypatch.setattr("trainer.loop.processes.rank", lambda number=number: number)
        shares.append(list(share_of(8, "test")))
    assert shares == [[0, 4], [1, 5], [2, 6], [3, 7]]
    with pytest.raises(EdgeError, match="test: a batch of 10 cannot be shared evenly by 4 processes"):
        share_of(10, "test")


def launch_two(folder: Path, tasks: tuple[str, str]) -> list[tuple[int, str]]:
    """Two launchers with one process each, as on two machines: exit codes and what they said."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    where = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "localhost", "--master-port", port]
    nodes = [
        subprocess.Popen(
            list(map(str, [BIN / "torchrun", *where, "--node-rank", n, __file__, folder, task])),
            stderr=subprocess.PIPE,
            text=True,
        )
        for n, task in enumerate(tasks)
    ]
    said = [node.communicate(timeout=240)[1] for node in nodes]
    return [(node.returncode, words) for node, words in zip(nodes, said, strict=True)]


@pytest.mark.slow
def test_two_launchers_train_as_two_machines_would(tmp_path: Path) -> None:
    (first, words), (second, others) = launch_two(tmp_path, ("resumes", "resumes"))
    assert (first, second) == (0, 0), words + others
    found, same = of_processes(tmp_path, "resumes", "plain")
    assert torch.equal(found["weights"], same["weights"])
    assert "plain: step 40 of 40" in words
    assert not others, "only process 0 speaks"


@pytest.mark.slow
def test_machines_that_see_different_photographs_say_so(tmp_path: Path) -> None:
    for code, words in launch_two(tmp_path, ("key a", "key b")):
        assert code == 1
        assert "the processes of this training see different photographs or recipes" in words


@pytest.mark.slow
def test_the_whole_way_on_two_processes(tiny_run: Any, tmp_path: Path) -> None:
    """All steps with a batch that two can share, then again: finished steps are skipped by both alike."""
    arguments = ["all", "--recipe", tiny_run.recipe, "--data", tiny_run.data, "--out", tmp_path / "run", "--json"]
    done = torchrun("--no-python", BIN / "edge-train", *arguments)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["step"] for line in lines] == ["vessels", "prior", "adapter", "distill"]
    made, alone = (sorted(p.relative_to(at) for p in at.rglob("*")) for at in (tmp_path / "run", tiny_run.run))
    later = ("evaluation", "calibration")  # what other tests have made of the run since
    assert made == [path for path in alone if path.parts[0] not in later]
    again = torchrun("--no-python", BIN / "edge-train", *arguments)
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("finished already") == 4


def documented() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("torchrun ")]


@pytest.mark.parametrize("words", documented(), ids=" ".join)
def test_a_documented_line_is_taken_by_torchrun_and_by_edge_train(words: list[str]) -> None:
    from torch.distributed.run import get_args_parser

    taken = get_args_parser().parse_args(words[1:])
    assert (taken.no_python, taken.training_script) == (True, "edge-train")
    step, *rest = taken.training_script_args
    command: Any = typer.main.get_command(app)
    command.commands[step].make_context(step, rest)


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2])
