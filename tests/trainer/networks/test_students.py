from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from trainer.networks.students import Adapter, Encoder, Prior, Segmenter, Student, copy_encoder


def test_shapes() -> None:
    image = torch.zeros(2, 3, 128, 128)
    assert Segmenter().eval()(image).shape == (2, 1, 128, 128)
    for unshuffle in (1, 2, 4):
        assert Prior(4, unshuffle).eval()(torch.zeros(2, 1, 64, 64)).shape == (2, 1, 64, 64)
    for convolutional in (False, True):
        assert Adapter(5, convolutional).eval()(torch.zeros(2, 5, 7, 7)).shape == (2, 1, 7, 7)


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("size", [96, 128])
def test_a_student_gives_three_maps_on_its_grid_and_vessels_at_half_size(stride: int, size: int) -> None:
    student, image = Student(stride).eval(), torch.rand(2, 3, size, size)
    grid = size // stride
    maps, vessels = student.with_vessels(image)
    assert maps.shape == (2, 3, grid, grid)
    assert vessels.shape == (2, 1, size // 2, size // 2)
    assert torch.equal(student(image), maps)


@pytest.mark.parametrize("width", [1.0, 1.5, 2.0, 2.5])
def test_a_wider_encoder_begins_as_the_one_it_copies(width: float) -> None:
    torch.manual_seed(0)
    source, student = Encoder().eval(), Student(width=width).eval()
    with torch.no_grad():
        for module in source.modules():
            if isinstance(module, nn.BatchNorm2d):  # as after a training, not as at its start
                for values in (module.weight, module.bias, module.running_mean):
                    assert values is not None
                    values.uniform_(0.1, 0.5)
    copy_encoder(source, student.encoder, seed=0)
    with torch.no_grad():
        pairs = list(zip(source(image := torch.rand(2, 3, 64, 64)), student.encoder(image), strict=True))
    for old, new in pairs:
        assert new.shape[1] == round(width * old.shape[1])
        assert (new[:, : old.shape[1]] - old).abs().mean() < 0.2 * old.std()
    assert width > 1 or all(torch.equal(old, new) for old, new in pairs)


def test_a_narrower_encoder_keeps_the_channels_with_the_largest_gains() -> None:
    source, student = Encoder(), Student(width=0.5)
    norm = next(m for m in source.modules() if isinstance(m, nn.BatchNorm2d))
    with torch.no_grad():
        norm.weight[:] = torch.arange(32) % 2 + 1.0
    copy_encoder(source, student.encoder, seed=0)
    kept = next(m for m in student.encoder.modules() if isinstance(m, nn.BatchNorm2d))
    assert kept.weight.tolist() == [2.0] * 16


def test_an_untrained_prior_adds_nothing() -> None:
    """Residual: at the start the reconstruction is the map itself (paper, section 3.1)."""
    assert Prior(4, 2).eval()(torch.rand(1, 1, 64, 64)).abs().max() == 0


@pytest.mark.parametrize("stride", [8, 16])
def test_the_student_is_dense_and_small(stride: int) -> None:
    """What INT8 pays for: no depthwise convolution, padding inside the convolutions, under two million weights."""
    student = Student(stride)
    convolutions = [m for m in student.modules() if isinstance(m, nn.Conv2d)]
    assert all(c.groups == 1 and c.padding_mode == "zeros" for c in convolutions)
    assert sum(p.numel() for p in student.parameters()) < 2e6


def test_a_linear_adapter_is_one_weight_for_each_channel_and_a_bias() -> None:
    """The paper's 1,025 parameters on 1,024 channels."""
    assert sum(p.numel() for p in Adapter(1024, convolutional=False).parameters()) == 1025


def test_an_adapter_takes_features_of_any_scale() -> None:
    rng = np.random.default_rng(0)
    scale = np.array([1, 1000, 0.01], np.float32)[:, None, None]
    features = rng.standard_normal((20, 3, 6, 6)).astype(np.float32)
    found = []
    for some in (features, features * scale + 5 * scale):
        torch.manual_seed(0)
        model = Adapter(3, convolutional=False, like=some).eval()
        found.append(model(torch.from_numpy(some)).detach().numpy())
    np.testing.assert_allclose(found[0], found[1], atol=1e-2)


def test_every_logit_can_be_moved() -> None:
    model, features = Adapter(3, convolutional=True).eval(), torch.rand(1, 3, 5, 5)
    before = model(features)
    model.shift(-1.5)
    assert torch.allclose(model(features), before - 1.5, atol=1e-5)


def test_what_a_prior_misses_is_averaged_once_it_is_trained() -> None:
    torch.manual_seed(0)
    plain, smooth = Prior(4, 2), Prior(4, 2, smooth=0.05)
    torch.nn.init.normal_(plain.head.weight)
    smooth.load_state_dict(plain.state_dict())
    maps = (torch.rand(1, 1, 64, 64) > 0.8).float()
    with torch.no_grad():
        torch.testing.assert_close(plain.eval()(maps).mean(), smooth.eval()(maps).mean(), atol=0.02, rtol=0.05)
        assert smooth(maps).std() < plain(maps).std() / 2
        smooth.train()
        plain.train()
        torch.testing.assert_close(plain(maps), smooth(maps))
