from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn

from edge.errors import EdgeError
from trainer.loop import runs
from trainer.loop.training import Batch, Sample, Schedule, train
from trainer.recipe import load_recipe

SCHEDULE = Schedule(steps=40, batch=16, rate=0.05, seed=1, key="a", every=10)
TRUTH = np.array([[1.0], [-2.0], [0.5]], np.float32)


def sample(rng: np.random.Generator, _: float, __: float) -> Sample:
    x = rng.standard_normal(3, dtype=np.float32)
    return x, x @ TRUTH


def loss(model: nn.Module, some: Batch) -> Tensor:
    return ((model(some[0]).float() - some[1]) ** 2).mean()


def fresh() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


class Broken:
    """The loss, but for one call."""

    def __init__(self, at: int, factor: float) -> None:
        self.at, self.factor, self.calls = at, factor, 0

    def __call__(self, model: nn.Module, some: Batch) -> Tensor:
        self.calls += 1
        return loss(model, some) * (self.factor if self.calls == self.at else 1.0)


def steps_done(path: Path) -> int:
    return int(torch.load(path, weights_only=True)["step"])


def one_sentence(caught: pytest.ExceptionInfo[EdgeError], *words: str) -> None:
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    for word in words:
        assert word in said


def test_it_learns_and_leaves_the_model_in_evaluation_mode(tmp_path: Path) -> None:
    model = fresh()
    losses = train(model, SCHEDULE, tmp_path / "c.pt", sample, loss, "test")
    assert len(losses) == 4
    assert losses[-1] < 0.5 * losses[0]
    assert not model.training


def test_a_sample_is_told_how_far_the_training_is_and_its_place_in_the_batch(tmp_path: Path) -> None:
    seen: set[tuple[float, float]] = set()

    def noted(rng: np.random.Generator, progress: float, at: float) -> Sample:
        seen.add((progress, at))
        return sample(rng, progress, at)

    train(fresh(), Schedule(4, 2, 0.05, 1, "a"), tmp_path / "c.pt", noted, loss, "test")
    assert seen == {(step / 4, n / 2) for step in range(4) for n in range(2)}


def test_a_killed_training_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    whole = fresh()
    losses = train(whole, SCHEDULE, tmp_path / "whole.pt", sample, loss, "test")

    class KilledError(Exception):
        pass

    calls = 0

    def dies(model: nn.Module, some: Batch) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 27:
            raise KilledError
        return loss(model, some)

    with pytest.raises(KilledError):
        train(fresh(), SCHEDULE, tmp_path / "cut.pt", sample, dies, "test")
    taken_up = nn.Linear(3, 1)  # other weights: all must come from the checkpoint
    counted = Broken(0, 1.0)
    resumed = train(taken_up, SCHEDULE, tmp_path / "cut.pt", sample, counted, "test")
    assert counted.calls == 20
    assert resumed == pytest.approx(losses)
    assert torch.equal(taken_up.weight, whole.weight)


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 1e38])  # the last: a finite loss, an infinite gradient
def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path, factor: float) -> None:
    whole, path = fresh(), tmp_path / "c.pt"
    train(whole, SCHEDULE, tmp_path / "whole.pt", sample, loss, "test")
    model = fresh()
    with pytest.raises(EdgeError, match="not a number at step 14") as caught:
        train(model, SCHEDULE, path, sample, Broken(15, factor), "test")
    one_sentence(caught, "test: the loss", f"start again to go on from {path}", "lower the rate")
    assert torch.isfinite(model.weight).all(), "the step was taken"
    assert steps_done(path) == 10
    again = nn.Linear(3, 1)
    assert len(train(again, SCHEDULE, path, sample, loss, "test")) == 4
    assert torch.equal(again.weight, whole.weight)


def test_before_the_first_checkpoint_none_is_promised(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    with pytest.raises(EdgeError, match=r"not a number at step 4: lower the rate in the recipe") as caught:
        train(fresh(), SCHEDULE, path, sample, Broken(5, float("nan")), "test")
    one_sentence(caught)
    assert not path.exists()


def test_weights_that_are_no_numbers_never_become_a_checkpoint(tmp_path: Path) -> None:
    """Batch norm hides pictures that are far too bright from loss and gradient, while its statistics overflow."""
    path = tmp_path / "c.pt"

    def glaring(rng: np.random.Generator, progress: float, at: float) -> Sample:
        x, y = sample(rng, progress, at)
        return x * np.float32(1e25 if progress > 0.3 else 1), y

    model = nn.Sequential(nn.BatchNorm1d(3), fresh())
    with pytest.raises(EdgeError, match=r"model\.0\.running_var holds what is not a number") as caught:
        train(model, SCHEDULE, path, glaring, loss, "test")
    one_sentence(caught, f"{path} is not written", "lower the rate", "or remove it")
    assert steps_done(path) == 10
    losses = train(nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1)), SCHEDULE, path, sample, loss, "test")
    assert np.isfinite(losses).all()


def test_a_step_with_weights_that_are_no_numbers_is_not_finished(tmp_path: Path) -> None:
    model = fresh()
    with torch.no_grad():
        model.weight[0, 1] = float("inf")
    folder = tmp_path / "prior"
    with pytest.raises(EdgeError, match=r"model\.safetensors is not written \(weight holds") as caught:
        runs.finish(folder, model, load_recipe("quick"), "a", {})
    one_sentence(caught)
    assert not runs.finished(folder, "a")
    assert not folder.exists()


def test_a_checkpoint_of_another_recipe_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    with pytest.raises(EdgeError, match="not a number"):
        train(fresh(), SCHEDULE, path, sample, Broken(25, float("nan")), "test")
    before = path.read_bytes()
    with pytest.raises(EdgeError, match="belongs to another recipe") as caught:
        train(fresh(), replace(SCHEDULE, key="b"), path, sample, loss, "test")
    one_sentence(caught, str(path), "use another --out, or remove it")
    assert path.read_bytes() == before
    counted = Broken(0, 1.0)
    train(fresh(), SCHEDULE, path, sample, counted, "test")
    assert counted.calls == 20


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    train(fresh(), SCHEDULE, path, sample, loss, "test")
    with pytest.raises(EdgeError, match="is of another network") as caught:
        train(nn.Sequential(nn.Linear(3, 1)), SCHEDULE, path, sample, loss, "test")
    one_sentence(caught, str(path), "remove it")


def cut_off(data: bytes) -> bytes:
    return data[:100]


def emptied(data: bytes) -> bytes:
    return b""


def a_bit_flipped(data: bytes) -> bytes:
    weight = torch.load(io.BytesIO(data), weights_only=True)["model"]["weight"].numpy().tobytes()
    at = data.index(weight)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def something_else(data: bytes) -> bytes:
    from safetensors.torch import save

    return save({"model.weight": torch.zeros(1, 3)})


def code(data: bytes) -> bytes:
    stored = io.BytesIO()
    torch.save({"key": SCHEDULE}, stored)  # what weights_only refuses to build
    return stored.getvalue()


@pytest.mark.parametrize("damage", [cut_off, emptied, a_bit_flipped, something_else, code])
def test_a_damaged_checkpoint_is_refused_and_said_how_to_go_on(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    path = tmp_path / "c.pt"
    losses = train(fresh(), SCHEDULE, path, sample, loss, "test")
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(EdgeError, match="is damaged") as caught:
        train(fresh(), SCHEDULE, path, sample, loss, "test")
    one_sentence(caught, str(path), "remove it")
    assert path.read_bytes() == before
    path.unlink()
    assert train(fresh(), SCHEDULE, path, sample, loss, "test") == losses


FULL = """
import resource, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {here!r})
from test_training import SCHEDULE, fresh, loss, sample
from trainer.loop.training import train

path, calls = Path({path!r}), 0

def fills(model, some):
    global calls
    calls += 1
    if calls == 15:  # from now on no file may grow beyond this: a disk that is full in the middle of a checkpoint
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2,) * 2)
    return loss(model, some)

try:
    train(fresh(), SCHEDULE, path, sample, fills, "test")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_a_disk_that_fills_up_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path, whole = tmp_path / "run" / "c.pt", fresh()
    train(whole, SCHEDULE, tmp_path / "whole.pt", sample, loss, "test")
    code = FULL.format(here=str(Path(__file__).parent), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == (
        f"EdgeError {path} cannot be written (File too large): free some space or choose another folder.\n"
    ), done.stderr
    assert [p.name for p in path.parent.iterdir()] == [path.name], "half a file was left"
    assert steps_done(path) == 10
    again = nn.Linear(3, 1)
    train(again, SCHEDULE, path, sample, loss, "test")
    assert torch.equal(again.weight, whole.weight)
