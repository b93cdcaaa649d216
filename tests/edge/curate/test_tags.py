from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.curate.select import place_files, select_rows
from edge.curate.tags import write_tags
from edge.errors import EdgeError

pytest.importorskip("pyarrow")
ROOT = Path(__file__).parents[3]


def test_tasks_hold_what_the_model_says(
    make_table: Callable[..., Path], row: Callable[..., Any], tmp_path: Path
) -> None:
    path = make_table(
        row(
            "a b/ü.png",
            0.85,
            cause="blur",
            causes="blur;haze",
            eye="left",
            field_definition="disc",
            model="0123456789abcdef",
        ),
        row("cut.png", None, error="no"),
        row("good.png", 0.95),
    )
    out = tmp_path / "tags.json"
    write_tags(select_rows(path, None), out, "")
    first, failed, good = json.loads(out.read_text(encoding="utf-8"))
    assert first["data"] == {"image": "a b/ü.png", "path": "a b/ü.png", "score": 0.85, "cause": "blur"}
    assert failed == {"data": {"image": "cut.png", "path": "cut.png"}}
    (said,) = first["predictions"]
    assert (said["model_version"], said["score"]) == ("0123456789ab", 0.85)
    assert {each["from_name"]: each["value"]["choices"] for each in said["result"]} == {
        "quality": ["usable"], "causes": ["blur", "haze"], "eye": ["left"], "field": ["disc"],
    }  # fmt: skip
    assert {(each["to_name"], each["type"]) for each in said["result"]} == {("image", "choices")}
    assert [each["from_name"] for each in good["predictions"][0]["result"]] == ["quality"]
    write_tags(select_rows(path, "score < 0.9"), out, "/data/local-files/?d=")
    (only,) = json.loads(out.read_text(encoding="utf-8"))
    assert only["data"]["image"] == "/data/local-files/?d=a%20b/%C3%BC.png"
    write_tags(select_rows(path, "score > 2"), out, "")
    assert json.loads(out.read_text(encoding="utf-8")) == []


def test_the_documented_labelling_setup_has_every_tag_and_choice(
    make_table: Callable[..., Path], row: Callable[..., Any], tmp_path: Path
) -> None:
    from edge.assessment import VERDICTS
    from edge.findings.cause import CAUSES

    page = (ROOT / "docs" / "edge-curate.md").read_text(encoding="utf-8")
    setup = re.search(r"```xml\n(.*?)```", page, re.S)
    assert setup is not None
    names = set(re.findall(r'<Choices name="(\w+)" toName="image"', setup[1]))
    assert names == {"quality", "causes", "eye", "field"}
    values = set(re.findall(r'<Choice value="(\w+)"', setup[1]))

    assert values == {*VERDICTS, *CAUSES, "right", "left", "macula", "disc", "other"}


def test_a_full_disk_leaves_the_tags_that_were_there(
    make_table: Callable[..., Path], row: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(EdgeError, match="cannot be written"):
        write_tags(select_rows(make_table(row("a")), None), Path("/proc/tags.json"), "")


def test_members_of_archives_are_copied_out_and_not_linked(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/1.png", b"one")
        archive.writestr("x/2.png", b"two")
    paths = ["a.zip!/x/1.png", "a.zip!/x/2.png", "a.zip!/x/3.png"]
    told = list(place_files(paths, tmp_path, tmp_path / "out", "copy"))
    assert told[:2] == ["", ""]
    assert "gets no copy" in told[2]
    assert (tmp_path / "out" / "1.png").read_bytes() == b"one"
    assert list(place_files(paths[:2], tmp_path, tmp_path / "out", "copy")) == ["", ""]  # they are there
    (tmp_path / "out" / "1.png").write_bytes(b"own")
    assert "another file is there" in next(iter(place_files(paths[:2], tmp_path, tmp_path / "out", "copy")))
    assert "give --copies" in next(iter(place_files(paths[:2], tmp_path, tmp_path / "links", "link")))
