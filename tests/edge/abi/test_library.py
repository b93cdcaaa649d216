"""The header and what Python makes of it, and a library that does not fit."""

from __future__ import annotations

import ctypes
import logging
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import edge
import edge.abi
from edge.abi import library as library_module
from edge.abi import structures
from edge.abi.library import LIBRARY, check, version
from edge.findings.cause import CAUSES

ROOT = Path(__file__).parents[3]
HEADER = (ROOT / "edge" / "native" / "include" / "efiqa_edge.h").read_text(encoding="utf-8")
built = pytest.mark.skipif(LIBRARY is None, reason="the library is not built: no compiler")
TYPES = {"int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "uint64_t": ctypes.c_uint64, "float": ctypes.c_float}
TYPES |= {"double": ctypes.c_double, "efiqa_crop": structures.Crop}


@pytest.mark.parametrize("name", ["Frame", "Crop", "Field", "Tensor", "Light", "Pooling", "Evidence"])
def test_structures_are_those_of_the_header(name: str) -> None:
    (body,) = re.findall(rf"typedef struct efiqa_{name.lower()} {{(.*?)\n}}", HEADER, re.DOTALL)
    members = re.findall(r"^ +(?:const )?(\w+) (\*?)(\w+)(?:\[(\w+)\])?;", body, re.MULTILINE)
    expected = []
    for kind, pointer, member, number in members:
        found = ctypes.c_void_p if pointer else TYPES[kind]
        times = structures.CAUSES if number == "EFIQA_CAUSES" else int(number or 0)
        expected.append((member, found * times if number else found))
    assert list(getattr(structures, name)._fields_) == expected


def test_versions_of_header_and_python_agree() -> None:
    assert f"#define EFIQA_ABI_VERSION {structures.ABI_VERSION}\n" in HEADER
    assert f"#define EFIQA_CAUSE_WEIGHTS {structures.CAUSE_WEIGHTS}\n" in HEADER
    assert re.search(rf"EFIQA_CAUSES = {structures.CAUSES}\b", HEADER)
    codes = re.findall(r"EFIQA_(\w+) = (\d)", HEADER[HEADER.index("EFIQA_TOO_DARK") :])
    assert [name.lower() for name, _ in codes[: len(CAUSES)]] == list(CAUSES)
    assert re.search(rf"EFIQA_OUT_OF_MEMORY = {structures.OUT_OF_MEMORY}\b", HEADER)


@built
def test_version_is_the_package_s() -> None:
    assert version() == edge.__version__


@built
def test_every_status_has_a_sentence() -> None:
    assert LIBRARY is not None
    (body,) = re.findall(r"typedef enum efiqa_status {(.*?)}", HEADER, re.DOTALL)
    codes = [int(code) for code in re.findall(r"= (\d+)", body)]
    sentences = {LIBRARY.efiqa_sentence(code) for code in codes}
    assert len(sentences) == len(codes) == 10
    assert all(sentence.endswith(b".") for sentence in sentences)
    assert b"no status" in LIBRARY.efiqa_sentence(-1)


@built
def test_memory_is_an_error_of_its_own() -> None:
    assert LIBRARY is not None
    with pytest.raises(MemoryError):
        check(LIBRARY, structures.OUT_OF_MEMORY)
    with pytest.raises(ValueError, match="stride"):
        check(LIBRARY, 4)
    check(LIBRARY, 0)


def test_a_library_that_is_damaged_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(edge.abi, "__path__", [str(tmp_path)])
    assert library_module._load() is None
    assert not caplog.records
    (tmp_path / library_module.NAME).write_bytes(b"no library")
    with caplog.at_level(logging.WARNING):
        assert library_module._load() is None
    assert "does not load" in caplog.text


@pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler is not installed")
def test_a_library_that_lacks_a_function_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "some.c"
    source.write_text(f"int efiqa_abi_version(void) {{ return {structures.ABI_VERSION}; }}\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / library_module.NAME, source], check=True)
    monkeypatch.setattr(edge.abi, "__path__", [str(tmp_path)])
    with caplog.at_level(logging.WARNING):
        assert library_module._load() is None
    assert "does not load" in caplog.text


@built
def test_a_library_of_another_version_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert LIBRARY is not None
    shutil.copy(str(LIBRARY._name), tmp_path)
    monkeypatch.setattr(edge.abi, "__path__", [str(tmp_path)])
    monkeypatch.setattr(library_module, "ABI_VERSION", structures.ABI_VERSION + 1)
    with caplog.at_level(logging.WARNING):
        assert library_module._load() is None
    assert "another version" in caplog.text
