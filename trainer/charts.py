"""Charts on matplotlib's own canvas, without a window and without pyplot: SVG for a page, or a PNG."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 80  # of matplotlib's points, so that its usual letters are 11 pixels high


def new_chart(width: int, height: int) -> tuple[Figure, Axes]:
    """An empty chart of so many pixels."""
    from matplotlib.figure import Figure

    figure = Figure((width / _DPI, height / _DPI), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def to_png(figure: Figure) -> bytes:
    """The chart at its size in pixels."""
    coded = io.BytesIO()
    figure.savefig(coded, format="png")
    return coded.getvalue()


def to_svg(figure: Figure, label: str) -> str:
    """An ``<svg>`` for use inside a page: the page's fonts, no external address, the same bytes for the same chart.

    Args:
        figure: the chart.
        label: what it shows, for screen readers; plain trusted text.
    """
    import matplotlib

    for artist in figure.findobj():
        artist.set_clip_on(False)  # nothing lies outside the axes, and paths that cut need names unique to the page
    coded = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(coded, format="svg", dpi=2 * _DPI, metadata=nothing, transparent=True)
    picture = coded.getvalue()
    picture = re.sub(r' xmlns(:\w+)?="[^"]*"', "", picture[picture.index("<svg") :]).replace("xlink:href", "href")
    return picture.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
