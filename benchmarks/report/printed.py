"""The forms of a result: JSON for machines, Markdown and HTML for pages, and the rows of its table."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from benchmarks.report.charts import histogram, roofline_plot, stage_bars, timeline
from benchmarks.report.lines import cells, lines_beside, scenario_lines
from benchmarks.report.result import Result, ScenarioResult
from benchmarks.run.latency import PERCENTILES, Summary
from trainer.pages import markdown_table, render

_TITLES = {
    "frame_step": "frame step (find, crop, resize, normalise)",
    "inference": "inference",
    "post": "post-processing (pool, decide)",
    "end_to_end": "end to end",
}
HEADER = ("milliseconds", *(f"p{p:g}" for p in PERCENTILES), "slowest", "p90, 95 % interval")


def to_json(result: Result) -> str:
    """The result as a JSON object; a figure that was not measured is null."""
    return json.dumps(dataclasses.asdict(result), indent=2, allow_nan=False)


def to_markdown(result: Result) -> str:
    """The result as a section to paste into a page or a pull request."""
    lines = []
    for each in result.scenarios:
        lines += [f"### {headline(result, each)}", "", f"{result.date}, `{result.command}`", ""]
        lines.append(markdown_table(HEADER, [[title, *cells(summary)] for title, summary in rows(each)], right=True))
        lines += ["", *(f"- {label}: {text}" for label, text in scenario_lines(each)), ""]
    lines += [f"- {label}: {text}" for label, text in lines_beside(result) if label not in ("date", "command")]
    return "\n".join(lines)


def to_html(result: Result) -> str:
    """The result as a page of its own, without script, font or picture from elsewhere: summary, charts, everything."""
    return render(
        Path(__file__).with_name("page.html"),
        result=result,
        header=HEADER,
        cells=cells,
        headline=headline,
        rows=rows,
        lines=lines_beside(result),
        scenario_lines=scenario_lines,
        histogram=histogram,
        timeline=timeline,
        stage_bars=stage_bars,
        roofline_plot=roofline_plot,
    )


def headline(result: Result, each: ScenarioResult) -> str:
    """What was timed, on how much."""
    stopped = " (interrupted)" if each.interrupted else ""
    sizes = result.frames.sizes[0] if len(result.frames.sizes) == 1 else f"{len(result.frames.sizes)} sizes"
    return f"{result.model.name}, {result.model.precision}, {each.title}: {each.runs} frames of {sizes}{stopped}"


def rows(each: ScenarioResult) -> list[tuple[str, Summary]]:
    """Each stage with its latency, then the latency that counts."""
    stages = [(_TITLES[name], summary) for name, summary in each.stages.items()]
    return stages + ([(last(each), each.latency)] if each.scenario == "camera" else [])


def last(each: ScenarioResult) -> str:
    """The row that counts."""
    return "from the arrival of the frame" if each.scenario == "camera" else _TITLES["end_to_end"]
