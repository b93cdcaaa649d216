from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")
resource = pytest.importorskip("resource", reason="limits on the size of files are Unix's")

from edge.errors import EdgeError
from edge.phantom.retina import make_retina
from trainer.loop.rows import Rows
from trainer.networks.backbone import Backbone, extract, load_backbone
from trainer.networks.features import cached_features

PICTURES = [make_retina(seed, 100).image for seed in range(18)]  # more than one batch


class Counted:
    """Pictures that know how often one of them was looked at; not a list, as a large set would not be."""

    def __init__(self, pictures: Sequence[Any]) -> None:
        self.pictures, self.reads = pictures, 0

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, n: int) -> Any:
        self.reads += 1
        return self.pictures[n]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("efficientnet-lite0")


def find(backbone: Backbone, folder: Path, key: str = "k", size: int = 64, pictures: Any = PICTURES) -> tuple[Any, int]:
    """The features, and how many pictures were read for them."""
    counted = Counted(pictures)
    found = cached_features(backbone, counted, size, folder, key)  # type: ignore[arg-type]
    return found, counted.reads


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_they_are_found_once_and_are_those_of_extract(backbone: Backbone, tmp_path: Path) -> None:
    first, reads = find(backbone, tmp_path / "new" / "folder")
    again, later = find(backbone, tmp_path / "new" / "folder")
    assert (reads, later) == (len(PICTURES), 0)
    assert isinstance(again, Rows)  # not read into memory
    assert again.dtype == np.float16
    first, again = np.stack(list(first)), np.stack(list(again))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(again, extract(backbone, PICTURES, 64).astype(np.float16))
    assert len(names(tmp_path / "new" / "folder")) == 1


def test_an_array_of_pictures_does_as_well_as_a_list(backbone: Backbone, tmp_path: Path) -> None:
    stacked = np.stack(PICTURES[:3])
    found = cached_features(backbone, stacked, 64, tmp_path, "k")  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.stack(list(found)), extract(backbone, PICTURES[:3], 64).astype(np.float16))


def test_whatever_they_depend_on_makes_them_again(backbone: Backbone, tmp_path: Path) -> None:
    retrained = dataclasses.replace(backbone, digest="other weights of the same name")
    for change in ({"key": "other"}, {"size": 96}, {"pictures": PICTURES[:5]}, {"backbone": retrained}):
        find(backbone, tmp_path)
        found, reads = find(**{"backbone": backbone, "folder": tmp_path, **change})
        assert reads == len(change.get("pictures", PICTURES)), change
        assert len(found) == reads
        assert len(names(tmp_path)) == 1, "features of other things fill the disk"


def test_a_damaged_file_is_never_used(backbone: Backbone, tmp_path: Path) -> None:
    wanted = np.stack(list(find(backbone, tmp_path)[0]))
    path = next(tmp_path.iterdir())
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    damaged = [b"", whole[:5], whole[: header - 3], whole[:header], whole[:-1], whole + b"\0", b"no numpy at all"]
    damaged += [whole.replace(b"<f2", b"<i2", 1), whole.replace(b"(18, 152", b"(19, 152", 1)]
    damaged += [whole.replace(b"False", b"True ", 1), whole.replace(b"<f2", b"|O8", 1)]
    for data in damaged:
        path.write_bytes(data)
        found, reads = find(backbone, tmp_path)
        assert reads == len(PICTURES), data[:header]
        np.testing.assert_array_equal(np.stack(list(found)), wanted)


def test_a_full_disk_is_said_before_the_work_and_leaves_nothing(backbone: Backbone, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    pictures = Counted(PICTURES)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(EdgeError, match=r"cannot be written \(File too large\)") as error:
            cached_features(backbone, pictures, 64, tmp_path, "k")  # type: ignore[arg-type]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert str(tmp_path) in str(error.value)
    assert names(tmp_path) == []
    assert pictures.reads == 0


def test_a_folder_that_cannot_be_is_said(backbone: Backbone, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgeError, match="cannot be written"):
        find(backbone, tmp_path / "file")


@pytest.mark.parametrize("number", [float("nan"), 1e6])  # half precision ends at 65504
def test_features_that_half_precision_cannot_hold_are_refused(
    backbone: Backbone, tmp_path: Path, number: float
) -> None:
    broken = dataclasses.replace(backbone, features=lambda images: backbone.features(images) * 0 + number)
    with pytest.raises(EdgeError, match="efficientnet-lite0 yields features that are no finite numbers"):
        find(broken, tmp_path)
    assert names(tmp_path) == []


def test_an_interrupt_leaves_nothing_and_what_a_killed_run_left_goes(backbone: Backbone, tmp_path: Path) -> None:
    class Interrupted(Counted):
        def __getitem__(self, n: int) -> Any:
            if n == 17:
                raise KeyboardInterrupt
            return super().__getitem__(n)

    with pytest.raises(KeyboardInterrupt):
        cached_features(backbone, Interrupted(PICTURES), 64, tmp_path, "k")  # type: ignore[arg-type]
    assert names(tmp_path) == []
    (tmp_path / ".features-1.npy.12345678.tmp").write_bytes(b"of a run that the machine killed")
    (tmp_path / "adapter.png").touch()
    find(backbone, tmp_path)
    assert len(names(tmp_path)) == 2
    assert "adapter.png" in names(tmp_path)


def test_a_size_that_is_no_multiple_of_the_patch_is_said(backbone: Backbone, tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="multiple of 16, not 100: ask for 96 or 112"):
        find(backbone, tmp_path / "f", size=100)
    assert not (tmp_path / "f").exists()


@pytest.mark.slow
def test_twenty_thousand_pictures_need_little_memory(tmp_path: Path) -> None:
    """20,000 x 152 x 20 x 20 are 2.3 GiB on the disk: of them a process holds one batch."""
    script = """
import dataclasses, resource, sys
from pathlib import Path
import numpy as np, torch
from trainer.networks.features import cached_features
from trainer.networks.backbone import load_backbone
backbone = load_backbone("efficientnet-lite0")
# Of the images it is given, not of so many as it was traced with.
quick = dataclasses.replace(backbone, features=lambda images: (images[:, :1, :1, :1] * 0 + 0.5).expand(-1, 152, 20, 20))
picture = np.zeros((20, 20, 3), np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = cached_features(quick, [picture] * 20_000, 320, Path(sys.argv[1]), "k")
assert (len(found), found.shape) == (20_000, (152, 20, 20))
assert found[19_999][-1, -1, -1] == 0.5
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    run = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert next(tmp_path.iterdir()).stat().st_size > 20_000 * 152 * 400 * 2
    assert float(run.stdout) < 400  # MiB
