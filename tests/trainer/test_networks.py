from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn

from trainer.networks import Prior, Segmenter, Student


def test_shapes() -> None:
    image = torch.zeros(2, 3, 128, 128)
    assert Segmenter().eval()(image).shape == (2, 1, 128, 128)
    assert Student().eval()(image).shape == (2, 1, 16, 16)
    lost, vessels = Student().eval().with_vessels(image)
    assert lost.shape == (2, 1, 16, 16)
    assert vessels.shape == (2, 1, 64, 64)
    for unshuffle in (1, 2):
        assert Prior(4, unshuffle).eval()(torch.zeros(2, 1, 64, 64)).shape == (2, 1, 64, 64)


def test_an_untrained_prior_adds_nothing() -> None:
    """Residual: at the start the reconstruction is the map itself (paper, section 3.1)."""
    assert Prior(4, 2).eval()(torch.rand(1, 1, 64, 64)).abs().max() == 0


def test_the_student_is_dense_and_small() -> None:
    """What INT8 pays for: no depthwise convolution, padding inside the convolutions, under two million weights."""
    student = Student()
    convolutions = [m for m in student.modules() if isinstance(m, nn.Conv2d)]
    assert all(c.groups == 1 and c.padding_mode == "zeros" for c in convolutions)
    assert sum(p.numel() for p in student.parameters()) < 2e6
