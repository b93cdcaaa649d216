from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from torch import nn
from torch.nn import functional as F

from edge.errors import EdgeError
from edge.metrics.classification import auroc
from edge.phantom.retina import make_retina
from trainer.loop import runs
from trainer.networks.backbone import extract, load_backbone
from trainer.recipe import Recipe, load_recipe
from trainer.steps import adapter
from trainer.steps.adapter import KINDS, AdapterTrainingSet, import_weights
from trainer.steps.teacher import load_teacher

RECIPE = load_recipe("quick")
Floats = NDArray[np.float32]


def with_adapter(recipe: Recipe, **settings: Any) -> Recipe:
    return dataclasses.replace(recipe, adapter=dataclasses.replace(recipe.adapter, **settings))


def fit(
    kind: str,
    features: Floats,
    labels: Floats,
    folder: Path,
    spoiled: AdapterTrainingSet | None = None,
    **settings: Any,
) -> nn.Module:
    recipe = with_adapter(RECIPE, **{"steps": 60, "rate": 0.01, **settings})
    real = AdapterTrainingSet(features, labels, np.ones(labels.shape, np.bool_))
    return adapter._fit(kind, real, spoiled, recipe, folder / kind, "k")[0]


def found_by(model: nn.Module, features: Floats) -> Floats:
    with torch.no_grad():
        return np.asarray(torch.sigmoid(model(torch.from_numpy(features)))[:, 0].numpy(), np.float32)


def rare(seed: int) -> tuple[Floats, Floats]:
    """Rare degradation that one of five channels tells of, channels of very different scale."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((40, 4, 4)) < 0.1).astype(np.float32)
    features = rng.standard_normal((40, 5, 4, 4)).astype(np.float32)
    features[:, 2] += 6 * labels
    return features * np.array([1, 10, 100, 0.1, 1], np.float32)[None, :, None, None], labels


@pytest.mark.parametrize(("kind", "rate"), [("linear", 0.1), ("cnn", 0.01)])
def test_the_fit_finds_the_channel_that_tells_and_leaves_good_patches_dark(
    kind: str, rate: float, tmp_path: Path
) -> None:
    model = fit(kind, *rare(0), tmp_path, rate=rate)
    features, labels = rare(1)
    found = found_by(model, features)
    assert found[labels == 1].mean() > 0.6
    assert found[labels == 0].mean() < 0.2


def test_convolutions_see_what_no_line_parts(tmp_path: Path) -> None:
    """Degraded is where exactly one of two channels is lit."""

    def either(seed: int) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(seed)
        lit = rng.random((40, 2, 4, 4)) < 0.5
        noise = 0.5 * rng.standard_normal(lit.shape)
        return (2 * lit + noise).astype(np.float32), (lit[:, 0] != lit[:, 1]).astype(np.float32)

    features, labels = either(1)
    told = {
        kind: auroc(found_by(fit(kind, *either(0), tmp_path), features).ravel(), labels.ravel() > 0)
        for kind in ("linear", "cnn")
    }
    assert told["linear"] < 0.65
    assert told["cnn"] > 0.9


def test_positive_unlabelled_learning_finds_degradation_that_nobody_marked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    degraded = rng.random((40, 4, 4)) < 0.3
    marked = degraded & (rng.random(degraded.shape) < 0.35)
    features = rng.standard_normal((40, 3, 4, 4)).astype(np.float32)
    features[:, 1] += 5 * degraded
    found = found_by(fit("pu", features, marked.astype(np.float32), tmp_path, positives=0.3), features)
    hidden = degraded & ~marked
    assert found[hidden].mean() > found[~degraded].mean() + 0.4
    assert found[hidden].mean() > 0.5


def test_the_paired_adapter_learns_how_much_is_lost(tmp_path: Path) -> None:
    """Frames spoiled on purpose say how much; pseudo-labels beside them know only all or nothing."""
    rng = np.random.default_rng(0)
    lost = rng.choice(np.array([0, 0.5, 1], np.float32), (60, 4, 4))
    whole_or_not = rng.choice(np.array([0, 1], np.float32), (20, 4, 4))

    def features_of(truth: Floats) -> Floats:
        noise = rng.standard_normal((len(truth), 3, 4, 4)).astype(np.float32)
        noise[:, 0] = 6 * truth + 0.3 * noise[:, 0]
        return noise

    spoiled = AdapterTrainingSet(features_of(lost), lost, np.ones(lost.shape, np.bool_))
    found = found_by(fit("paired", features_of(whole_or_not), whole_or_not, tmp_path, spoiled), features_of(lost))
    means = [float(found[lost == level].mean()) for level in (0, 0.5, 1)]
    assert means[0] < 0.2
    assert 0.3 < means[1] < 0.7
    assert means[2] > 0.8


def test_patches_that_do_not_count_teach_nothing() -> None:
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.standard_normal((2, 1, 4, 4)).astype(np.float32)).requires_grad_()
    targets = torch.from_numpy((rng.random((2, 1, 4, 4)) < 0.4).astype(np.float32))
    counted = torch.zeros(2, 1, 4, 4)
    counted[..., :2] = 1
    for loss in (
        adapter._cross_entropy(nn.Identity(), (logits, targets, counted, counted), torch.tensor(3.0)),
        adapter._positive_unlabelled(nn.Identity(), (logits, targets, counted, counted), 0.1),
    ):
        (slope,) = torch.autograd.grad(loss, logits)
        assert slope[..., :2].abs().min() > 0
        assert slope[..., 2:].abs().max() == 0


def test_the_positive_unlabelled_risk_is_never_negative() -> None:
    """It is that of EFIQA-CP, and where its second part would be negative, that part is nothing and teaches nothing."""
    rng, clamped = np.random.default_rng(0), set()
    for positives in (0.02, 0.5):
        for gain in (0.5, 6.0):
            marked = torch.from_numpy((rng.random((3, 1, 4, 4)) < 0.3).astype(np.float32))
            logits = (torch.from_numpy(rng.standard_normal((3, 1, 4, 4)).astype(np.float32)) + marked * 2 - 1) * gain
            logits.requires_grad_()
            risk = adapter._positive_unlabelled(
                nn.Identity(), (logits, marked, torch.ones_like(marked), marked), positives
            )
            known, unknown = logits.detach()[marked > 0], logits.detach()[marked == 0]
            first = positives * F.softplus(-known).mean()
            second = F.softplus(unknown).mean() - positives * F.softplus(known).mean()
            clamped.add(bool(second < 0))
            assert float(risk.detach()) == pytest.approx(float(first + second.clamp(min=0)), rel=1e-5)
            (slope,) = torch.autograd.grad(risk, logits)
            assert (slope[marked == 0].abs().max() == 0) == bool(second < 0)
    assert clamped == {True, False}


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"kinds": ("linear", "forest")}, "forest"),
        ({"teacher": "forest"}, "forest"),
        ({"teacher": "together", "kinds": ()}, "together"),
        ({"kinds": ("linear", "cnn")}, "paired"),  # the teacher of the quick recipe
        ({"kinds": ()}, "paired"),
    ],
)
def test_unknown_kinds_and_a_teacher_that_is_not_trained_are_said(
    settings: dict[str, Any], wrong: str, tmp_path: Path
) -> None:
    with pytest.raises(EdgeError, match=rf"some of {', '.join(KINDS)}, .* not {wrong}: fix the recipe\.$"):
        adapter.run(with_adapter(RECIPE, **settings), tmp_path, tmp_path)


@pytest.mark.parametrize("anomaly", [-1.0, 1e6])
def test_a_prior_that_calls_everything_alike_is_said(anomaly: float, tiny_run: Any, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    recipe = with_adapter(load_recipe(str(tiny_run.recipe)), kinds=("linear",), teacher="linear", anomaly=anomaly)
    for step in ("vessels", "prior"):
        shutil.copytree(tiny_run.run / step, tmp_path / step)
    with pytest.raises(EdgeError, match="calls every patch the same: add photographs of mixed quality"):
        adapter.run(recipe, tiny_run.data, tmp_path)
    assert not (tmp_path / "adapter/linear" / runs.WEIGHTS).exists()


def test_an_imported_adapter_is_not_trained_over(tiny_run: Any, tmp_path: Path, caplog: Any) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    recipe = with_adapter(load_recipe(str(tiny_run.recipe)), kinds=("linear",), teacher="linear")
    for step in ("vessels", "prior"):
        shutil.copytree(tiny_run.run / step, tmp_path / step)
    channels = load_backbone(recipe.adapter.backbone).channels
    np.save(tmp_path / "published.npy", np.ones(channels + 1, np.float32))
    import_weights(recipe, tiny_run.data, tmp_path, tmp_path / "published.npy")
    before = (tmp_path / "adapter/linear" / runs.WEIGHTS).read_bytes()
    caplog.set_level("INFO")
    adapter.run(recipe, tiny_run.data, tmp_path)
    assert "finished already" in caplog.text
    assert (tmp_path / "adapter/linear" / runs.WEIGHTS).read_bytes() == before


def test_an_adapter_is_trained_again_only_where_what_it_depends_on_changes(tiny_run: Any) -> None:
    recipe = load_recipe(str(tiny_run.recipe))
    data, out = tiny_run.data, tiny_run.run
    keys = {kind: adapter.key_of(recipe, data, out, kind) for kind in KINDS}
    assert len(set(keys.values())) == 4
    others = with_adapter(recipe, kinds=("linear", "paired"), teacher="linear")
    fewer_frames = dataclasses.replace(recipe, frames=dataclasses.replace(recipe.frames, number=5))
    for kind in KINDS:
        assert adapter.key_of(others, data, out, kind) == keys[kind]
        assert adapter.key_of(with_adapter(recipe, rate=0.5), data, out, kind) != keys[kind]
        assert (adapter.key_of(fewer_frames, data, out, kind) == keys[kind]) == (kind != "paired")


def test_published_weights_become_the_teacher(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    recipe = with_adapter(RECIPE, kinds=("linear",), teacher="linear", size=64)
    backbone = load_backbone(recipe.adapter.backbone)
    numbers = (0.1 * np.random.default_rng(0).standard_normal(backbone.channels + 1)).astype(np.float32)
    np.save(tmp_path / "published.npy", numbers)
    import_weights(recipe, tmp_path, tmp_path / "run", tmp_path / "published.npy")
    pictures = [make_retina(seed, 96).image for seed in range(2)]
    logits = np.einsum("c,nchw->nhw", numbers[:-1], extract(backbone, pictures, 64)) + numbers[-1]
    maps = load_teacher(recipe, tmp_path / "run").maps(pictures)
    assert maps.shape == (2, 4, 4)
    np.testing.assert_allclose(maps, 1 / (1 + np.exp(-logits)), atol=1e-3)
    np.save(tmp_path / "other.npy", numbers[3:])
    with pytest.raises(EdgeError, match=r"other\.npy holds an array .* backbone has"):
        import_weights(recipe, tmp_path, tmp_path / "run", tmp_path / "other.npy")
    np.save(tmp_path / "other.npy", 2 * numbers)
    with pytest.raises(EdgeError, match="holds a finished step"):  # never overwritten
        import_weights(recipe, tmp_path, tmp_path / "run", tmp_path / "other.npy")
    import_weights(recipe, tmp_path, tmp_path / "run", tmp_path / "published.npy")
    np.testing.assert_array_equal(load_teacher(recipe, tmp_path / "run").maps(pictures), maps)


def test_published_weights_need_a_recipe_that_learns_from_them(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match=r"linear adapter, but the recipe's teacher is paired: set adapter\.teacher"):
        import_weights(RECIPE, tmp_path, tmp_path, tmp_path / "published.npy")


def test_teachers_of_all_kinds_of_a_run_can_be_asked(tiny_run: Any) -> None:
    recipe = load_recipe(str(tiny_run.recipe))
    pictures = [make_retina(seed, 160).image for seed in range(2)]
    maps = {kind: load_teacher(recipe, tiny_run.run, kind).maps(pictures) for kind in KINDS}
    np.testing.assert_array_equal(load_teacher(recipe, tiny_run.run).maps(pictures), maps[recipe.adapter.teacher])
    for found in maps.values():
        assert found.shape == (2, recipe.adapter.size // 16, recipe.adapter.size // 16)
        assert 0 <= found.min() <= found.max() <= 1
    assert len({found.tobytes() for found in maps.values()}) == 4
    together = load_teacher(recipe, tiny_run.run, "together").maps(pictures)
    np.testing.assert_allclose(together, np.mean(list(maps.values()), axis=0), atol=1e-5)
