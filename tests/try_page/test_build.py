"""How the page of docs/try is built, and from what."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edge.bundle.bundle import default_model, read_bundle
from edge.errors import EdgeError
from edge.findings import eye, field_definition, landmarks

from .conftest import ROOT, builder

TRY = ROOT / "docs" / "try"


def test_every_package_is_of_one_version_and_known_by_its_hash() -> None:
    wanted = json.loads((TRY / "package.json").read_text(encoding="utf-8"))
    for version in (wanted["dependencies"] | wanted["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    locked = json.loads((TRY / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    fetched = {name: each for name, each in locked.items() if name}
    assert "node_modules/onnxruntime-web" in fetched
    for name, each in fetched.items():
        assert each["integrity"].startswith("sha512-"), name


def test_without_npm_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(builder(), "CACHE", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgeError, match=r"^npm is not installed, .*Debian: nodejs and npm\)$"):
        builder().build(read_bundle(default_model()), tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_what_was_built_is_whole_and_holds_no_path_of_this_machine(built: Path) -> None:
    names = {each.name for each in built.iterdir()}
    assert names == {
        "index.html", "try.css", "try.js", "model.onnx", "ort.wasm", "efiqa-try.html", "LICENSES.txt"
    }  # fmt: skip
    assert str(ROOT) not in (built / "try.js").read_text(encoding="utf-8")
    alone = (built / "efiqa-try.html").read_text(encoding="utf-8")
    assert str(ROOT) not in alone
    assert not re.search(r'(src|href)="(?!data:)', alone.split("<script", 1)[0])
    assert (built / "efiqa-try.html").stat().st_size < 12 << 20
    assert "Microsoft" in (built / "LICENSES.txt").read_text(encoding="utf-8")


def test_constants_that_are_written_twice_are_the_program_s() -> None:
    text = (TRY / "page" / "landmarks.js").read_text(encoding="utf-8")
    found = {name: float(value) for name, value in re.findall(r"\b([A-Z_]+) = ([\d.e-]+)", text)}
    assert found == {
        "DRAWN": landmarks._DRAWN, "DISC": landmarks._HALF["disc"], "MACULA": landmarks._HALF["macula"],
        "LEAST": eye.LEAST, "AWAY": eye._AWAY, "BELOW": eye._BELOW, "DEVIATION": eye._DEVIATION,
        "UNSEEN": eye._UNSEEN, "BEYOND": eye._BEYOND,
        "TOLD": field_definition._TOLD, "CENTRED": field_definition._CENTRED,
        "CENTRED_RADII": field_definition._CENTRED_RADII,
        "SMALL": field_definition._SMALL, "SURE": field_definition._SURE,
    }  # fmt: skip
