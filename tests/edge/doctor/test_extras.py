"""Packages of the extras: here, not installed, and installed but broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge.doctor.checkup import examine
from edge.doctor.extras import check_extras
from edge.doctor.finding import Finding, Tried, try_python

if sys.version_info >= (3, 11):
    import tomllib

ROOT = Path(__file__).parents[3]
MODULES = {
    "PyAV": "av",
    "pillow-heif": "pillow_heif",
    "pydicom": "pydicom",
    "pynetdicom": "pynetdicom",
    "aiohttp": "aiohttp",
}
MODULES |= {"cryptography": "cryptography", "pyarrow": "pyarrow", "fsspec": "fsspec", "scikit-learn": "sklearn"}


def without(trouble: str) -> dict[str, Finding]:
    """The findings where each package is missing from a real Python, or has this trouble when it is imported."""

    def trial(code: str) -> Tried:
        return try_python(f"import sys; sys.path.insert(0, {trouble!r}); {code}")

    return {each.name: each for each in check_extras(trial)}


def test_what_is_here_is_told_with_its_version() -> None:
    found = {each.name: each for each in check_extras()}
    assert list(found) == list(MODULES)
    for name, module in MODULES.items():
        version = getattr(pytest.importorskip(module), "__version__")  # noqa: B009
        assert (found[name].state, found[name].remedy) == ("ok", "")
        assert found[name].found.startswith(version)


def test_what_is_not_installed_is_a_warning_with_its_extra() -> None:
    found = {
        each.name: each
        for each in check_extras(
            lambda code: try_python(f"import sys; sys.path.clear(); sys.meta_path[3:] = []; {code}")
        )
    }
    assert {each.state for each in found.values()} == {"warning"}
    assert found["PyAV"].remedy == "pip install av"
    assert found["pillow-heif"].remedy == 'pip install "efiqa-edge[heic]"'
    assert found["pydicom"].remedy == 'pip install "efiqa-edge[dicom]"'
    assert found["aiohttp"].remedy.startswith('pip install "efiqa-edge[web]"')
    assert "efiqa-edge[dicom]" in found["aiohttp"].remedy
    assert found["cryptography"].remedy == 'pip install "efiqa-edge[sign]"'
    assert found["scikit-learn"].remedy == 'pip install "efiqa-edge[metrics]"'
    assert "DICOMweb" in found["aiohttp"].found
    assert "HEIC photographs are not read" in found["pillow-heif"].found


def test_what_does_not_load_is_missing(tmp_path: Path) -> None:
    for module in MODULES.values():
        (tmp_path / f"{module}.py").write_text("raise ImportError('libavcodec.so.61: cannot open shared object file')")
    found = without(str(tmp_path))
    for finding in found.values():
        assert finding.state == "missing"
        assert "libavcodec.so.61" in finding.found
        assert finding.remedy.startswith("pip install --upgrade --force-reinstall ")
    assert found["PyAV"].remedy.endswith(" av")


def test_the_check_up_tells_of_them() -> None:
    assert set(MODULES) <= {each.name for each in examine(quick=True)}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="pyproject.toml is read with Python 3.11 and newer")
def test_the_table_of_how_to_install_has_every_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    table = page[page.index("| where") : page.index("## A device")]
    assert [extra for extra in extras if extra != "dev" and extra not in table] == []
