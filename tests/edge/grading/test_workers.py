from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import psutil
import pytest

from edge.errors import EdgeError, EngineError
from edge.grading import workers as workers_module
from edge.grading.batch import grade_inputs
from edge.grading.grader import Graded, Grader, Told
from edge.grading.inputs import Input, Passed, find_inputs, stream_inputs
from edge.grading.table.made import Asked
from edge.grading.table.run import Grading
from edge.grading.table.table import Table
from edge.grading.worker import Sent, graded_files
from edge.grading.workers import Setup, Workers
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame
from edge.sources.zips import ZipMember

pytest.importorskip("pyarrow")
pytest.importorskip("imagehash")


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as model:
        yield model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photographs that all differ, one that is none, and three in an archive."""
    folder = tmp_path_factory.mktemp("eyes")
    for number in range(24):
        eye = cv2.resize(phantom_frame(number % 4), (240, 180))
        eye[0, 0] = number
        cv2.imwrite(str(folder / f"{number:02}.png"), eye)
    (folder / "bad.png").write_bytes(b"nothing")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for number in range(3):
            archive.write(folder / f"{number:02}.png", f"site/{number}.png")
    return folder


def grading() -> Iterator[psutil.Process]:
    """The processes of ``Workers``, and the one that starts them; others come and go, of earlier tests too."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "forkserver" in " ".join(child.cmdline()):
                yield child


def rows_in(table: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]


def test_a_table_by_processes_is_that_of_one(folder: Path, model: QualityModel, tmp_path: Path) -> None:
    paths: list[Path | str] = [folder, str(folder / "more.zip")]
    with Table(tmp_path / "one.jsonl") as table:
        list(Grading(model, table).rows(stream_inputs(paths, Passed())))
    with Workers(Setup(None, asked=Asked()), 2) as workers, Table(tmp_path / "two.jsonl") as table:
        found = list(Grading(workers, table).rows(stream_inputs(paths, Passed())))
    assert rows_in(tmp_path / "two.jsonl") == rows_in(tmp_path / "one.jsonl")
    assert len(found) == 28
    assert all(graded.assessment is None and graded.frame is None for graded, _ in found)


def test_ctrl_c_is_heeded_by_this_process_alone() -> None:
    with Workers(Setup(None), 1):
        blocked = [Path(f"/proc/{each.pid}/status").read_text().split("SigBlk:\t")[1][:16] for each in grading()]
    assert len(blocked) > 1
    assert all(int(mask, 16) >> (signal.SIGINT - 1) & 1 for mask in blocked)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_process_that_ends_costs_no_photograph(folder: Path, model: QualityModel) -> None:
    inputs = find_inputs([folder])
    wanted = [each.file.cells() for each in grade_inputs(Grader(model), inputs)]
    with Workers(Setup(None), 2) as workers:
        found: list[tuple[str, ...]] = []
        for each in workers.files(inputs):
            if not found:
                for child in grading():
                    if child.parent() != psutil.Process():
                        child.kill()
            found.append(each.file.cells())
    assert found == wanted


def test_large_photographs_in_archives_are_handed_over_one_by_one() -> None:
    def lengths(size: int | None) -> list[int]:
        source = None if size is None else ZipMember("a.zip", "a.png", size, 0, 0, size, 0)
        return [len(part) for part in workers_module._parts(Input(Path("a.png"), source=source) for _ in range(10))]

    assert lengths(None) == [8, 2]
    assert lengths(1 << 20) == [8, 2]
    assert lengths(20 << 20) == [2] * 5
    assert lengths(500 << 20) == [1] * 10


def _ended_by(sent: list[Sent]) -> list[Graded]:
    """In a process that grades: two of the photographs end it, again and again."""
    if any(item.path.stem in ("03", "17") and not item.error for item, _, _ in sent):
        os.kill(os.getpid(), signal.SIGKILL)
    return graded_files(sent)


def test_photographs_that_end_processes_cost_no_other_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "_TRIES", 2)
    inputs = find_inputs([folder])
    with Workers(Setup(None), 2) as workers:
        found = list(workers._each(_ended_by, lambda shared: iter(inputs)))
    assert [each.file.path for each in found] == [item.path for item in inputs]
    ended = [each.file.path.stem for each in found if "was ended" in each.file.error]
    assert ended == ["03", "17"]


def test_a_run_that_is_stopped_ends_at_once_and_leaves_no_process(folder: Path) -> None:
    with Workers(Setup(None), 2) as workers:
        graded = workers.files(find_inputs([folder]))
        next(graded)
        mine = [each for each in psutil.Process().children(recursive=True) if each.parent() != psutil.Process()]
        graded.close()
        with pytest.raises(EngineError, match="grading was stopped"):
            list(workers.files(find_inputs([folder])))
    gone, alive = psutil.wait_procs(mine, timeout=60)
    assert alive == []
    assert gone


def test_processes_end_with_the_one_that_is_killed(folder: Path) -> None:
    program = (
        "import sys; from edge.grading.workers import Setup, Workers; from edge.grading.inputs import find_inputs\n"
        "for each in Workers(Setup(None), 2).files(find_inputs([sys.argv[1]])):\n"
        "    print(each.file.shown, flush=True)\n"
        "    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline()
        started = psutil.Process(run.pid).children(recursive=True)
        run.kill()
    assert psutil.wait_procs(started, timeout=60)[1] == []


def test_a_model_that_cannot_be_used_is_told_of_at_once(tmp_path: Path) -> None:
    (tmp_path / "no.efiqa").write_bytes(b"nothing")
    with pytest.raises(EdgeError, match=r"no\.efiqa"):
        Workers(Setup(tmp_path / "no.efiqa"), 2)
    with pytest.raises(EdgeError, match="openvin"):
        Workers(Setup(None, engine="openvin"), 2)


def test_what_every_process_warns_of_is_told_once() -> None:
    told: list[str] = []
    tell = Told(told.append)
    for words in (
        "3 frames were refused (about circle:1,2,3).",
        "3 frames were refused (about circle:4,5,6).",
        "Other.",
    ):
        tell(words)
    assert told == ["3 frames were refused (about circle:1,2,3).", "Other."]
