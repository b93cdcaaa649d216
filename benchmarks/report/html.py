"""A result as one page that needs nothing else: no script, no font and no picture from elsewhere."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np

from benchmarks.report.printed import to_markdown
from benchmarks.report.result import Result, ScenarioResult, scenario_name
from benchmarks.roofline.ceilings import Roofline

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 12, 12, 34
_INK, _PALE, _WARM = "#1f5fa8", "#b9d0ea", "#c0392b"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:4px 8px;text-align:right}"
    "td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif}"
    "li{overflow-wrap:anywhere}"
)


def to_html(result: Result) -> str:
    """The page."""
    title = html.escape(f"edge-bench: {result.model.name}")
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"]
    parts.append(f"<h1>{title}</h1>")
    for each in result.scenarios:
        name = html.escape(scenario_name(each))
        parts += [f"<h2>{name}</h2>", "<h3>How often which latency</h3>", histogram(each.latency_ms)]
        parts += ["<h3>Over time</h3>", timeline(each), "<h3>Where the time goes</h3>", stage_bars(each)]
    if result.roofline is not None:
        parts += ["<h2>Roofline</h2>", roofline_plot(result.roofline)]
    parts.append("<h2>Everything</h2>" + _from_markdown(to_markdown(result)))
    return "\n".join(parts) + "\n"


def histogram(latency_ms: Sequence[float]) -> str:
    """Bars over latency; what is beyond three times the median is in the last bar."""
    values = np.asarray(latency_ms, dtype=np.float64)
    most = min(float(values.max()), 3 * float(np.median(values)))
    counts, edges = np.histogram(np.minimum(values, most), bins=60, range=(float(values.min()) * 0.98, most * 1.001))
    x, y = _scale(edges[0], edges[-1], False), _scale(0, float(counts.max()), True)
    bars = [
        _rectangle(x(a), y(n), x(b) - x(a), y(0) - y(n), _INK)
        for a, b, n in zip(edges, edges[1:], counts, strict=False)
        if n
    ]
    return _figure(
        "latency histogram", [*bars, *_axis_x(edges[0], edges[-1], "ms"), *_axis_y(0, counts.max(), "frames")]
    )


def timeline(each: ScenarioResult) -> str:
    """A point per frame; the machine's clock and temperature as lines, each on a scale of its own."""
    times, values = np.asarray(each.t_s), np.asarray(each.latency_ms)
    shown = np.unique(np.concatenate([np.linspace(0, len(times) - 1, min(len(times), 3000)).astype(int)]))
    points = [(float(times[i]), float(values[i])) for i in shown] + [tuple(point) for point in each.slowest]
    end, most = max(float(times.max()), 1e-9), max(value for _, value in points)
    x, y = _scale(0, end, False), _scale(0, most, True)
    drawn = [f'<circle cx="{x(t):.1f}" cy="{y(ms):.1f}" r="1.2" fill="{_INK}"/>' for t, ms in points]
    for name, colour, series in (
        ("temperature, C", _WARM, [(state.t_s, state.temperature_c) for state in each.states]),
        ("CPU, MHz", "#2e8b57", [(state.t_s, state.cpu_mhz) for state in each.states]),
        ("GPU, MHz", "#8e44ad", [(state.t_s, state.gpu_mhz) for state in each.states]),
    ):
        known = [(t, value) for t, value in series if value is not None]
        if not known:
            continue
        last = max(known[-1][0], end)
        own_x, own_y = _scale(0, last, False), _scale(0, max(value for _, value in known) * 1.05, True)
        path = " ".join(f"{own_x(t):.1f},{own_y(value):.1f}" for t, value in known)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
        label = f"{name}: {min(v for _, v in known):.0f} to {max(v for _, v in known):.0f}"
        drawn.append(_text(WIDTH - _RIGHT, own_y(known[-1][1]) - 4, label, "end", colour))
    return _figure("latency over time", [*drawn, *_axis_x(0, end, "s"), *_axis_y(0, most, "ms")])


def stage_bars(each: ScenarioResult) -> str:
    """The median of each stage, one after the other."""
    medians = {name: summary.p50_ms for name, summary in each.stages.items() if name != "end_to_end"}
    known = {name: value for name, value in medians.items() if value is not None}
    total = sum(known.values())
    if not total:
        return "<p>Too few frames for a median.</p>"
    drawn, at = [], float(_LEFT)
    for (name, value), colour in zip(known.items(), (_PALE, _INK, _WARM), strict=False):
        width = (WIDTH - _LEFT - _RIGHT) * value / total
        drawn.append(_rectangle(at, 20, width, 40, colour))
        late = at > WIDTH * 0.75  # a name at the right end would be cut off
        place = at + width if late else at
        words = f"{name.replace('_', ' ')} {value:.2f} ms"
        drawn.append(_text(place, 14 if len(drawn) % 4 == 1 else 76, words, "end" if late else "start"))
        at += width
    return _figure("median of each stage", drawn, 90)


def roofline_plot(roofline: Roofline) -> str:
    """Operations per byte against operations per second, both logarithmic; layers are dots under the ceilings."""
    top = roofline.ceilings
    layers = [layer for layer in roofline.layers if layer.ms > 0]
    intensity = [layer.mops * 1e6 / (layer.kib * 1024) for layer in layers]
    rates = [layer.mops / layer.ms for layer in layers]  # millions a millisecond are billions a second
    low_x, high_x = math.floor(math.log10(min([*intensity, 1]))), math.ceil(math.log10(max([*intensity, 1000])))
    low_y = math.floor(math.log10(min([*rates, 1])))
    high_y = math.ceil(math.log10(max([*rates, top.int8_gops, top.float_gops])))
    x, y = _scale(low_x, high_x, False), _scale(low_y, high_y, True)
    drawn = []
    for name, ceiling in (("INT8", top.int8_gops), ("float", top.float_gops)):
        knee = min(max(math.log10(ceiling / top.copy_gb_s), low_x), high_x)
        start = max(math.log10(top.copy_gb_s) + low_x, low_y)
        corners = [
            (start - math.log10(top.copy_gb_s), start),
            (knee, math.log10(ceiling)),
            (high_x, math.log10(ceiling)),
        ]
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in corners)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="#555"/>')
        drawn.append(_text(WIDTH - _RIGHT, y(math.log10(ceiling)) - 4, f"{name} {ceiling:.0f} Gop/s", "end"))
    for layer, across, rate in zip(layers, intensity, rates, strict=True):
        title = html.escape(f"{layer.name}: {layer.ms:.3f} ms, {layer.least_ms:.3f} at the least")
        at = f'cx="{x(math.log10(across)):.1f}" cy="{y(math.log10(rate)):.1f}"'
        drawn.append(f'<circle {at} r="4" fill="{_INK if layer.int8 else _WARM}"><title>{title}</title></circle>')
    for power in range(low_x, high_x + 1):
        drawn.append(_text(x(power), HEIGHT - 18, f"{10.0**power:g}", "middle"))
    for power in range(low_y, high_y + 1):
        drawn.append(_text(_LEFT - 6, y(power) + 4, f"{10.0**power:g}", "end"))
    drawn.append(_text(WIDTH / 2, HEIGHT - 4, "operations a byte", "middle"))
    drawn.append(_text(4, 10, "Gop/s", "start"))
    return _figure("roofline", drawn)


class _scale:  # noqa: N801 - it is used as a function
    """From a figure to a place on the picture; upwards where it is vertical."""

    def __init__(self, low: float, high: float, vertical: bool) -> None:
        self._low, self._span, self._vertical = low, (high - low) or 1.0, vertical

    def __call__(self, value: float) -> float:
        share = (value - self._low) / self._span
        if self._vertical:
            return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def _axis_x(low: float, high: float, unit: str) -> list[str]:
    x = _scale(low, high, False)
    return [
        _text(x(v), HEIGHT - _BOTTOM + 16, f"{v:.3g} {unit}", "middle" if v < high else "end")
        for v in np.linspace(low, high, 5)
    ]


def _axis_y(low: float, high: float, unit: str) -> list[str]:
    y = _scale(low, high, True)
    ticks = [_text(_LEFT - 6, y(v) + 4, f"{v:.3g}", "end") for v in np.linspace(low, high, 4)]
    return [*ticks, _text(4, _TOP - 2, unit, "start")]


def _figure(label: str, parts: Sequence[str], height: int = HEIGHT) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">' + "".join(parts) + "</svg>"


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, words: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{html.escape(words)}</text>'


def _from_markdown(text: str) -> str:
    """The few forms that ``to_markdown`` uses: headings, tables, lists, lines."""
    parts: list[str] = []
    for line in text.splitlines():
        if line.startswith("| ---"):
            continue
        if line.startswith("| "):
            cells = "".join(f"<td>{html.escape(cell.strip())}</td>" for cell in line.strip("|").split("|"))
            parts.append(f"<table><tr>{cells}</tr></table>")
        elif line.startswith("- "):
            parts.append(f"<li>{html.escape(line[2:])}</li>")
        elif line.startswith("### "):
            parts.append(f"<h3>{html.escape(line[4:])}</h3>")
        elif line:
            parts.append(f"<p>{html.escape(line)}</p>")
    return "".join(parts).replace("</table><table>", "")
