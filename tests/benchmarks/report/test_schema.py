from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from benchmarks.commands import group as commands
from benchmarks.report import schema, submission
from benchmarks.report.printed import to_html, to_json
from benchmarks.report.schema import json_schema, parse_result, read_result
from benchmarks.report.submission import make_submission
from edge import EdgeError

jsonschema = pytest.importorskip("jsonschema")
PUBLISHED = Path(schema.__file__).with_name("result.schema.json")


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(commands.app, list(arguments))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A real result with everything in it, as JSON."""
    file = tmp_path_factory.mktemp("result") / "result.json"
    options = ["--runs", "120", "--size", "64x64", "--threads", "1", "--no-reference", "--predict", "orin-nano"]
    done = bench(*options, "--out", str(file))
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(file.read_text())
    return said


def test_the_published_schema_is_that_of_the_program() -> None:
    assert json.loads(PUBLISHED.read_text()) == json_schema(), (
        "python -m benchmarks.report.schema > benchmarks/report/result.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_a_real_result_fits_the_published_schema(measured: dict[str, Any]) -> None:
    jsonschema.validate(measured, json.loads(PUBLISHED.read_text()))


def test_what_is_read_is_what_was_written(measured: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(measured))
    assert json.loads(to_json(read_result(tmp_path / "result.json"))) == measured


def drop(said: dict[str, Any]) -> None:
    del said["machine"]["cpu"]


def add(said: dict[str, Any]) -> None:
    said["owner"] = "eve"


def retype(said: dict[str, Any]) -> None:
    said["scenarios"][0]["throughput_fps"] = "fast"


def infinite(said: dict[str, Any]) -> None:
    said["scenarios"][0]["latency_ms"][0] = float("inf")


def boolean(said: dict[str, Any]) -> None:
    said["clock_ns"] = True


def empty(said: dict[str, Any]) -> None:
    said["scenarios"][0].update(t_s=[], latency_ms=[])


def no_stages(said: dict[str, Any]) -> None:
    said["scenarios"][0]["stages"] = {}


def shorter(said: dict[str, Any]) -> None:
    said["scenarios"][0]["t_s"].pop()


def negative(said: dict[str, Any]) -> None:
    said["scenarios"][0]["latency_ms"][3] = -1.0


def endless(said: dict[str, Any]) -> None:
    said["scenarios"][0]["latency_ms"][3] = 1e300


def no_ceiling(said: dict[str, Any]) -> None:
    ceilings = {"copy_gb_s": 0.0, "int8_gops": 1.0, "float_gops": 1.0}
    sums = {"mops": 1.0, "least_kib": 1.0, "least_ms": 1.0, "measured_ms": 1.0, "times_over": 1.0, "other_ms": 0.0}
    said["roofline"] = {"ceilings": ceilings, "layers": [], **sums}


SPOILS = (drop, add, retype, infinite, boolean, empty, no_stages, shorter, negative, endless, no_ceiling)


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_spoiled_result_is_refused_in_one_sentence(measured: dict[str, Any], spoil: Callable[..., None]) -> None:
    said = json.loads(json.dumps(measured))
    spoil(said)
    with pytest.raises(EdgeError, match=r"^mine\.json is not a (whole )?result") as caught:
        parse_result(said, "mine.json")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("number", [1, 3, "2", None, [2]])
def test_another_schema_is_named(measured: dict[str, Any], number: object) -> None:
    with pytest.raises(EdgeError, match=r"has schema .* and this edge-bench reads 2"):
        parse_result({**measured, "schema": number}, "old.json")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_any_json_is_a_result_or_refused(value: object) -> None:
    with pytest.raises(EdgeError):
        parse_result(value, "any.json")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data(), json_values)
def test_a_result_with_anything_in_any_place_is_read_or_refused(
    measured: dict[str, Any], data: st.DataObject, value: object
) -> None:
    few = {**measured["scenarios"][0], "t_s": [0.0, 0.1], "latency_ms": [2.0, 3.0]}
    said = json.loads(json.dumps({**measured, "scenarios": [few]}))
    place: Any = said
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = value
    again, refusal = read(said)
    if refusal is not None:
        assert len(refusal.splitlines()) == 1
    else:
        assert again == said
        assert to_html(parse_result(said, "any.json"))  # what is read can be shown


def read(said: object) -> tuple[object, str | None]:
    """The result that is read, as JSON, or the reason for refusal."""
    try:
        return json.loads(to_json(parse_result(said, "any.json"))), None
    except EdgeError as error:
        return None, str(error)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", "\x00"])
def test_no_json_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(EdgeError, match=r"result\.json is not"):
        read_result(tmp_path / "result.json")


def test_two_results_are_compared_and_the_limit_holds(measured: dict[str, Any], tmp_path: Path) -> None:
    for name, times in (("a.json", 1.0), ("b.json", 2.0)):  # steady, however busy the machine was when it measured
        said = json.loads(json.dumps(measured))
        said["scenarios"][0]["latency_ms"] = [times * (4 + step / 100) for step in range(120)]
        (tmp_path / name).write_text(json.dumps(said))
    done = bench("compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--json", "--fail-if-slower", "5%")
    assert isinstance(done.exception, EdgeError)
    assert "100.0% slower" in str(done.exception)
    assert json.loads(done.stdout)["ratio"] == pytest.approx(2.0)
    same = bench("compare", str(tmp_path / "a.json"), str(tmp_path / "a.json"))
    assert same.exit_code == 0, same.output
    assert "no difference" in same.stdout


def test_two_bundles_are_compared_in_turns(tmp_path: Path) -> None:
    file = tmp_path / "finding.json"
    done = bench("compare", "shipped", "shipped@openvino", "--rounds", "10", "--threads", "1", "--out", str(file))
    assert done.exit_code == 0, done.output
    said = json.loads(file.read_text())
    assert said["rounds"] == 10
    assert said["low"] <= said["ratio"] <= said["high"]
    assert 0.5 < said["ratio"] < 2
    assert "B / A" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.json", "shipped"],
        ["shipped", "shipped", "--fail-if-slower", "much"],
        ["shipped"],
        ["a", "b", "--rounds", "3"],
    ],
)
def test_wrong_comparisons_leave_with_2(arguments: list[str]) -> None:
    assert bench("compare", *arguments).exit_code == 2


def test_a_finding_that_cannot_be_written_is_an_error_before_anything_is_timed(tmp_path: Path) -> None:
    done = bench("compare", "shipped", "shipped", "--out", str(tmp_path / "none" / "finding.json"))
    assert isinstance(done.exception, EdgeError)
    assert "there is no folder" in str(done.exception)
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["missing.efiqa", "missing.onnx", "broken.onnx"])
def test_what_cannot_be_compared_is_one_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    done = bench("compare", "shipped", str(tmp_path / name))
    assert isinstance(done.exception, EdgeError)
    assert name in str(done.exception)
    assert len(str(done.exception).splitlines()) == 1


def test_a_submission_holds_the_result_and_no_name(measured: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(measured))
    done = bench("submit", str(tmp_path / "result.json"), "-o", str(tmp_path / "ours.zip"))
    assert done.exit_code == 0, done.output
    packed = (tmp_path / "ours.zip").read_bytes()
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        assert archive.namelist() == ["result.json", "result.md", "result.html"]
        assert json.loads(archive.read("result.json")) == measured
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert str(tmp_path) not in everything
    assert str(Path.home()) + "/" not in everything
    assert packed == make_submission(parse_result(measured, "again"))


def test_the_name_of_a_folder_of_frames_is_looked_at_too(
    measured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission.socket, "gethostname", lambda: "evesworkstation")
    spoiled = {**measured, "frames": {**measured["frames"], "source": "evesworkstation"}}
    with pytest.raises(EdgeError, match=r"frames\.source of the result holds the name"):
        make_submission(parse_result(spoiled, "mine.json"))


def test_a_version_of_four_numbers_is_no_address(measured: dict[str, Any]) -> None:
    machine = {**measured["machine"], "kernel": "5.15.153.1-microsoft"}
    machine["engine"] = {**machine["engine"], "version": "10.3.0.30"}
    assert make_submission(parse_result({**measured, "machine": machine}, "mine.json"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("edge-bench /home/eve/model.efiqa", "a folder"),
        ("C:\\Users\\eve\\model.efiqa", "a folder"),
        ("board 48:b0:2d:aa:bb:cc", "a network card"),
        ("gpu 12345678-1234-1234-1234-123456789abc", "a device's number"),
        ("camera at 192.168.1.20", "a network address"),
        ("write to eve@example.org", "a mail address"),
        ("Serial 0123", "a serial number"),
        ("module 1421023012345", "a Jetson's serial"),
        ("run on evesworkstation", "the name of this machine"),
    ],
)
def test_what_names_its_owner_is_refused(
    measured: dict[str, Any], text: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission.socket, "gethostname", lambda: "evesworkstation.local")
    spoiled = parse_result({**measured, "notes": [text]}, "mine.json")
    with pytest.raises(EdgeError, match=f"notes of the result holds {what}"):
        make_submission(spoiled)
