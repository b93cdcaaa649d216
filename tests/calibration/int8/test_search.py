"""INT8 with little loss: ranges by several methods, layers by what they cost, and the gate."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("modelopt")

from calibration.export import Deployed
from calibration.frames import choose_frames
from calibration.int8 import search as searching
from calibration.int8.quantize import METHODS, _least_squares, keep_float, maps, quantize, quantized_layers
from calibration.int8.search import Found, search, write_search
from calibration.int8.selection import Candidate, choose, spread_out, write_choice
from calibration.int8.sensitivity import choose_float, distance_from, measure_layers
from calibration.parity.gate import check_parity
from edge.errors import EdgeError
from edge.metrics.parity import Parity
from edge.phantom.retina import phantom_frame
from trainer.networks.students import Student
from trainer.recipe import load_recipe

SIZE = 64
QUICK = tuple(method for method in METHODS if method != "entropy")  # which takes longer than all the rest


@pytest.fixture(scope="module")
def network() -> Any:
    """A student whose maps use the whole range, though it was never trained; narrow, as most time goes by weights."""
    torch.manual_seed(0)
    student = Student(width=0.25).eval()
    with torch.no_grad():
        student.map.weight *= 20
    return Deployed(student)


@pytest.fixture(scope="module")
def tensors() -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    frames = [cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE, 3)), (0, 0), 2) for _ in range(8)]
    return [np.asarray(8 * f.transpose(2, 0, 1)[None], np.float32) for f in frames]


def apart(a: Any, b: Any, tensors: Any) -> float:
    return float(np.abs(maps(a, tensors) - maps(b, tensors)).mean())


def two_layers() -> Any:
    """A network with maps of a wide range, for what takes seconds a layer."""
    torch.manual_seed(0)
    first, last = torch.nn.Conv2d(3, 8, 8, 8), torch.nn.Conv2d(8, 1, 1)
    with torch.no_grad():
        last.weight *= 5
    return torch.nn.Sequential(first, torch.nn.ReLU(), last, torch.nn.Sigmoid()).eval()


@pytest.mark.parametrize("method", [*QUICK, pytest.param("entropy", marks=pytest.mark.chain)])
def test_every_method_keeps_the_map(method: Any, network: Any, tensors: Any) -> None:
    network = two_layers() if method == "entropy" else network
    quantized = quantize(network, tensors, method)
    assert 0 < apart(quantized, network, tensors) < 0.05
    assert all(layer.input_quantizer.is_enabled for layer in quantized_layers(quantized).values())


def test_a_percentile_cuts_what_max_does_not(network: Any, tensors: Any) -> None:
    """One value of a thousand times the usual stretches the range of max, and that of a percentile hardly."""
    wild = [t.copy() for t in tensors]
    wild[0][0, 0, 5, 5] = 5000
    by_max, by_share = (quantized_layers(quantize(network, wild, m)) for m in ("max", "percentile"))  # type: ignore[arg-type]
    first = next(iter(by_max))
    assert float(by_share[first].input_quantizer.amax) < 0.1 * float(by_max[first].input_quantizer.amax)


def test_the_range_of_least_squares_is_that_of_the_bulk() -> None:
    """Of a normal distribution, 8 bits serve best at about four deviations, however far out a single value lies."""
    from modelopt.torch.quantization.calib import HistogramCalibrator

    calibrator = HistogramCalibrator(8, None, False)
    calibrator.collect(torch.cat([torch.randn(1_000_000, generator=torch.manual_seed(0)), torch.tensor([9.0])]))
    assert 3 < float(_least_squares(calibrator)) < 6


def test_layers_left_in_float_change_nothing(network: Any, tensors: Any) -> None:
    quantized = quantize(network, tensors)
    keep_float(quantized, list(quantized_layers(quantized)))
    assert apart(quantized, network, tensors) < 1e-6
    keep_float(quantized, [])
    assert apart(quantized, network, tensors) > 1e-5


@pytest.fixture
def broken(network: Any, tensors: Any) -> tuple[Any, str]:
    """INT8 with one layer whose scale is wrong, and its name."""
    quantized = quantize(network, tensors)
    name = list(quantized_layers(quantized))[4]
    layer = quantized_layers(quantized)[name]
    layer.input_quantizer.amax = layer.input_quantizer.amax * 0.02
    return quantized, name


def test_a_layer_with_a_wrong_scale_is_named_and_left_in_float(
    broken: tuple[Any, str], network: Any, tensors: Any
) -> None:
    quantized, name = broken
    distance = distance_from(network, tensors)
    costs = measure_layers(quantized, distance)
    assert next(iter(costs)) == name
    worst, second = list(costs.values())[:2]
    assert worst > 3 * second
    sound = apart(quantize(network, tensors), network, tensors)
    assert choose_float(quantized, costs, 1.2 * sound, distance) == [name]
    assert apart(quantized, network, tensors) <= 1.2 * sound


def test_what_int8_does_outside_the_field_does_not_count(network: Any, tensors: Any) -> None:
    """The gate looks inside the field alone, so what is searched by must not minimise anything else."""
    quantized = quantize(network, tensors)
    a, b = maps(quantized, tensors), maps(network, tensors)
    far = np.abs(a.astype(np.float64) - b)
    fields = [each <= np.median(each) for each in far]  # where it happens to be near
    inside, whole = distance_from(network, tensors, fields), distance_from(network, tensors)
    moved = inside(quantized)
    assert moved == pytest.approx(np.mean([e[f].mean() for e, f in zip(far, fields, strict=True)]))
    assert moved < 0.7 * whole(quantized)
    found = search(network, tensors, tensors, ("max",), 0.05, fields=fields)
    assert found.map_mae == pytest.approx(found.trials["max"]) == pytest.approx(moved)
    assert sum(measure_layers(quantized, inside).values()) < sum(measure_layers(quantized, whole).values())


def test_no_more_layers_are_left_out_than_needed(network: Any, tensors: Any) -> None:
    quantized = quantize(network, tensors)
    distance = distance_from(network, tensors)
    costs = measure_layers(quantized, distance)
    assert choose_float(quantized, costs, 1.0, distance) == []
    assert len(choose_float(quantized, costs, 0.0, distance)) == len(costs)


def test_the_search_keeps_the_best_and_reports_all(
    network: Any, tensors: Any, tmp_path: Path, broken: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = search(network, tensors[:4], tensors[4:], QUICK, 0.05)
    assert set(found.trials) == set(QUICK)
    assert found.trials[found.method] == min(found.trials.values())
    assert found.map_mae <= 0.05
    assert apart(found.network, network, tensors[4:]) == pytest.approx(found.map_mae)
    write_search(tmp_path, found, 0.05)
    assert cv2.imread(str(tmp_path / "sensitivity.png")) is not None
    monkeypatch.setattr(searching, "quantize", lambda *_: copy.deepcopy(broken[0]))
    assert search(network, tensors[:4], tensors[4:], ("max",), 1.5 * found.trials["max"]).left_out[0] == broken[1]
    with pytest.raises(EdgeError, match=rf"no layer can be INT8 .* the worst is {broken[1]}"):
        search(network, tensors[:4], tensors[4:], ("max",), 1e-9)


def test_the_gate_names_the_layer(network: Any, tensors: Any) -> None:
    found = Found(network, {"max": 0.02}, "max", {"student.join.0": 0.015}, (), 0.02)
    good = Parity(10, 0.009, 0.1, 0.99, 0.01, 0)
    check_parity(good, found, 0.01)
    with pytest.raises(EdgeError, match=r"by 0\.0200, more than 0\.01: the layer student\.join\.0 costs most"):
        check_parity(Parity(10, 0.02, 0.1, 0.99, 0.01, 0), found, 0.01)


def test_frames_spread_over_all_groups() -> None:
    """Three far groups of very unequal size: three frames are one of each."""
    rng = np.random.default_rng(0)
    groups = np.repeat([[0.0, 0], [10, 0], [0, 10]], [96, 2, 2], axis=0) + 0.1 * rng.standard_normal((100, 2))
    chosen = spread_out(groups.astype(np.float32), 3)
    assert len({(n >= 96) + (n >= 98) for n in chosen}) == 3
    assert sorted(spread_out(groups[:5].astype(np.float32), 9)) == list(range(5))


@pytest.fixture(scope="module")
def eyes() -> list[NDArray[np.uint8]]:
    return [np.asarray(cv2.resize(phantom_frame(seed), (240, 180)), np.uint8) for seed in range(10)]


@pytest.fixture
def session(eyes: list[NDArray[np.uint8]], tmp_path: Path) -> Path:
    """A folder of frames: ten eyes, a black one and a file that is none."""
    folder = tmp_path / "session"
    folder.mkdir()
    for seed, eye in enumerate(eyes):
        cv2.imwrite(str(folder / f"{seed}.png"), eye)
    cv2.imwrite(str(folder / "black.png"), np.zeros((180, 240, 3), np.uint8))
    (folder / "none.png").write_bytes(b"no picture")
    return folder


def chosen_from(frames: Path | None, number: int = 8) -> list[Candidate]:
    torch.manual_seed(0)
    return choose(frames, None, load_recipe("quick"), Student().eval(), number)


def test_frames_of_a_session_are_chosen_written_down_and_found_again(
    session: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    chosen = chosen_from(session)
    assert len({c.name for c in chosen}) == 8
    assert any("none.png" in words for words in caplog.messages)
    assert any("1 of 11 frames show no fundus" in words for words in caplog.messages)
    write_choice(tmp_path, chosen)
    again = chosen_from(tmp_path / "frames.csv")
    assert [c.name for c in again] == [c.name for c in chosen]
    for one, other in zip(chosen, again, strict=True):
        np.testing.assert_array_equal(one.tensor, other.tensor)
    Path(chosen[0].name).write_bytes(Path(chosen[1].name).read_bytes())
    with pytest.raises(EdgeError, match="has changed"):
        chosen_from(tmp_path / "frames.csv")


def test_two_frames_are_few_and_none_is_an_error(
    session: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in session.iterdir():
        if path.stem not in ("1", "2"):
            path.unlink()
    caplog.set_level("INFO")
    assert len(chosen_from(session)) == 2
    assert "2 calibration frames are few" in caplog.messages[0]
    for path in session.iterdir():
        cv2.imwrite(str(path), np.zeros((180, 240, 3), np.uint8))
    with pytest.raises(EdgeError, match="none of the calibration frames shows a fundus"):
        chosen_from(session)


def test_a_photograph_is_left_out_by_whatever_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((64, 64, 3), n, np.uint8))
    monkeypatch.chdir(tmp_path)
    for data, without in ((tmp_path, "1.png"), (Path(), str(tmp_path / "1.png"))):
        left = [Path(name).name for name, _ in choose_frames(data, load_recipe("quick"), 9, [without])]
        assert left == ["0.png", "2.png"]


def test_without_photographs_phantoms_are_chosen() -> None:
    chosen = chosen_from(None, 4)
    assert len(chosen) == 4
    assert all(c.name.startswith("phantom-") and not c.sha256 for c in chosen)


def test_phantoms_are_drawn_again_and_a_short_list_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = chosen_from(None, 3)
    write_choice(tmp_path, chosen)
    caplog.clear()
    again = chosen_from(tmp_path / "frames.csv")
    assert [c.name for c in again] == [c.name for c in chosen]
    np.testing.assert_array_equal(again[2].tensor, chosen[2].tensor)
    assert "3 calibration frames are few" in caplog.messages[0]


def test_a_list_of_frames_without_an_eye_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((180, 240, 3), np.uint8))
    digest = hashlib.sha256((tmp_path / "black.png").read_bytes()).hexdigest()
    (tmp_path / "frames.csv").write_text(f"path,sha256\n{tmp_path / 'black.png'},{digest}\n")
    with pytest.raises(EdgeError, match=r"none of the frames that .* names shows a fundus"):
        chosen_from(tmp_path / "frames.csv", [])


def test_a_file_that_is_no_list_of_frames_is_refused(tmp_path: Path) -> None:
    (tmp_path / "frames.csv").write_text("what is this?\nnobody knows\n")
    with pytest.raises(EdgeError, match="is not a list of calibration frames"):
        chosen_from(tmp_path / "frames.csv", [])
