"""Dots with names over two axes: which student pays for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.charts import new_chart, to_png

WIDTH, HEIGHT = 960, 560


@dataclass(frozen=True)
class Dot:
    """A name and where it lies; a marked one stands out."""

    name: str
    x: float
    y: float
    marked: bool = False


def draw(dots: Sequence[Dot], title: str, x_label: str, y_label: str) -> bytes:
    """A scatter plot as PNG; x begins at 0, and names stand beside the plot, where they cover no dot.

    Args:
        dots: at least one, x >= 0.
        title: above everything.
        x_label, y_label: of the axes; that of y above its axis, so that nobody has to turn the head.
    """
    figure, axes = new_chart(WIDTH, HEIGHT)
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    axes.set_title(y_label, loc="left", fontsize="medium")
    for number, dot in enumerate(dots):
        ring = {"markeredgecolor": "black", "markersize": 15} if dot.marked else {"markersize": 9}
        axes.plot(dot.x, dot.y, "o", color=f"C{number}", label=dot.name, **ring)
    axes.margins(0.15, 0.2)
    axes.set(xlabel=x_label, xlim=(0, None))
    axes.ticklabel_format(useOffset=False)
    axes.grid(color="#e1e1e1")
    axes.set_axisbelow(True)
    figure.legend(loc="outside right upper", frameon=False, labelspacing=1)
    return to_png(figure)
