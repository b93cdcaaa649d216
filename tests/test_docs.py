"""The docs against the program: commands run or at least parse, options are complete, links lead somewhere."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer.main
from PIL import Image

from benchmarks.commands import compare
from benchmarks.commands.shared import EXIT_CODES
from benchmarks.run import frames, latency
from edge.assessment_schema import json_schema
from edge.bundle.bundle import default_model, read_bundle
from edge.camera.gstreamer.bindings import load_gstreamer
from edge.criteria.adequacy import Failure
from edge.criteria.criterion import Requirements
from edge.errors import EdgeError
from edge.findings.cause import CAUSES
from edge.grading import COLUMNS
from edge.grading.table.columns import TABLE_COLUMNS
from edge.phantom.retina import phantom_frame

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
drawn = functools.cache(phantom_frame)  # drawing one takes longer than grading it ten times
COMMANDS: list[str] = sorted(PROJECT["scripts"])
# What a documented line gets in addition, so that it ends in a second; the last of two equal options counts.
SHORTER = {
    "edge-capture": ["--fast", "--frames", "6"],
    "edge-bench compare": ["--rounds", "10", "--fail-if-slower", "900%"],
    "edge-bench capture": ["--seeds", "0", "--frames", "30", "--jobs", "1"],
    "edge-bench acceptance": ["--source", "demo:3", "--minutes", "0.05", "--runs", "4", "--miss", "99%"],
    "edge-bench run": ["--runs", "6", "--no-reference", "--size", "160x120"],
}
DEFAULTS = {"edge-bench": "run"}  # the sub-command where none is named
# Hours, photographs, an installation, or what another line wrote: parsed only.
_CALIBRATE = ("edge-calibrate int8", "edge-calibrate parity", "edge-calibrate teacher")
NOT_RUN = ("edge-train", *_CALIBRATE, "edge-bench submit", "edge-bench tables", "make")


def _lines() -> list[str]:
    """Every different command line in the shell blocks of the docs."""
    blocks = [block for text in TEXTS.values() for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    written = [shlex.join(_words(line)) for line in lines if line.startswith(("edge-", "make "))]
    return list(dict.fromkeys(written))


def _words(line: str) -> list[str]:
    return shlex.split(line, comments=True)


def _command(name: str) -> Any:
    module, entry = PROJECT["scripts"][name].split(":")
    command = getattr(importlib.import_module(module), entry)
    return typer.main.get_command(importlib.import_module(command.module).app)


def _needs_more_than_a_cpu(words: list[str]) -> bool:
    """A camera, a GPU, or TensorRT-RTX where it is not installed."""
    camera = words[0] == "edge-capture" and (words[1].isdigit() or (words[1].startswith("gst:") and not _GSTREAMER))
    ahead = "--target" in words and importlib.util.find_spec("tensorrt_rtx") is None
    return camera or ahead or "tensorrt" in words or "tensorrt_rtx" in words


def _has_gstreamer() -> bool:
    try:
        load_gstreamer()
    except EdgeError:
        return False
    return True


_GSTREAMER = _has_gstreamer()
LINES = _lines()
RUN = [line for line in LINES if not line.startswith(NOT_RUN) and not _needs_more_than_a_cpu(_words(line))]


def _leaves(name: str) -> dict[str, Any]:
    """A command, or each sub-command of a group, by what a user types."""
    command = _command(name)
    subs = getattr(command, "commands", None)
    return {f"{name} {sub}": leaf for sub, leaf in subs.items()} if subs else {name: command}


LEAVES = {typed: leaf for name in COMMANDS for typed, leaf in _leaves(name).items()}


def _typed(words: list[str]) -> tuple[str, list[str]]:
    """The name of what a line runs, as in ``LEAVES``, and what it is given."""
    name, *rest = words
    if name in LEAVES:
        return name, rest
    if rest and f"{name} {rest[0]}" in LEAVES:
        return f"{name} {rest[0]}", rest[1:]
    return f"{name} {DEFAULTS[name]}", rest


def _options(leaf: Any) -> set[str]:
    return {
        option
        for parameter in leaf.params
        if parameter.param_type_name == "option" and not parameter.hidden
        for option in (*parameter.opts, *parameter.secondary_opts)
    } | {"--help"}


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the documented lines name: synthetic photographs, labels, a clip, a model."""
    folder = tmp_path_factory.mktemp("docs")
    eyes = [cv2.resize(drawn(seed), (320, 240)) for seed in range(4)]
    for where in ("photos", "photographs", "frames", "scans", "archive", "drimdb/good", "drimdb/bad"):
        (folder / where).mkdir(parents=True)
        for number, eye in enumerate(eyes):
            cv2.imwrite(str(folder / where / f"{number}.jpg"), eye)
    for name in ("photo.jpg", "eye.jpg"):
        cv2.imwrite(str(folder / name), eyes[0])
    rows = ["path,quality", "0.jpg,good", "1.jpg,good", "2.jpg,reject", "3.jpg,reject"]
    (folder / "photos" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    clip = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (320, 240))
    for eye in eyes * 3:
        clip.write(eye)
    clip.release()
    (folder / "recordings").mkdir()
    shutil.copy(folder / "clip.mp4", folder / "recordings" / "left.mp4")
    (folder / "recordings" / "left.csv").write_text("frame,truth,cause\n0,0.9,clear\n1,0.3,blur\n", encoding="utf-8")
    for name in ("model.efiqa", "ours.efiqa"):
        shutil.copy(default_model(), folder / name)
    shutil.make_archive(str(folder / "archive"), "zip", folder / "archive")
    (folder / "list.csv").write_text("path\nphoto.jpg\n", encoding="utf-8")
    command = [sys.executable, "-m", "edge.commands.grade", "archive", "--table", "archive.parquet"]
    subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, timeout=300)
    return folder


@pytest.fixture
def short_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is never steady, so a warm-up lasts ten seconds; tests of benchmarks tell how it ends."""
    monkeypatch.setattr(latency, "MOST_WARM_UP_RUNS", 3)
    monkeypatch.setattr(compare, "CALLS", 2)
    monkeypatch.setattr(frames, "phantom_frame", drawn)


@pytest.fixture
def same_opencv_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


def _exit_code(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command as its console script does."""
    module, function = PROJECT["scripts"][words[0]].split(":")
    monkeypatch.setattr(sys, "argv", words)
    try:
        getattr(importlib.import_module(module), function)()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_every_command_is_shown_at_work() -> None:
    shown = {_words(line)[0] for line in LINES}
    assert shown == {*COMMANDS, "make"}
    assert {_words(line)[0] for line in RUN} == set(COMMANDS) - {"edge-train"}


@pytest.mark.parametrize("line", RUN)
@pytest.mark.usefixtures("same_opencv_threads", "short_benchmark")
def test_documented_line_runs(
    line: str, things: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = _words(line)
    redirected = words.index(">") if ">" in words else len(words)  # the shell's part
    monkeypatch.chdir(things)
    free = ["--port", "0"] if "--web" in words else []
    code = _exit_code([*words[:redirected], *SHORTER.get(_typed(words)[0], []), *free], monkeypatch)
    said = capsys.readouterr()
    # Whether a busy machine keeps a deadline, or leaves it open, is no matter of the docs.
    open_too = (0, EXIT_CODES["INCONCLUSIVE"]) if "acceptance" in line else (0,)
    assert code in (EXIT_CODES.values() if "--deadline" in words else open_too), said.err
    assert said.out.strip() or words[0] == "edge-capture"
    for option in ("--csv", "--maps", "--out", "-o"):
        if option in words:
            assert (things / words[words.index(option) + 1]).exists(), f"{line} wrote nothing"


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("edge-") and line not in RUN])
def test_documented_line_parses(line: str) -> None:
    """As typer would take it, types, choices and required options included; nothing is run."""
    typed, rest = _typed(_words(line))
    LEAVES[typed].make_context(typed, rest)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("make ")])
def test_documented_make_target_exists(line: str, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "CMakeLists.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    command = ["make", "-n", *_words(line)[1:]]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("typed", LEAVES)
def test_help_shows_an_example(typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _exit_code([*typed.split(), "--help"], monkeypatch) == 0
    said = capsys.readouterr().out
    assert "Example" in said
    assert f"{typed} " in said[said.index("Example") :].split("Options:")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_page_names_every_option_and_no_other(name: str) -> None:
    page = TEXTS[f"docs/{name}.md"]
    options = {option for leaf in _leaves(name).values() for option in _options(leaf)}
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `-")]
    named = set(re.findall(r"`(-[-\w]+)", " ".join(rows)))
    assert named == options
    for typed in _leaves(name):
        assert typed.split()[-1] in page


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str) -> None:
    text = re.sub(r"^```.*?^```", "", TEXTS[name], flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), f"{name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in TEXTS:
            continue
        reached.add(name)
        targets = [target.split("#")[0] for target in re.findall(r"\]\(([^):\s]+)\)", TEXTS[name])]
        waiting += [((ROOT / name).parent / t).resolve().relative_to(ROOT).as_posix() for t in targets if t]
    assert reached == set(TEXTS)


def test_named_extras_exist() -> None:
    named = [extra for text in TEXTS.values() for extra in re.findall(r'pip install "[\w.-]*\[([\w,-]+)\]"', text)]
    assert named
    assert {each for extra in named for each in extra.split(",")} <= set(PROJECT["optional-dependencies"])


def test_python_of_the_readme_runs(
    things: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXTS["README.md"], re.M | re.S)
    monkeypatch.chdir(things)
    exec(compile(code, "README.md", "exec"), {})
    verdict, score = capsys.readouterr().out.splitlines()[0].split()
    assert verdict in ("good", "usable", "reject", "no_fundus")
    assert 0 <= float(score) <= 1


def test_python_of_the_criteria_runs_and_their_page_names_every_requirement(
    things: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXTS["docs/criteria.md"], re.M | re.S)
    monkeypatch.chdir(things)
    exec(compile(code, "criteria.md", "exec"), {})
    assert re.fullmatch(r"(True \[\]|False \['.+'\])\n", capsys.readouterr().out)
    codes = ("retina", "field", *(each.name for each in dataclasses.fields(Requirements)))
    wanted = [(code, Failure(code, None, None if code in codes[:2] else 0.5).name) for code in codes]
    assert re.findall(r"^\| `(\w+)` \| ([\w ,]+) \|$", TEXTS["docs/criteria.md"], re.M) == wanted


def test_python_of_edge_grade_gives_a_bundle_its_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXTS["docs/edge-grade.md"], re.M | re.S)
    monkeypatch.chdir(tmp_path)
    shutil.copy(default_model(), "model.efiqa")
    exec(compile(code, "edge-grade.md", "exec"), {})
    before, after = read_bundle(Path("model.efiqa")), read_bundle(Path("mine.efiqa"))
    assert after.manifest.field == "circle:960,540,520"
    assert (after.onnx, after.golden) == (before.onnx, before.golden)


def test_the_page_of_edge_grade_names_every_column_and_every_field() -> None:
    page = TEXTS["docs/edge-grade.md"]
    columns = page[page.index("## The columns of the CSV") : page.index("## The fields of the details")]
    more = ("criterion", "adequate", "requirement", "pictures", "model")
    assert re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", columns, re.M))) == [*COLUMNS, *more]
    fields = page[page.index("## The fields of the details") : page.index("## Causes")]
    named = {name for cell in re.findall(r"^\| (`.*?) \|", fields, re.M) for name in re.findall(r"\w+", cell)}
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]
    assert named == {name for part in parts for name in part["properties"]} | {"criterion", "model"}
    causes = page[page.index("## Causes") : page.index("## The field of view")]
    assert tuple(re.findall(r"^\| `(\w+)`", causes, re.M)) == CAUSES


def test_the_page_of_edge_curate_names_every_column() -> None:
    page = TEXTS["docs/edge-curate.md"]
    columns = page[page.index("## The columns of a table") : page.index("## Errors")]
    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", columns, re.M)))
    assert named == list(TABLE_COLUMNS)


def test_pictures_are_small_and_show_something() -> None:
    pictures = ROOT / "docs" / "pictures"
    with Image.open(pictures / "point.webp") as point:
        assert (pictures / "point.webp").stat().st_size < 300 << 10
        for half in np.split(np.asarray(point.convert("RGB")), 2, axis=1):  # a frame each
            assert half.std() > 20
    with Image.open(pictures / "film.webp") as film:
        assert (pictures / "film.webp").stat().st_size < 2 << 20
        seconds = 0.0
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            seconds += film.info["duration"] / 1000
    assert seconds == pytest.approx(15, abs=0.5)


def test_no_table_waits_for_its_figures() -> None:
    for page in (ROOT / "MODEL_CARD.md", ROOT / "docs" / "benchmarks.md"):
        assert not re.search(r"FILL|<!-- METRICS", page.read_text(encoding="utf-8")), page


def test_figures_of_the_shipped_model_are_those_in_its_bundle() -> None:
    manifest = read_bundle(default_model()).manifest
    usable, good = (f"{value:.3f}" for value in (manifest.thresholds.usable, manifest.thresholds.good))
    for page in ("README.md", "docs/edge-grade.md"):
        assert re.search(rf"usable from {usable}, good\s+from\s+{good}", TEXTS[page]), page
    card = TEXTS["MODEL_CARD.md"]
    aurocs = {name: value for name, value in manifest.metrics.items() if name.startswith("AUROC")}
    assert len(aurocs) == 3
    for name, value in aurocs.items():
        assert f"{value:.4f} |" in card, name
    apart = manifest.metrics["int8 map mean abs difference"], manifest.metrics["int8 score rank correlation"]
    assert "| {:.4f} | {:.4f} |".format(*apart) in TEXTS["docs/benchmarks.md"]
