"""A page to label frames with keys while looking at them: one HTML file that needs no network and no server."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.files.output import check_output, write_output
from edge.grading import readable
from edge.images import find_images, read_image

log = logging.getLogger(__name__)

_TEMPLATE = Path(__file__).parent / "label_page.html"
_SIDE = 1000  # pixels of the longer side at most: enough to judge by, and a page that a browser can hold


def make_page(paths: list[Path], target: Path, number: int) -> int:
    """Write the page; keep the CSV that it saves in the same folder, to which its paths are relative.

    Args:
        paths: image files and folders.
        target: the page.
        number: how many images at most, evenly chosen.

    Returns:
        How many images are on it.

    Raises:
        EdgeError: no image can be read, or the page cannot be written.
    """
    images = find_images(paths)
    check_output(target, "the page", images)
    chosen = [images[n] for n in sorted({round(n) for n in np.linspace(0, len(images) - 1, min(number, len(images)))})]
    frames = []
    for path in chosen:
        if str(path).encode("utf-8", "ignore") != os.fsencode(path):  # a browser would save another name
            log.info("left out: %s has a name that is not UTF-8: rename it.", readable(path))
            continue
        try:
            frames.append({"path": os.path.relpath(path, target.parent).replace(os.sep, "/"), "image": _inline(path)})
        except EdgeError as error:
            log.info("left out: %s", error)
    if not frames:
        raise EdgeError("none of the images can be read: nothing to label.")
    # A file may be called </script>.
    listed = json.dumps(frames).replace("<", "\\u003c")
    name = hashlib.sha256("\n".join(frame["path"] for frame in frames).encode()).hexdigest()[:16]
    page = _TEMPLATE.read_text(encoding="utf-8").replace("/*ID*/", name).replace("/*FRAMES*/[]", listed)
    try:
        write_output(target, page.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise EdgeError(f"{target} cannot be written ({error.strerror}): check the folder and the disk.") from None
    return len(frames)


def _inline(path: Path) -> str:
    """A JPEG of the image as a data URL."""
    frame: NDArray[np.uint8] = read_image(path)
    scale = _SIDE / max(frame.shape[:2])
    if scale < 1:
        frame = np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode()
