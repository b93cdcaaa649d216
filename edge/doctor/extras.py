"""Packages that only some sources, files and options need: each comes with an extra."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge.doctor.finding import Finding, Tried, library, try_python

# Its name and its import name, code that imports what is used of it and prints its version, what does not work without
# it, and how it is installed.
_EXTRAS = (
    (
        "PyAV",
        "av",
        "import av; print(av.__version__, '| FFmpeg', av.ffmpeg_version_info)",
        "recordings and network streams are not read",
        "pip install av",
    ),
    (
        "pillow-heif",
        "pillow_heif",
        "import pillow_heif as p; print(p.__version__, '| libheif', p.libheif_version())",
        "HEIC photographs are not read",
        'pip install "efiqa-edge[heic]"',
    ),
    (
        "pydicom",
        "pydicom",
        "import pydicom, pydicom.pixels; print(pydicom.__version__)",
        "DICOM is neither read nor written",
        'pip install "efiqa-edge[dicom]"',
    ),
    (
        "pynetdicom",
        "pynetdicom",
        "import pynetdicom; print(pynetdicom.__version__)",
        "--hand-over reaches no DICOM node, and --worklist none",
        'pip install "efiqa-edge[dicom]"',
    ),
    (
        "aiohttp",
        "aiohttp",
        "import aiohttp.web; print(aiohttp.__version__)",
        "edge-capture --web has no page, and --hand-over reaches no DICOMweb server",
        'pip install "efiqa-edge[web]" (or "efiqa-edge[dicom]", which brings it too)',
    ),
    (
        "cryptography",
        "cryptography",
        "import cryptography.hazmat.primitives.asymmetric.ed25519, cryptography as c; print(c.__version__)",
        "--trust and EFIQA_TRUST let no model through, and edge-calibrate signs none",
        'pip install "efiqa-edge[sign]"',
    ),
    (
        "pyarrow",
        "pyarrow",
        "import pyarrow.parquet, imagehash, pyarrow; print(pyarrow.__version__)",
        "edge-grade --table and edge-curate do not work",
        'pip install "efiqa-edge[curate]"',
    ),
    (
        "fsspec",
        "fsspec",
        "import fsspec, aiohttp, requests; print(fsspec.__version__)",
        "edge-grade reads nothing from object storage and web servers",
        'pip install "efiqa-edge[remote]"',
    ),
    (
        "scikit-learn",
        "sklearn",
        "import sklearn.model_selection; print(sklearn.__version__)",
        "edge-grade --labels and edge-calibrate thresholds give no figures",
        'pip install "efiqa-edge[metrics]"',
    ),
)


def check_extras(trial: Callable[[str], Tried] = try_python) -> Iterator[Finding]:
    """PyAV, pillow-heif, pydicom, pynetdicom, aiohttp, cryptography, pyarrow, fsspec and scikit-learn.

    Args:
        trial: runs a line of Python, see ``try_python``.
    """
    for name, module, code, lost, install in _EXTRAS:
        package = "av" if name == "PyAV" else name
        yield library(name, module, trial(code), install, f"pip install --upgrade --force-reinstall {package}", lost)
