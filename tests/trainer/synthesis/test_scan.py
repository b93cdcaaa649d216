import numpy as np
import pytest

from trainer.synthesis.scan import SPOIL, lost_at, spoil_scan

SIDE = 96


@pytest.mark.parametrize("kind", SPOIL)
def test_stronger_takes_more_and_only_where_it_covers(kind):
    scan = np.random.default_rng(1).uniform(20, 220, (SIDE, SIDE)).astype(np.float32)
    taken = []
    for strength in (0.2, 0.6, 1.0):
        covers, apart = [], []
        for seed in range(12):
            frame, cover = spoil_scan(scan, kind, strength, np.random.default_rng(seed))
            assert frame.dtype == cover.dtype == np.float32
            assert frame.min() >= 0
            assert frame.max() <= 255
            assert np.abs(frame - scan)[cover == 0].max(initial=0) < 1e-3
            assert cover.max() <= lost_at(strength) + 1e-6
            covers.append(cover.mean())
            apart.append(np.abs(frame - scan).mean())
        taken.append((np.mean(covers), np.mean(apart)))
    assert taken == sorted(taken)
    assert all(cover > 0 and apart > 0 for cover, apart in taken)
