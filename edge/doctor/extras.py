"""What only some sources, files and options need: each comes with an extra, and the rest works without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.doctor.finding import Finding, Tried, missing, ok, try_python, warning


@dataclass(frozen=True)
class _Extra:
    """A package.

    Attributes:
        name: as pip knows it.
        module: as Python does.
        trial: imports what is used of it, and prints its version.
        lost: what does not work without it.
        remedy: how it is installed.
    """

    name: str
    module: str
    trial: str
    lost: str
    remedy: str


_EXTRAS = (
    _Extra(
        "PyAV",
        "av",
        "import av; print(av.__version__, '| FFmpeg', av.ffmpeg_version_info)",
        "recordings and network streams are not read",
        "pip install av",
    ),
    _Extra(
        "pillow-heif",
        "pillow_heif",
        "import pillow_heif as p; print(p.__version__, '| libheif', p.libheif_version())",
        "HEIC photographs are not read",
        'pip install "efiqa-edge[heic]"',
    ),
    _Extra(
        "pydicom",
        "pydicom",
        "import pydicom, pydicom.pixels; print(pydicom.__version__)",
        "DICOM is neither read nor written",
        'pip install "efiqa-edge[dicom]"',
    ),
    _Extra(
        "aiohttp",
        "aiohttp",
        "import aiohttp.web; print(aiohttp.__version__)",
        "edge-capture --web has no page, and --hand-over reaches no DICOMweb server",
        'pip install "efiqa-edge[web]" (or "efiqa-edge[dicom]", which brings it too)',
    ),
    _Extra(
        "scikit-learn",
        "sklearn",
        "import sklearn.model_selection; print(sklearn.__version__)",
        "edge-grade --labels and edge-calibrate thresholds give no figures",
        'pip install "efiqa-edge[metrics]"',
    ),
)


def check_extras(trial: Callable[[str], Tried] = try_python) -> Iterator[Finding]:
    """PyAV, pillow-heif, pydicom, aiohttp and scikit-learn.

    Args:
        trial: runs a line of Python, see ``try_python``.
    """
    for extra in _EXTRAS:
        found = trial(extra.trial)
        if found.works:
            yield ok(extra.name, found.said)
        elif f"No module named '{extra.module}'" in found.said:
            yield warning(extra.name, f"not installed, so {extra.lost}", extra.remedy)
        else:
            package = extra.name.lower().replace("pyav", "av")
            reason = f"it does not load ({found.said}), so {extra.lost}"
            yield missing(extra.name, reason, f"pip install --upgrade --force-reinstall {package}")
