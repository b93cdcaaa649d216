"""A result as one page that needs nothing else: no script, no font and no picture from elsewhere."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report.charts import histogram, roofline_plot, stage_bars, timeline
from benchmarks.report.lines import cells, lines_beside, scenario_lines
from benchmarks.report.printed import HEADER, headline, rows
from benchmarks.report.result import Result, scenario_name
from trainer.pages import render


def to_html(result: Result) -> str:
    """The page: first what came out, then each scenario with its charts, then everything."""
    scenarios = [
        {
            "name": scenario_name(each),
            "headline": headline(result, each),
            "each": each,
            "summary": cells(each.latency),
            "rows": [(title, cells(summary)) for title, summary in rows(each)],
            "lines": scenario_lines(each),
            "charts": (histogram(each.latency_ms), timeline(each), stage_bars(each)),
        }
        for each in result.scenarios
    ]
    return render(
        Path(__file__).with_name("page.html"),
        result=result,
        header=HEADER,
        scenarios=scenarios,
        lines=lines_beside(result),
        roofline_plot=None if result.roofline is None else roofline_plot(result.roofline),
    )
