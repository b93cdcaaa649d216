"""A whole acceptance on this machine, short: engines, verdict, session, both files, and what must not be in them."""

from __future__ import annotations

import dataclasses
import getpass
import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("aiohttp")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from benchmarks.acceptance.judge import judge, slower
from benchmarks.acceptance.page import HEADER, scrubbed, table_row, to_html
from benchmarks.acceptance.result import Acceptance, Form, Session
from benchmarks.acceptance.run import AcceptanceOptions, accept
from benchmarks.commands import acceptance, group
from benchmarks.report import submission
from benchmarks.run import latency
from benchmarks.run.deadline import DeadlineVerdict
from benchmarks.run.session import Live
from edge.bundle.bundle import default_model

ROOT = Path(__file__).parents[3]
QUICK = AcceptanceOptions(
    command="edge-bench acceptance",
    model=None,
    engine="openvino",
    source="demo:7",
    capture=["--engine", "openvino"],
    minutes=0.1,  # so that a machine that halts for a moment grades more than one frame
    runs=20,
    deadline_ms=1e6,
    allowed=1.0,
)


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(group.app, list(arguments))


@pytest.fixture(scope="module")
def accepted() -> Acceptance:
    """A real one; a busy machine is never steady, and is not waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "MOST_WARM_UP_RUNS", 3)
        return accept(QUICK)


def test_both_forms_are_built_verified_and_judged(accepted: Acceptance) -> None:
    assert [form.name for form in accepted.forms] == ["INT8", "FP16"]
    for form in accepted.forms:
        assert form.error is None
        assert form.build_s
        assert form.verified["against"] == "onnx"
        assert [each.scenario for each in form.scenarios] == ["single_stream", "camera"]
        assert form.deadline is not None
        assert form.deadline.answer == "PASS"
    assert Path(os.environ["EFIQA_CACHE"]).is_dir()  # the tests' own is in use again


def test_the_session_ran_and_the_whole_passes(accepted: Acceptance) -> None:
    assert accepted.session is not None
    assert accepted.session.error is None
    assert accepted.session.live is not None
    assert accepted.session.live.graded > 1
    assert (accepted.verdict, accepted.reasons) == ("PASS", ())


def test_neither_file_says_whose_board_it_is(accepted: Acceptance) -> None:
    secret = "1423019123456"  # as a Jetson's serial number
    told = dataclasses.replace(
        accepted, notes=(*accepted.notes, "seen at /home/evamaria/board.log", f"number {secret}", socket.gethostname())
    )
    clean = scrubbed(told)
    for text in (json.dumps(dataclasses.asdict(clean)), to_html(clean)):
        assert secret not in text
        assert "evamaria" not in text
        for own in (*submission.own_names(), str(ROOT), str(default_model())):
            assert own not in text
        assert not re.search(r"/(home|root|tmp|opt|usr|var)\b", text.replace("</", "<"))
        assert len(getpass.getuser()) < 4 or getpass.getuser() == "root" or getpass.getuser() not in text
    assert [note for note in clean.notes if note.startswith("[left out")]
    assert clean.forms[0].scenarios == accepted.forms[0].scenarios


def test_the_page_is_whole_and_of_its_own(accepted: Acceptance) -> None:
    page = to_html(accepted)
    assert page.count("<svg") >= 4
    assert not re.search(r"https?://|<script|src=|@import|url\(", page)
    for words in ("INT8", "FP16", "The live session", "PASS"):
        assert words in page


def test_its_row_fits_the_table_of_the_docs(accepted: Acceptance) -> None:
    page = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    head = f"| {' | '.join(HEADER)} |"
    assert head in page
    table = page[page.index(head) :].split("\n\n")[0].splitlines()
    assert len(table_row(accepted)) == len(HEADER)
    assert all(line.count("|") == len(HEADER) + 1 for line in table)
    boards = ("Orin Nano 4 GB", "Orin Nano 8 GB", "Orin NX 8 GB", "Orin NX 16 GB", "AGX Orin 32 GB", "AGX Orin 64 GB")
    assert all(any(line.startswith(f"| {board} ") for line in table) for board in boards)


def verdict_of(accepted: Acceptance, **changed: Any) -> tuple[str, str]:
    forms = (dataclasses.replace(accepted.forms[0], **changed), accepted.forms[1])
    word, reasons = judge(forms, accepted.session, accepted.machine)
    return word, " ".join(reasons)


def test_what_fails_and_what_is_left_open(accepted: Acceptance) -> None:
    idle = tuple(
        dataclasses.replace(each, states=tuple(dataclasses.replace(state, others=0.0) for state in each.states))
        for each in accepted.forms[0].scenarios
    )
    late = DeadlineVerdict("FAIL", 33, 0.001, 40, 4000, 0.007, 0.014, None)
    word, why = verdict_of(accepted, deadline=late, scenarios=idle)
    assert word == "FAIL"
    assert "40 of 4000 frames were later than 33 ms" in why
    busy = tuple(
        dataclasses.replace(each, states=tuple(dataclasses.replace(state, others=1.5) for state in each.states))
        for each in accepted.forms[0].scenarios
    )
    assert verdict_of(accepted, deadline=late, scenarios=busy)[0] == "INCONCLUSIVE"
    few = dataclasses.replace(late, answer="INCONCLUSIVE")
    assert verdict_of(accepted, deadline=few, scenarios=idle)[0] == "INCONCLUSIVE"
    assert verdict_of(accepted, error="the GPU failed")[0] == "FAIL"
    assert verdict_of(accepted, verified={"against": "nothing"})[0] == "INCONCLUSIVE"
    broken = Session("demo", 1, None, (), "no camera")
    assert judge(accepted.forms, broken, accepted.machine)[0] == "FAIL"
    assert judge(accepted.forms, None, accepted.machine)[0] == "INCONCLUSIVE"
    assert judge(accepted.forms[:1], accepted.session, accepted.machine)[0] == "INCONCLUSIVE"
    jetson = dataclasses.replace(accepted.machine, jetson_linux="R36.4.3")
    assert judge(accepted.forms, accepted.session, jetson)[0] == "FAIL"  # the GPU did nothing


@pytest.mark.parametrize(("verdict", "code"), [("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 3)])
def test_the_exit_code_is_that_of_the_verdict(
    accepted: Acceptance, verdict: Any, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "accept", lambda _: dataclasses.replace(accepted, verdict=verdict))
    assert bench("acceptance", str(tmp_path)).exit_code == code
    assert json.loads((tmp_path / "acceptance.json").read_text())["verdict"] == verdict


def test_a_form_that_gains_nothing_is_named(accepted: Acceptance) -> None:
    assert slower((accepted.forms[0], accepted.forms[0]))
    assert slower((Form("INT8", {}, None, None, {}, (), None, None, "x"), accepted.forms[0])) == ()


def test_a_board_without_any_sensor_has_a_page_all_the_same(accepted: Acceptance) -> None:
    bare = Session("demo", 1, Live(5, 0, 5.0, (1.0, 2.0, 3.0), 0, (0.0, 0.0, 0.0), None, None), (), None)
    found = dataclasses.replace(accepted, session=bare)
    assert "The live session" in to_html(found)
    assert table_row(found)[8:11] == ["-", "-", "-"]


def test_the_option_is_the_command_and_a_folder_that_cannot_be_is_an_error_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for asked in (["acceptance", str(tmp_path / "file")], ["--acceptance", str(tmp_path / "file")],
                  [f"--acceptance={tmp_path / 'file'}"]):  # fmt: skip
        done = bench(*asked)
        assert done.exit_code == 1
        assert "name another folder" in str(done.exception)
    for share in ("nothing", "200%"):
        assert bench("acceptance", str(tmp_path / "out"), "--miss", share).exit_code == 2
