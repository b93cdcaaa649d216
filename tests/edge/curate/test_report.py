"""The report: its figures, and the page in a real browser."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.curate.load import load_table
from edge.curate.report import make_report
from edge.curate.summary import LIGHT, OTHERS, UNSTATED, dimensions_of, figures, group_by, monthly
from edge.grading.table.table import Table
from edge.phantom.retina import phantom_frame

pa = pytest.importorskip("pyarrow")
EVIL = "</script><img src=x onerror=alert(1)>"


def data_of(page: bytes) -> dict[str, Any]:
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page.decode(), re.S)
    return dict(json.loads(text))


@pytest.fixture
def table(make_table: Callable[..., Path], row: Callable[..., Any]) -> Path:
    rows = [
        row(
            "a.png",
            0.95,
            camera="X",
            site="n",
            taken="2021-01-05",
            eye="left",
            sha256="1",
            crop_x=-10,
            crop_y=0,
            crop_side=200,
        ),
        row("b.png", 0.85, camera="X", site="n", taken="2021-02-05", eye="right", cause="blur", sha256="1"),
        row(EVIL, 0.10, camera=EVIL, taken="2021-02-07T10:00:00", cause="haze"),
        row("d.png", 0.0, verdict="no_fundus", camera="Y"),
        row("e.png", None, error="e.png is cut off: copy it again."),
    ]
    return make_table(*rows)


def test_groups_are_the_largest_first_and_small_ones_one() -> None:
    texts = [f"c{number:02}" for number in range(30) for _ in range(31 - number)] + [""]
    groups = group_by(pa.chunked_array([texts]))
    assert (len(groups.names), groups.names[0], groups.names[-1]) == (20, "c00", OTHERS)
    assert np.bincount(groups.codes)[0] == 31
    assert len(groups.codes) == len(texts)
    assert group_by(pa.chunked_array([["", "a"]])).names == [UNSTATED, "a"]
    assert group_by(pa.chunked_array([[]], pa.string())).names == []


def test_times_are_months_in_their_order_or_years() -> None:
    assert group_by(pa.chunked_array([["2022-03-01", "2021-01-09T01:02:03", ""]]), True).names == [
        "2021-01",
        "2022-03",
        UNSTATED,
    ]
    many = [f"{year}-{month:02}-01" for year in range(2010, 2015) for month in range(1, 13)]
    assert group_by(pa.chunked_array([many]), True).names == ["2010", "2011", "2012", "2013", "2014"]


def test_figures_count_every_photograph_once(table: Path) -> None:
    loaded = load_table(table, ["verdict", "score", "cause", "camera", "site", "taken", "eye", "field_definition"])
    dimensions = dimensions_of(loaded)
    for name, groups in dimensions.items():
        parts = figures(loaded, groups)
        assert sum(part["rows"] for part in parts) == 5, name
        assert np.sum([part["verdicts"] for part in parts], axis=0).tolist() == [1, 1, 1, 1, 0, 1]
        assert sum(sum(part["scores"]) for part in parts) == 4
        assert sum(sum(part["causes"]) for part in parts) == 2
    (everything,) = figures(loaded, dimensions["all"])
    assert everything["scores"][475] == 1  # 0.95 of 500 steps
    assert everything["mean"] == pytest.approx((0.95 + 0.85 + 0.1) / 4)


def test_the_page_has_means_lists_duplicates_and_errors(table: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), cv2.resize(phantom_frame(0), (260, 200)))
    report = make_report(table, tmp_path)
    data = data_of(report.page)
    (everything,) = data["dimensions"]["all"]
    assert set(everything["map"][:16]) == {-1}
    assert everything["map"][16:32] == [100] * 8 + [0] * 8
    assert [row[0] for row in data["lists"]["worst"]["rows"]] == [EVIL, "a.png"]
    assert data["duplicates"] == {"exact": 1, "near": 1, "crowded": 0}
    assert data["errors"] == [["is cut off: copy it again.", 1, "e.png"]]
    assert data["drift"]["camera"]["months"] == ["2021-01", "2021-02"]
    assert data["drift"]["camera"]["lines"][0]["points"] == [[1, 0.95, 1.0], [2, 0.475, 0.0]]
    assert report.rows == 5
    assert report.pictures == len(set(re.findall(r'"(/9j/[^"]*)"', report.page.decode()))) == 1  # in several lists
    assert report.missing == 3  # the others of which a picture was wanted
    assert EVIL.encode() not in report.page


def test_drift_has_months_without_photographs_but_not_those_after_a_clock_that_was_never_set(
    make_table: Callable[..., Path], row: Callable[..., Any]
) -> None:
    def drift(*months: str) -> dict[str, Any]:
        rows = [row(f"{month}.png", camera="X", taken=f"{month}-01") for month in months]
        table = load_table(make_table(*rows, row("y.png", camera="Y"), name=months[-1]), LIGHT)
        return monthly(table, group_by(table.column("camera")))

    found = drift("2020-11", "2021-02")
    assert found["months"] == ["2020-11", "2020-12", "2021-01", "2021-02"]
    assert [(line["name"], line["points"].count(None)) for line in found["lines"]] == [("all", 2), ("X", 2)]
    assert drift("1970-01", "2021-02", "2021-03")["months"] == ["1970-01", "2021-02", "2021-03"]


def test_commands_name_the_table_as_a_shell_reads_it(make_table: Callable[..., Path], row: Callable[..., Any]) -> None:
    path = make_table(row("a.png"), name="my table")
    assert data_of(make_report(path, path.parent, pictures=False).page)["table"] == f"'{path}'"


def test_without_pictures_no_photograph_is_read(table: Path, tmp_path: Path) -> None:
    report = make_report(table, tmp_path / "nowhere", pictures=False)
    assert (report.pictures, report.missing) == (0, 0)


def test_what_others_wrote_into_a_table_breaks_no_report(
    make_table: Callable[..., Path], row: Callable[..., Any], tmp_path: Path
) -> None:
    short, whole = base64.b64encode(bytes(100)).decode(), base64.b64encode(bytes(256)).decode()
    maps = ["no base64!", short, whole + "!", base64.b64encode(bytes(412)).decode(), whole]
    scores = [-1.0, 7e9, 0.5, 0.95, 0.85]
    rows = [row(f"{at}.png", score, map=made) for at, (score, made) in enumerate(zip(scores, maps, strict=True))]
    cv2.imwrite(str(tmp_path / "4.png"), cv2.resize(phantom_frame(0), (260, 200)))
    data = data_of(
        make_report(make_table(*rows[:4], rows[4] | {"crop_x": 0, "crop_y": 0, "crop_side": 0}), tmp_path).page
    )
    assert data["dimensions"]["all"][0]["map"] == [0] * 256
    assert sum(data["dimensions"]["all"][0]["scores"]) == 3
    (pictures,) = [each["pictures"] for name, each in data["lists"].items() if name == "best"]
    assert {text for _, text in pictures.values()} == {whole}


def test_the_command_of_a_table_with_any_name_can_be_copied(row: Callable[..., Any], tmp_path: Path) -> None:
    with Table(tmp_path / "a b;$(c).csv") as table:
        table.add(row("a.png"))
    assert data_of(make_report(table.path, tmp_path).page)["table"] == f"'{tmp_path}/a b;$(c).csv'"


def test_an_empty_table_has_a_report(make_table: Callable[..., Path], tmp_path: Path) -> None:
    path = make_table()
    with Table(path) as table:
        table.settle()
    assert make_report(path, tmp_path).rows == 0


def test_the_page_works_in_a_browser(
    tmp_path: Path, row: Callable[..., Any], open_chromium: Callable[..., Any]
) -> None:
    with Table(tmp_path / "t.csv") as table:
        for number in range(40):
            table.add(
                row(f"{number}.png", (number + 0.5) / 40, camera="XY"[number % 2], taken=f"2021-0{1 + number % 9}-01")
            )
        table.add(row(EVIL, 0.01, camera=EVIL, taken="2021-03-01"))
    cv2.imwrite(str(tmp_path / "39.png"), cv2.resize(phantom_frame(0), (260, 200)))
    page = tmp_path / "report.html"
    page.write_bytes(make_report(tmp_path / "t.csv", tmp_path).page)
    browser = open_chromium(1200, 900)
    browser.get(page.as_uri())
    assert browser.execute_script("return document.body.dataset.ready") == "1"
    set_to = (
        "const s = document.getElementById('threshold'); s.value = arguments[0]; s.dispatchEvent(new Event('input'));"
    )
    browser.execute_script(set_to, 250)
    assert browser.find_element("id", "kept").text.startswith("20 of 41 kept")
    assert '--keep "score >= 0.500"' in browser.find_element("id", "select").text
    browser.execute_script(set_to, 0)
    assert browser.find_element("id", "kept").text.startswith("41 of 41 kept")
    browser.execute_script(
        "const b = document.getElementById('by'); b.value = 'camera'; b.dispatchEvent(new Event('change'));"
    )
    cells = browser.find_elements("css selector", "#groups tr td:first-child")
    assert [cell.text for cell in cells] == ["X", "Y", EVIL]
    assert len(browser.find_elements("css selector", "#drift polyline")) == 4
    browser.execute_script(
        "const b = document.getElementById('list'); b.value = 'best'; b.dispatchEvent(new Event('change'));"
    )
    assert len(browser.find_elements("css selector", "#photographs .view img")) == 1
    commands = browser.execute_script(
        "return [...document.querySelectorAll('#photographs code')].map(e => e.textContent)"
    )
    assert "edge-grade 38.png --maps maps" in commands
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert browser.get_log("browser") == []


def test_a_scan_without_anatomy_is_none_of_the_worst(row: Callable[..., Any], tmp_path: Path) -> None:
    with Table(tmp_path / "scans.csv") as table:
        table.add(row("scan.png", score=0.4, verdict="reject"))
        table.add(row("wall.png", score=0.0, verdict="no_anatomy"))
    data = data_of(make_report(table.path, tmp_path).page)
    assert len(data["lists"]["worst"]["rows"]) == len(data["lists"]["no_fundus"]["rows"]) == 1
    assert data["dimensions"]["all"][0]["verdicts"] == [0, 0, 1, 0, 1, 0]
