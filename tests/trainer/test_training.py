from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn

from edge.errors import EdgeError
from trainer.training import Schedule, train

SCHEDULE = Schedule(steps=40, rate=0.05, seed=1, key="a", every=10)


def batch(rng: np.random.Generator, progress: float) -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(rng.standard_normal((16, 3), dtype=np.float32))
    return x, x @ torch.tensor([[1.0], [-2.0], [0.5]])


def loss(model: nn.Module, some: tuple[Tensor, Tensor]) -> Tensor:
    return ((model(some[0]).float() - some[1]) ** 2).mean()


def fresh() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def test_it_learns_and_leaves_the_model_in_evaluation_mode(tmp_path: Path) -> None:
    model = fresh()
    losses = train(model, SCHEDULE, tmp_path / "c.safetensors", batch, loss, "test")
    assert len(losses) == 4
    assert losses[-1] < 0.5 * losses[0]
    assert not model.training


def test_a_killed_training_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    whole = fresh()
    losses = train(whole, SCHEDULE, tmp_path / "whole.safetensors", batch, loss, "test")

    class KilledError(Exception):
        pass

    calls = 0

    def dies(model: nn.Module, some: tuple[Tensor, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 27:
            raise KilledError
        return loss(model, some)

    with pytest.raises(KilledError):
        train(fresh(), SCHEDULE, tmp_path / "cut.safetensors", batch, dies, "test")
    taken_up = nn.Linear(3, 1)  # other weights: all must come from the checkpoint
    steps = 0

    def counted(model: nn.Module, some: tuple[Tensor, Tensor]) -> Tensor:
        nonlocal steps
        steps += 1
        return loss(model, some)

    resumed = train(taken_up, SCHEDULE, tmp_path / "cut.safetensors", batch, counted, "test")
    assert steps == 20
    assert resumed == pytest.approx(losses)
    assert torch.equal(taken_up.weight, whole.weight)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    calls = 0

    def breaks(model: nn.Module, some: tuple[Tensor, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        return loss(model, some) * (float("nan") if calls == 15 else 1.0)

    with pytest.raises(EdgeError, match="not a number at step 14"):
        train(fresh(), SCHEDULE, path, batch, breaks, "test")
    again = nn.Linear(3, 1)
    assert len(train(again, SCHEDULE, path, batch, loss, "test")) == 4
    assert torch.isfinite(again.weight).all()


def test_a_checkpoint_of_another_recipe_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    train(fresh(), SCHEDULE, path, batch, loss, "test")
    with pytest.raises(EdgeError, match="another recipe"):
        train(fresh(), Schedule(40, 0.05, 1, "b", 10), path, batch, loss, "test")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(EdgeError, match="damaged"):
        train(fresh(), SCHEDULE, path, batch, loss, "test")


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.safetensors"
    train(fresh(), Schedule(10, 0.05, 1, "a", 10), path, batch, loss, "test")
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EdgeError, match="No space left"):
        train(fresh(), SCHEDULE, path, batch, loss, "test")
    assert path.read_bytes() == before
