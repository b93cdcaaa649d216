"""edge-bench capture: figures that are right on plays whose outcome is known, and sentences for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.capture.judge import (
    JudgedSequence,
    Moment,
    better_share,
    first_gradable,
    judge,
    most_changes,
    right_hints,
)
from benchmarks.capture.result import figures_of, reached
from benchmarks.capture.sequences import Play, phantom_plays, play, read_truth, recorded_plays
from benchmarks.commands import group as commands
from benchmarks.commands.capture import parse_seeds
from edge.bundle.bundle import default_model
from edge.errors import EdgeError
from edge.model import QualityModel
from edge.phantom import GRADABLE, phantom_frame


def judged(
    causes: str, hints: str, truths: list[float], kept: int | None = 0, fired: tuple[int, ...] = ()
) -> JudgedSequence:
    """Ten frames a second; c clear, b blur, d too_dark."""
    names = {"c": "clear", "b": "blur", "d": "too_dark", "h": "hold", "-": None}
    moments = tuple(
        Moment(n / 10, truth, names[cause], 0.9, names[hint] or "", None)
        for n, (cause, hint, truth) in enumerate(zip(causes, hints, truths, strict=True))
    )
    return JudgedSequence("one", moments, fired, tuple(moments[i].t + 0.4 for i in fired), kept)


def test_hints_count_from_half_a_second_after_the_cause_set_in() -> None:
    one = judged("cccccccc" + "bbbbbbbb", "hhhhhhhh" + "hhhhhhbb", [1.0] * 8 + [0.2] * 8)
    assert right_hints(one) == {"clear": (3, 3), "blur": (2, 3)}
    # A cause that does not last is not counted.
    assert right_hints(judged("ccbbccbb", "dddddddd", [0.5] * 8)) == {}
    assert right_hints(judged("--------", "dddddddd", [0.5] * 8)) == {}


def test_changes_are_those_of_the_worst_second() -> None:
    assert most_changes(judged("c" * 30, "h" * 30, [1.0] * 30)) == 0
    assert most_changes(judged("c" * 30, "h" * 10 + "bdh" + "h" * 17, [1.0] * 30)) == 3
    assert most_changes(judged("c" * 30, "h" * 10 + "b" * 10 + "h" * 10, [1.0] * 30)) == 1


def test_the_kept_frame_is_ranked_by_truth() -> None:
    truths = [0.1 * n for n in range(10)]
    assert better_share(judged("c" * 10, "h" * 10, truths, kept=9)) == 0
    assert better_share(judged("c" * 10, "h" * 10, truths, kept=7)) == pytest.approx(0.2)
    assert better_share(judged("c" * 10, "h" * 10, truths, kept=None)) is None
    assert first_gradable(judged("c" * 10, "h" * 10, truths)) == pytest.approx(0.8)


def test_figures_add_up_and_targets_are_judged() -> None:
    good = judged("c" * 20, "h" * 20, [1.0] * 20, kept=3, fired=(3,))
    poor = judged("b" * 20, "h" * 20, [0.1] * 19 + [0.9], kept=2, fired=(2,))
    none = judged("c" * 20, "h" * 20, [0.9] * 20, kept=None)
    figures = figures_of([good, poor, none], ["x.mp4 is no video."])
    assert (figures.plays, figures.frames) == (3, 60)
    assert (figures.hints["clear"].part, figures.hints["clear"].of) == (30, 30)
    assert figures.hints["blur"].value == 0
    # Of twenty frames one is better than the kept one of the second: exactly the twentieth part.
    assert (figures.kept_in_best.part, figures.kept_in_best.of) == (2, 2)
    assert (figures.captures.part, figures.captures.of) == (1, 2)
    assert (figures.fired.part, figures.fired.of) == (2, 3)
    assert figures.waits == (pytest.approx(0.7), 0.0)
    met = reached(figures)
    assert met["hint_right"] is False
    assert met["changes_per_second"] is True
    assert met["fired_gradable"] is False
    assert set(reached(figures_of([])).values()) == {None}


def test_the_grader_and_the_play_agree_on_a_real_sequence() -> None:
    """A short slow sequence through the shipped model: it fires, on a gradable frame, with the right hints."""
    (wanted,) = phantom_plays(range(20060, 20061), True, 15.0, 75)
    with QualityModel.load(threads=1) as model:
        one = judge(wanted.name, play(wanted), model, "normal")
    assert len(one.moments) == 75
    assert one.fired
    assert all((one.moments[i].truth or 0) >= GRADABLE for i in one.fired)
    assert one.kept in one.fired
    right = right_hints(one)
    assert right["clear"][0] >= 0.9 * right["clear"][1] > 0


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder of frames with its truth, and a video without."""
    eye = cv2.resize(phantom_frame(2), (320, 240))
    frames = tmp_path / "recordings" / "left"
    frames.mkdir(parents=True)
    for n in range(12):
        cv2.imwrite(str(frames / f"{n}.png"), eye)
    rows = "".join(f"{n},1.0,clear\n" for n in range(12))
    (tmp_path / "recordings" / "left.csv").write_text("frame,truth,cause\n" + rows, encoding="utf-8")
    film = cv2.VideoWriter(str(tmp_path / "recordings" / "right.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (320, 240))
    for _ in range(8):
        film.write(eye)
    film.release()
    return tmp_path / "recordings"


def bench(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr("sys.argv", ["edge-bench", *map(str, words)])
    try:
        commands.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_recordings_with_and_without_truth(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "result.json"
    model = tmp_path / "mine.efiqa"
    model.write_bytes(default_model().read_bytes())
    options = ("--model", model, "--engine", "openvino")
    assert bench(monkeypatch, "capture", recordings, "--fps", "10", "--jobs", "1", "--out", out, *options) == 0
    data = json.loads(out.read_text(encoding="utf-8"))
    assert [each["name"] for each in data["each"]] == ["left", "right.mp4"]
    assert [each["frames"] for each in data["each"]] == [12, 8]
    assert data["hints"] == {"clear": {"part": 7, "of": 7}}
    assert data["each"][1]["kept_truth"] is None
    assert data["command"] == (
        "edge-bench capture recordings --fps 10 --model mine.efiqa --engine openvino --strictness normal"
    )
    assert "hint right: clear" in capsys.readouterr().out


def test_a_recording_that_cannot_be_read_costs_no_other(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (recordings / "broken.mp4").write_bytes(b"no video" * 100)
    assert bench(monkeypatch, "capture", recordings, "--jobs", "1", "--json") == 1
    data = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in data["each"]] == ["left", "right.mp4"]
    assert "broken.mp4" in data["left_out"][0]


def test_several_processes_give_what_one_gives(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    each = []
    for jobs in ("1", "2"):
        assert bench(monkeypatch, "capture", recordings, "--jobs", jobs, "--json") == 0
        each.append(json.loads(capsys.readouterr().out)["each"])
    assert each[0] == each[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("frame,score\n0,1\n", "lacks a column"),
        ("frame,truth,cause\nx,1,blur\n", "whole numbers"),
        ("frame,truth,cause\n0,2,blur\n", "from 0 to 1"),
        ("frame,truth,cause\n0,nan,blur\n", "from 0 to 1"),
        ("frame,truth,cause\n0,1,fog\n", "one of clear"),
        ("", "lacks a column"),
    ],
)
def test_an_invalid_truth_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(EdgeError, match=words):
        read_truth(tmp_path / "a.csv")


def test_a_truth_may_have_gaps(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("frame,truth,cause\n3,,blur\n5,0.5,\n7,0.25\n", encoding="utf-8")
    assert read_truth(tmp_path / "a.csv") == {3: (None, "blur"), 5: (0.5, None), 7: (0.25, None)}
    assert read_truth(tmp_path / "none.csv") == {}
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00frame")
    with pytest.raises(EdgeError, match="CSV"):
        read_truth(tmp_path / "a.csv")


def test_folders_without_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="no recording"):
        recorded_plays(tmp_path, 30.0)
    with pytest.raises(EdgeError, match="not a folder"):
        recorded_plays(tmp_path / "none", 30.0)
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((64, 64, 3), np.uint8))
    assert [p.path for p in recorded_plays(tmp_path, 30.0)] == [tmp_path]


def test_a_photograph_is_shown_in_a_shaky_hand(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "eye.png"), phantom_frame(3))
    wanted = Play("photograph", "eye.png", 20061, tmp_path / "eye.png", True, 15.0, 75)
    frames = list(play(wanted))
    truths = [frame.truth or 0.0 for frame in frames]
    assert truths[0] == 0
    assert max(truths) == 1
    assert frames[0].cause == "no_fundus"
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(EdgeError, match="no retina"):
        next(play(Play("photograph", "black.png", 0, tmp_path / "black.png")))


def test_photographs_that_are_not_good_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "good.png"), phantom_frame(2))
    cv2.imwrite(str(tmp_path / "poor.png"), cv2.GaussianBlur(phantom_frame(2), (0, 0), 12))
    assert bench(monkeypatch, "capture", "--replay", tmp_path, "--frames", "30", "--jobs", "1", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in data["each"]] == ["good.png"]
    assert data["left_out"] == ["1 of 2 photographs, which are not graded good to begin with"]


@pytest.mark.parametrize("text", ["", "a", "5-3", "-1", "1-", "1-2-3"])
def test_seeds_that_are_none_are_refused(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(monkeypatch, "capture", f"--seeds={text}") == 2
    assert "seeds" in capsys.readouterr().err


def test_seeds_include_both_ends() -> None:
    assert list(parse_seeds("3-5")) == [3, 4, 5]
    assert list(parse_seeds("7")) == [7]


def test_two_sources_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(monkeypatch, "capture", tmp_path, "--replay", tmp_path) == 2
    assert "choose one" in capsys.readouterr().err
