"""The charts of a result, each an ``<svg>`` for its page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.report.result import ScenarioResult
from benchmarks.roofline.ceilings import Roofline
from trainer.charts import new_chart, to_svg

_BLUE, _PALE, _RED, _GREEN, _PURPLE = "#1f5fa8", "#b9d0ea", "#c0392b", "#2e8b57", "#8e44ad"
_MOST_POINTS = 3000
_FAR = 1e300  # a file may hold 1.7e308, for which no axis can be divided


def histogram(latency_ms: Sequence[float]) -> str:
    """Bars over latency; the last bar has all beyond three times the median."""
    values = np.asarray(latency_ms, dtype=np.float64)
    most = min(float(values.max()), 3 * float(np.median(values)))
    figure, axes = new_chart(430, 220)
    axes.hist(np.minimum(values, most), bins=60, range=(float(values.min()) * 0.98, most * 1.001), color=_BLUE)
    axes.set(xlabel="latency, ms", ylabel="frames")
    return to_svg(figure, "how often which latency")


def timeline(each: ScenarioResult) -> str:
    """A point per frame; the machine's clock and temperature as lines, each on a scale of its own."""
    shown = np.unique(np.linspace(0, len(each.t_s) - 1, min(len(each.t_s), _MOST_POINTS)).astype(int))
    points = np.minimum([*((each.t_s[i], each.latency_ms[i]) for i in shown), *each.slowest], _FAR)
    figure, axes = new_chart(430, 220)
    axes.plot(*points.T, ".", color=_BLUE, markersize=2, rasterized=True)
    axes.set(xlabel="seconds", ylabel="latency, ms", ylim=(0, None))
    for label, colour, series in (
        ("{:.0f} to {:.0f} C", _RED, [(state.t_s, state.temperature_c) for state in each.states]),
        ("CPU {:.0f} to {:.0f} MHz", _GREEN, [(state.t_s, state.cpu_mhz) for state in each.states]),
        ("GPU {:.0f} to {:.0f} MHz", _PURPLE, [(state.t_s, state.gpu_mhz) for state in each.states]),
    ):
        known = [(t, value) for t, value in series if value is not None]
        if known:
            times, values = np.minimum(known, _FAR).T
            own = axes.twinx()
            own.plot(times, values, color=colour, label=label.format(min(values), max(values)))
            own.set(ylim=(0, 1.05 * max(values) or 1))
            own.set_axis_off()
    if len(figure.axes) > 1:
        figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize="small")
    return to_svg(figure, "latency over time")


def stage_bars(each: ScenarioResult) -> str | None:
    """The median of each stage, one after the other; None where none is known."""
    medians = {name: summary.p50_ms for name, summary in each.stages.items() if name != "end_to_end"}
    known = {name: value for name, value in medians.items() if value is not None}
    if not sum(known.values()):
        return None
    figure, axes = new_chart(870, 80)
    start = 0.0
    for (name, value), colour in zip(known.items(), (_PALE, _BLUE, _RED), strict=False):
        axes.barh(0, value, left=start, color=colour, label=f"{name.replace('_', ' ')} {value:.2f} ms")
        start += value
    axes.set(xlim=(0, start))
    axes.set_axis_off()
    figure.legend(loc="outside lower left", ncols=len(known), frameon=False)
    return to_svg(figure, "median of each stage")


def roofline_plot(roofline: Roofline) -> str:
    """Operations per byte against operations per second, both logarithmic; layers are dots under the ceilings."""
    top = roofline.ceilings
    layers = [layer for layer in roofline.layers if min(layer.mops, layer.kib, layer.ms) > 0]
    intensity = [min(max(layer.mops * 1e6 / (layer.kib * 1024), 1 / _FAR), _FAR) for layer in layers]
    figure, axes = new_chart(870, 300)
    across = np.geomspace(min([*intensity, 1.0]), max([*intensity, 1000.0]), 400)
    for name, ceiling in (("INT8", top.int8_gops), ("float", top.float_gops)):
        axes.plot(across, np.minimum(top.copy_gb_s * across, ceiling), color="#555")
        at, shift = (across[-1], ceiling), (6, 0)
        axes.annotate(f"{name} {ceiling:.0f} Gop/s", at, shift, textcoords="offset points", va="center")
    for name, colour, int8 in (("INT8 layer", _BLUE, True), ("float layer", _RED, False)):
        dots = [(x, y.mops / y.ms) for x, y in zip(intensity, layers, strict=True) if y.int8 == int8]
        if dots:  # millions a millisecond are billions a second
            axes.plot(*zip(*dots, strict=True), "o", color=colour, label=name)
    axes.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="Gop/s")
    if layers:
        axes.legend(loc="upper left", frameon=False)
    return to_svg(figure, "roofline")
