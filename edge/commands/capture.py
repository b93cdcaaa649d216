"""edge-capture: grade the frames of a camera while they come."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated

import cv2
import typer

from edge.bundle.named import named_bundle
from edge.camera.address import without_secrets
from edge.camera.open import open_camera
from edge.camera.reconnecting import ReconnectingCamera
from edge.capture.archive.dimse_address import OWN_TITLE
from edge.capture.archive.study import begin_study
from edge.capture.archive.study_file import read_study
from edge.capture.eye_watch import EyeWatch
from edge.capture.failover import FailoverModel
from edge.capture.graded import Graded
from edge.capture.guided import GuidedSession
from edge.capture.loop import Counts, grade_stream
from edge.capture.reading import Limits
from edge.capture.service.signals import captures_on_signal, remember_shutter, stop_on_signals
from edge.capture.service.watchdog import Watchdog
from edge.capture.session.judge import Judge
from edge.capture.session.record import better
from edge.capture.session.visits import Visits
from edge.capture.trigger import Strictness
from edge.capture.visit import EYES
from edge.commands import asked, retention
from edge.commands import preview as page
from edge.commands.cameras import show_cameras
from edge.commands.console import cli
from edge.commands.console.criterion import CriterionSetting
from edge.commands.console.display import LiveLine, closing_words, kept_words
from edge.commands.console.field import FieldSetting
from edge.commands.console.reporter import Reporter
from edge.commands.console.title import hide_secrets
from edge.commands.visiting import Keeping, open_visits, save
from edge.errors import EdgeError
from edge.files.core_dump import write_no_core_dumps
from edge.preview.context import Controls

app = cli.new_app("Grade the frames of a camera while they come.")
main = cli.main_of(app)

_HELP = """Grade the frames of a camera while they come: map, score and verdict of the newest frame.

A recording is played at its own pace, and a late frame is dropped for the newest one. A camera that is unplugged or
stalls is opened again as soon as it is back. Ctrl-C ends a session with everything kept. --json prints one JSON object
per frame on stdout.

\b
Examples:
  edge-capture demo --out demo
  edge-capture clip.mp4 --out captures --seconds 20
  edge-capture 0 --strictness normal --out captures
  edge-capture 0 --web --out captures
  edge-capture --list
  edge-capture 0 --json --mode 1920x1080@30
"""


@app.command(help=_HELP)
def capture(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A camera (0, /dev/video0, csi), an address (rtsp://...), gst: and a GStreamer pipeline, a video "
            "file, a folder of frames, or demo."
        ),
    ] = None,
    out: retention.Out = None,
    keep_days: retention.KeepDays = None,
    max_size: retention.MaxSize = None,
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=cli.MODEL)] = None,
    trust: cli.Trust = None,
    engine: cli.Runtime = cli.EngineName.auto,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads for inference.")] = 1,
    frames: Annotated[int | None, typer.Option(min=1, help="End after this many frames.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.001, help="End after this long on the source's clock.")] = None,
    strictness: Annotated[
        asked.StrictnessName | None,
        typer.Option(help="Capture automatically: when the picture is good and the hand still, by this measure."),
    ] = None,
    keep: Annotated[int, typer.Option(min=1, max=9, help="Frames of one capture, runners-up included.")] = 3,
    dicom: Annotated[bool, typer.Option("--dicom", help="DICOM of captured frames too.")] = False,
    laterality: Annotated[
        asked.Laterality | None,
        typer.Option(help="The only eye of this session, R or L; checked on frames. Without it the picture tells."),
    ] = None,
    study: Annotated[Path | None, typer.Option(help="A YAML file with patient, study and camera for DICOM.")] = None,
    keep_dicom: Annotated[
        int, typer.Option(min=1, max=9, help="DICOM files of one capture; the best frame's alone without it.")
    ] = 1,
    hand_over: Annotated[
        str | None,
        typer.Option(
            help="Give DICOM files to this folder, server (https://host/dicom-web) or node (dicoms://AET@host:port)."
        ),
    ] = None,
    worklist: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Ask this DICOM node (dicoms://AET@host:port) for today's patients."),
    ] = None,
    aet: Annotated[str, typer.Option(help="Our own application entity title, for DICOM nodes.")] = OWN_TITLE,
    ca: Annotated[
        Path | None, typer.Option(help="A PEM file with the certificates that sign that server's; else the system's.")
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Let identities and secrets travel unencrypted (server and page)."),
    ] = False,
    field: FieldSetting = None,
    criterion: CriterionSetting = None,
    fast: Annotated[bool, typer.Option("--fast", help="Grade every frame of a recording as fast as possible.")] = False,
    mode: Annotated[str | None, typer.Option(help="What to ask a camera for: 1920x1080, or 1920x1080@30/MJPG.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show the cameras here and their modes, and end.")] = False,
    no_video: Annotated[bool, typer.Option("--no-video", help="Make no overlay video.")] = False,
    web: page.Web = False,
    preview: page.Alias = False,
    host: page.Host = None,
    port: page.Port = None,
    token: page.Token = None,
    cert: page.Cert = None,
    key: page.Key = None,
    public_name: page.PublicName = None,
    proxy: page.Proxy = None,
    json_lines: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Grade frames until the source ends, and print what was written."""
    remember_shutter()
    if list_:
        show_cameras(json_lines)
        return
    if (strictness is not None or dicom) and out is None:
        raise typer.BadParameter("--strictness and --dicom keep frames: give --out a folder to keep them in.")
    retention.check_retention(out, keep_days, max_size)
    web = web or preview
    page_or_list = web or worklist is not None
    asked.check_dicom(dicom, keep_dicom > 1 or study is not None, hand_over, ca is not None, insecure, page_or_list)
    expected = asked.worklist_of(worklist, dicom, aet, ca, insecure)
    source = asked.check_source(source)
    if out is not None:
        asked.check_out(out)
    hide_secrets()
    if dicom:
        write_no_core_dumps()  # whose visit it is is in DICOM files alone
    listen = page.listen_of(web, host, port, token, cert, key, public_name, proxy, insecure)
    # One OpenCV thread: the reader, the grader and the writer already share the cores.
    cv2.setNumThreads(1)
    counts = Counts()
    dog = Watchdog()
    best: Graded | None = None
    visits: Visits | None = None
    kept: list[list[str]] = []
    eye = None if laterality is None else laterality.eye
    judge = None if criterion is None else Judge(criterion, eye)
    images = begin_study({} if study is None else read_study(study)) if dicom else None
    target, giving, listed = None, None, expected is not None
    if hand_over is not None and out is not None:
        target = asked.target_of(hand_over, ca, insecure, images, out, aet, listed)
    with asked.left_unless_open(), contextlib.ExitStack() as closing:
        stop = closing.enter_context(stop_on_signals())
        # Where nothing is kept and no page is shown, a session without a reader has no purpose.
        reporter = closing.enter_context(Reporter(json_lines, stop.set if out is None and not web else None, judge))
        camera = open_camera(source, asked.wish_of(mode), reporter.note, stop)
        unread = closing.enter_context(contextlib.ExitStack())
        unread.callback(camera.close)
        source = without_secrets(source)
        quality = closing.enter_context(FailoverModel.open(model, engine.value, threads, reporter.note, field))
        level: Strictness | None = None if strictness is None else strictness.value
        eyes = EYES if eye is None else (eye,)
        guided = GuidedSession(quality, level, keep=keep, warn=reporter.note, criterion=criterion, eyes=eyes, eye=eye)
        closing.callback(guided.close)
        closing.enter_context(captures_on_signal(guided.asked))
        keeper = retention.open_housekeeper(out, keep_days, max_size, hand_over is not None, reporter)
        closing.enter_context(keeper or contextlib.nullcontext())
        saving = closing.enter_context(contextlib.ExitStack())
        if out is not None:
            wait = fast and not camera.live
            keeping = Keeping(out, source, camera.fps, not no_video, wait, images, target, keep_dicom, eye, criterion)
            opened = open_visits(keeping, guided, quality, reporter, saving, keeper)
            visits, kept, giving = opened.visits, opened.words, opened.hand_over
        if listen is not None:
            trigger = None if out is None else guided.capture_now
            controls = Controls(trigger, level, guided.set_strictness, visits, keeper, expected, giving)
            reporter.preview = closing.enter_context(
                page.open_preview(listen, counts, controls, reporter.report, judge)
            )
            closing.push(saving.pop_all())  # closed before the page, which says what became of it
        if visits is not None:
            reporter.visit(visits)
        watch = closing.enter_context(contextlib.closing(EyeWatch(eye, reporter.note)))
        line = closing.enter_context(LiveLine(cli.err, reporter.words.post))

        def alive() -> None:
            counts.missed, counts.lost = camera.missed, camera.lost if isinstance(camera, ReconnectingCamera) else 0
            dog.beat(f"{counts.graded} frames graded")
            if visits is not None:
                visits.settle()

        limits = Limits(frames, seconds)
        stream = grade_stream(
            camera, guided, counts, limits=limits, fast=fast, stop=stop, report=reporter.report, beat=alive
        )
        closing.callback(dog.stopping)
        closing.callback(alive)
        unread.pop_all()  # the stream closes its camera itself
        for step in closing.enter_context(contextlib.closing(stream)):
            graded = step.graded
            is_best = better(graded, best) if visits is None else save(step, visits, reporter)
            best = graded if is_best else best
            reporter.graded(graded, best=is_best)
            watch.look(graded.assessment)
            line.show(graded, counts)
    if reporter.unread and out is None and not web:  # as any program in a pipe
        raise typer.Exit(1)
    if counts.graded == 0 and not stop.is_set():
        raise EdgeError(f"{source} gave no frame that could be graded.")
    words = [*closing_words(counts), *(chain(*kept) if kept else kept_words(None, best, judge))]
    _close(words, reporter, json_lines, stop.is_set() and not camera.live)


def _close(words: list[str], reporter: Reporter, json_lines: bool, interrupted: bool) -> None:
    """The closing words and the exit code."""
    code = 1 if reporter.troubles else 130 if interrupted else 0
    for each in words:
        if json_lines:
            reporter.words.post(partial(cli.err.print, cli.one_line(each), markup=False))
        else:
            cli.out.print(cli.one_line(each), markup=False)
    if not reporter.words.flush():
        os._exit(code)  # everything is saved, and the interpreter would wait for that terminal for ever
    raise typer.Exit(code)


if __name__ == "__main__":
    main()
