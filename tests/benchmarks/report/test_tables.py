from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from benchmarks.commands import group as commands
from benchmarks.commands import tables as command_tables
from benchmarks.peers.published import why_no_reference
from benchmarks.report.tables import BEGIN, END, UNFINISHED
from benchmarks.roofline.layers import count_layers
from edge import EdgeError
from trainer.pages import put_between, split_page

needs_train = pytest.mark.skipif(why_no_reference() is not None, reason="the train extra is not installed")
PAGE = f"# Speed\n\nBefore.\n\n{BEGIN}\n\nold\n\n{END}\n\nAfter.\n"


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(commands.app, list(arguments))


def test_tables_go_between_the_comments_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    for tables in ("one", "two"):
        put_between(page, BEGIN, END, tables)
        assert page.read_text() == PAGE.replace("old", tables)
    page.write_text(page.read_text().replace("After.", "Written meanwhile."))  # a run of an hour is no lock on the page
    put_between(page, BEGIN, END, "three")
    assert page.read_text() == PAGE.replace("old", "three").replace("After.", "Written meanwhile.")


@pytest.mark.parametrize("text", ["", BEGIN, END + BEGIN, PAGE + PAGE])
def test_a_page_without_a_place_is_refused_before_anything_is_measured(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(EdgeError, match="no place for the tables"):
        split_page(page, BEGIN, END)
    assert page.read_text() == text


def test_wrong_arguments() -> None:
    assert isinstance(bench("tables", "missing.md").exception, EdgeError)
    assert bench("tables").exit_code == 2


def test_an_unknown_peer_leaves_with_2(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE)
    assert bench("tables", str(tmp_path / "page.md"), "--peer", "abacus").exit_code == 2


def test_what_was_measured_before_an_interruption_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    page = tmp_path / "page.md"
    page.write_text(PAGE)
    measured = SimpleNamespace(roofline=SimpleNamespace(ceilings=None), interrupted=False)
    monkeypatch.setattr(command_tables, "bench", lambda options: (measured, None))
    monkeypatch.setattr(command_tables, "speed_tables", lambda result: ["measured before"])
    monkeypatch.setattr(command_tables, "measure_peers", interrupted)
    assert bench("tables", str(page), "--no-reference").exit_code != 0
    assert page.read_text() == PAGE.replace("old", f"measured before\n\n{UNFINISHED}")


@needs_train
@pytest.mark.parametrize(
    ("name", "size", "weights", "gmacs"),
    [
        ("resnet18", 224, 11_689_512, 1.814),
        pytest.param("densenet121", 224, 7_978_856, 2.834, marks=pytest.mark.slow),
    ],
)
def test_peers_have_the_weights_and_the_work_that_are_published(
    name: str, size: int, weights: int, gmacs: float, tmp_path: Path
) -> None:
    from benchmarks.peers import networks
    from benchmarks.peers.build import Peer, build_peer

    made = getattr(networks, name)()
    assert sum(each.numel() for each in made.parameters()) == weights
    path = build_peer(Peer(name, name, name, size), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [f"{name}.onnx"]
    layers = count_layers(path.read_bytes())
    assert sum(layer.macs for layer in layers) / 1e9 == pytest.approx(gmacs, rel=0.01)
    assert not any(layer.int8 for layer in layers)
    written = path.stat().st_mtime_ns
    assert build_peer(Peer(name, name, name, size), tmp_path).stat().st_mtime_ns == written  # made once


@needs_train
@pytest.mark.slow
def test_the_transformers_have_their_size() -> None:
    import torch

    from benchmarks.peers.networks import McfNet, vit_s16

    small = vit_s16().eval()
    assert sum(each.numel() for each in small.parameters()) == pytest.approx(21.6e6, rel=0.01)
    with torch.no_grad():
        out = small(torch.zeros(1, 3, 224, 224))
        assert tuple(out.shape) == (1, 1, 14, 14)
        assert tuple(McfNet().eval()(torch.zeros(1, 3, 224, 224)).shape) == (1, 3)
    assert np.isfinite(out.numpy()).all()


@needs_train
@pytest.mark.slow
def test_all_tables_are_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    options = [
        "--runs",
        "40",
        "--peer",
        "resnet18",
        "--peers",
        str(tmp_path / "peers"),
        "--pairs",
        "2",
        "--no-reference",
    ]
    done = bench("tables", str(page), *options)
    assert done.exit_code == 0, done.output
    text = page.read_text()
    for words in (
        "| single stream |",
        "| offline |",
        "| camera at 30 fps |",
        "**Roofline**",
        "Predicted, not measured",
    ):
        assert words in text
    row = next(line for line in text.splitlines() if line.startswith("| ResNet-18 at 224"))
    assert "| 1.81 |" in row
    assert "called different" in text
    assert text.startswith("# Speed\n\nBefore.")
    assert text.endswith("After.\n")
