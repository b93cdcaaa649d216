from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

torch = pytest.importorskip("torch")

from edge.errors import EdgeError
from trainer.networks.published import import_linear

C = 5
RNG = np.random.default_rng(0)
W, B = RNG.normal(size=C).astype(np.float32), np.float32(0.25)


def check(path: Path, weight: np.ndarray[Any, Any] = W, bias: Any = B) -> None:
    """The adapter in a file yields weight x features + bias at every patch."""
    features = RNG.normal(size=(2, C, 3, 3)).astype(np.float32)
    with torch.no_grad():
        logits = import_linear(path, C)(torch.from_numpy(features)).numpy()
    wanted = np.einsum("c,nchw->nhw", np.float32(weight).reshape(-1), features)[:, None] + np.float32(bias)
    np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-4)


def refused(path: Path, why: str, channels: int = C) -> None:
    with pytest.raises(EdgeError, match=why) as error:
        import_linear(path, channels)
    said = str(error.value)
    assert str(path) in said
    assert "\n" not in said


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2"])
@pytest.mark.parametrize("shape", [(C + 1,), (1, C + 1)])
def test_one_bare_array_holds_the_weights_and_then_the_bias(tmp_path: Path, shape: tuple[int, ...], dtype: str) -> None:
    both = np.append(W, B).astype(dtype)
    np.save(tmp_path / "a.npy", both.reshape(shape))
    check(tmp_path / "a.npy", both[:-1], both[-1])


@pytest.mark.parametrize(("weight", "bias"), [("weight", "bias"), ("w", "b"), ("coef_", "intercept_")])
@pytest.mark.parametrize("shape", [(C,), (1, C), (1, C, 1, 1)])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_named_arrays(tmp_path: Path, weight: str, bias: str, shape: tuple[int, ...], save: Any) -> None:
    save(tmp_path / "a.npz", **{weight: W.reshape(shape), bias: B.reshape(1 if weight == "w" else ()), "epoch": 3})
    check(tmp_path / "a.npz")


def test_the_published_size(tmp_path: Path) -> None:
    """1,024 + 1 numbers, as of the paper's DINOv3 ViT-L/16."""
    np.save(tmp_path / "a.npy", np.arange(1025, dtype=np.float32))
    adapter = import_linear(tmp_path / "a.npy", 1024)
    assert sum(p.numel() for p in adapter.parameters()) == 1025
    assert adapter.bias is not None
    assert (adapter.weight[0, -1, 0, 0].item(), adapter.bias.item()) == (1023, 1024)


@pytest.mark.parametrize("shape", [(C,), (C + 2,), (C + 1, 1), (2, C + 1), ()])
def test_another_length_names_both(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    refused(tmp_path / "a.npy", rf"\({', '.join(map(str, shape))},?\).* 5 channels")


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ({"weight": W[:3], "bias": B}, "3"),
        ({"weight": W.reshape(C, 1), "bias": B}, "weight of"),
        ({"weight": W, "bias": W}, "bias of"),
        ({"weight": W}, "named bias, b or intercept_: it has 0"),
        ({"bias": B}, "named weight, w or coef_: it has 0"),
        ({"weight": W, "w": W, "bias": B}, "it has 2"),
        ({"weight": W, "bias": np.float64(1e300)}, "not finite"),
        ({"weight": W * np.nan, "bias": B}, "not finite"),
        ({"weight": W.astype(complex), "bias": B}, "complex128, not real"),
        ({"weight": W > 0, "bias": B}, "bool, not real"),
        ({"weight": np.array(["1"] * C), "bias": B}, "not real"),
    ],
)
def test_wrong_arrays_are_told_apart(tmp_path: Path, held: dict[str, Any], why: str) -> None:
    np.savez(tmp_path / "a.npz", **held)
    refused(tmp_path / "a.npz", why)


class Bomb:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    held = np.full(C + 1, Bomb(trap), dtype=object)
    np.save(tmp_path / "a.npy", held, allow_pickle=True)
    np.savez(tmp_path / "b.npz", allow_pickle=True, weight=held[:C], bias=B)
    (tmp_path / "c.npy").write_bytes(pickle.dumps(Bomb(trap)))
    refused(tmp_path / "a.npy", "damaged or holds pickled objects")
    refused(tmp_path / "b.npz", "damaged or holds pickled objects")
    refused(tmp_path / "c.npy", "no numpy file")
    assert not trap.exists()
    np.load(tmp_path / "a.npy", allow_pickle=True)
    assert trap.exists()  # so the trap was one


def test_what_cannot_be_read(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.npy", "No such file")
    refused(tmp_path, "Is a directory")
    (tmp_path / "empty.npy").touch()
    refused(tmp_path / "empty.npy", "no numpy file")
    (tmp_path / "text.npy").write_text("0.1, 0.2")
    refused(tmp_path / "text.npy", "no numpy file")


def test_a_member_that_is_no_array(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("weight", "no array")
        archive.writestr("bias", "0")
    refused(tmp_path / "a.npz", "5 channels")


def test_a_zip_that_inflates_is_not_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", weight=np.zeros(5_000_000, np.float32), bias=B)
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    refused(tmp_path / "a.npz", "a few thousand numbers")


@settings(max_examples=60, deadline=None)
@given(held=arrays.arrays(st.sampled_from(["<f4", "<f8", "<f2", "<i4", "|u1"]), st.integers(0, 12)), npz=st.booleans())
def test_an_adapter_is_the_numbers_of_its_file_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, held: np.ndarray[Any, Any], npz: bool
) -> None:
    path = tmp_path_factory.mktemp("a") / ("a.npz" if npz else "a.npy")
    if npz:
        np.savez(path, weight=held[:-1], bias=held[-1:])
    else:
        np.save(path, held)
    with np.errstate(over="ignore"):
        wanted = held.astype(np.float32)
    if len(held) == C + 1 and np.isfinite(wanted).all():
        adapter = import_linear(path, C)
        assert adapter.bias is not None
        got = torch.cat([adapter.weight.flatten(), adapter.bias]).detach().numpy()
        np.testing.assert_array_equal(got, wanted)
    else:
        refused(path, "5 channels" if len(held) != C + 1 else "not finite")


def saved(npz: bool) -> bytes:
    file = io.BytesIO()
    if npz:
        np.savez_compressed(file, weight=W, bias=B)
    else:
        np.save(file, np.append(W, B))
    return file.getvalue()


@settings(max_examples=300, deadline=None)
@given(
    npz=st.booleans(),
    cut=st.integers(1, 2000),
    hits=st.dictionaries(st.integers(0, 600), st.integers(0, 255), max_size=6),
)
def test_a_damaged_file_is_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, npz: bool, cut: int, hits: dict[int, int]
) -> None:
    data = bytearray(saved(npz))
    for place, value in hits.items():
        data[place % len(data)] = value
    path = tmp_path_factory.mktemp("a") / "a"
    path.write_bytes(data[:cut])
    said, adapter = "", None
    try:
        adapter = import_linear(path, C)
    except EdgeError as error:
        said = str(error)
    if adapter is None:
        assert "\n" not in said
        assert str(path) in said
    else:  # the damage lies where nothing is read, or in the numbers
        assert cut >= len(data)
        assert adapter.weight.shape == (1, C, 1, 1)
        assert torch.isfinite(adapter.weight).all()


@pytest.mark.parametrize("npz", [False, True])
def test_a_cut_off_file_is_refused(tmp_path: Path, npz: bool) -> None:
    data = saved(npz)
    for cut in range(len(data)):
        (tmp_path / "a").write_bytes(data[:cut])
        refused(tmp_path / "a", "damaged|no numpy file")
