"""A real session on frames of the demo, with its preview on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Camera, Frame
from edge.capture.archive.study import begin_study
from edge.capture.archive.target import Target
from edge.capture.archive.worklist import Worklist
from edge.capture.graded import Graded
from edge.capture.guided import GuidedSession
from edge.capture.loop import Counts, grade_stream
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.retention.policy import Policy
from edge.capture.session.judge import Judge
from edge.capture.trigger import Strictness
from edge.commands.console.reporter import Reporter
from edge.commands.visiting import Keeping, open_visits, save
from edge.model import QualityModel
from edge.phantom.sequence import Sequence
from edge.preview.context import Controls
from edge.preview.server import Listen, Preview


class Cycle:
    """A live camera that shows a few clear frames of the demo again and again."""

    fps, live = 30.0, True
    dark = False

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self._pictures, self._next, self._began = pictures, 0, time.monotonic()

    def read(self) -> Frame | None:
        due = self._began + self._next / self.fps
        time.sleep(max(0.0, due - time.monotonic()))
        self._next += 1
        picture = self._pictures[self._next % len(self._pictures)]
        return Frame(picture // 10 if self.dark else picture, self._next - 1, due)

    def skip(self) -> bool:
        return self.read() is not None

    def close(self) -> None:
        pass


class Calm(Cycle):
    """One that shows less often: what moves costs more than what most tests of a page look at."""

    fps = 5.0


class Switched(Cycle):
    """A live camera that shows frames, or nothing new."""

    nothing = False

    def read(self) -> Any:
        wait_for(lambda: not self.nothing)
        return super().read()


@dataclass
class Demo:
    """A session that goes on until it is stopped."""

    listen: Listen
    camera: Camera
    strictness: str | None = "normal"
    controls: Controls | None = None
    judge: Judge | None = None
    counts: Counts = field(default_factory=Counts)
    triggered: threading.Event = field(default_factory=threading.Event)
    levels: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    def start(self, model: QualityModel) -> None:
        controls = self.controls or Controls(self.triggered.set, self.strictness, self.levels.append)
        self.preview = Preview(self.listen, self.counts, controls, self.reports.append, self.judge)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(model,), daemon=True)
        self._thread.start()

    def _run(self, model: QualityModel) -> None:
        session = GuidedSession(model, None)
        stream = grade_stream(self.camera, session, self.counts, stop=self._stop, report=self.reports.append)
        for step in stream:
            graded = step.graded
            self.newest: Graded = graded
            self.preview.publish(graded)
            if self.triggered.is_set():
                self.triggered.clear()
                self.preview.captured(graded)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)
        self.preview.close()
        assert not self._thread.is_alive()

    def clients(self) -> int:
        """How many connections the server counts, less the one that asks.

        -1 where that one was ended too, as a test that ends slow clients may do where the machine halts.
        """
        bearer = {} if self.listen.token is None else {"Authorization": f"Bearer {self.listen.token}"}
        try:
            text = self.ask("GET", "/metrics", headers=bearer)[2].decode()
        except (OSError, http.client.HTTPException):
            return -1
        return int(text.split("\nefiqa_preview_clients ")[1].split()[0]) - 1

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.preview.port, timeout=300)
        try:
            sent = {"Content-Type": "application/json"} if method == "POST" else {}
            data = body if isinstance(body, str | bytes) or body is None else json.dumps(body)
            connection.request(method, path, data, {**sent, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@dataclass
class Clinic(Demo):
    """The same with a folder of visits behind it, as edge-capture has: next patient, end, discard, correct the eye."""

    out: Path = Path()
    dicom: bool = True
    target: Target | None = None
    worklist: Worklist | None = None

    def start(self, model: QualityModel) -> None:
        self._stop, self._closing = threading.Event(), contextlib.ExitStack()
        criterion = None if self.judge is None else self.judge.criterion
        level = None if self.strictness is None else cast(Strictness, self.strictness)
        self.session = GuidedSession(model, level, criterion=criterion)
        self.reporter = Reporter(json_lines=False)
        saving = contextlib.ExitStack()
        study = begin_study() if self.dicom else None
        keeping = Keeping(self.out, "demo", 30.0, False, False, study, self.target, 1, None, criterion)
        self.housekeeper = saving.enter_context(
            Housekeeper(self.out, Policy(), self.reporter.note, self.reporter.report)
        )
        opened = open_visits(keeping, self.session, model, self.reporter, saving, self.housekeeper)
        self.visits = opened.visits
        self.controls = Controls(
            self.session.capture_now, level, self.session.set_strictness, self.visits, self.housekeeper, self.worklist,
            opened.hand_over,
        )  # fmt: skip
        self.preview = Preview(self.listen, self.counts, self.controls, self.reports.append, self.judge)
        self.reporter.preview = self.preview
        self._closing.callback(self.preview.close)
        self._closing.push(saving)
        self.reporter.visit(self.visits)
        self._thread = threading.Thread(target=self._run, args=(model,), daemon=True)
        self._thread.start()

    def _run(self, model: QualityModel) -> None:
        stream = grade_stream(
            self.camera, self.session, self.counts, stop=self._stop, report=self.reports.append, beat=self.visits.settle
        )
        for step in stream:
            self.newest = step.graded
            save(step, self.visits, self.reporter)
            self.preview.publish(step.graded)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)
        self._closing.close()

    def post(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and answer of one press of a button."""
        status, _, answer = self.ask("POST", path, body)
        return status, json.loads(answer)

    @property
    def state(self) -> dict[str, Any]:
        """The visit as clients see it."""
        return self.preview.hub.visit or {}


def wait_for(happened: Callable[[], Any], seconds: float = 240.0) -> Any:
    """The first true thing that a function gives; the time is a guard, for several tests at once on few cores."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if thing := happened():
            return thing
        time.sleep(0.02)
    raise AssertionError(f"it did not happen within {seconds} s")


@pytest.fixture(scope="session")
def quality() -> Iterator[QualityModel]:
    with QualityModel.load() as model:
        yield model


@pytest.fixture(scope="session")
def clear() -> list[np.ndarray]:
    """Clear frames of the demo, small."""
    sequence = Sequence(seed=0, width=480, height=360)
    return [sequence.render(index).image for index in range(66, 90, 3)]


@pytest.fixture(scope="session")
def still(clear: list[np.ndarray]) -> list[np.ndarray]:
    """One of them again and again, as a still hand shows it: only the noise of the sensor changes."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(-2, 3, clear[0].shape) for _ in range(4)]
    return [(clear[0] + each).clip(0, 255).astype(np.uint8) for each in noise]


@pytest.fixture(scope="module")
def browser(open_chromium: Callable[..., Any]) -> Any:
    """As wide and high as a phone."""
    return open_chromium(412, 915)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A ``Page`` that knows nothing of the test before, and leaves nothing to the next one."""
    from .driving import Page  # selenium may be missing

    browser.get_log("browser")
    yield Page(browser)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    if not browser.current_url.startswith("about:"):
        browser.execute_script("localStorage.clear()")
    browser.get("about:blank")
    browser.delete_all_cookies()


@pytest.fixture
def demo(quality: QualityModel, clear: list[np.ndarray]) -> Iterator[Callable[..., Demo]]:
    """Starts sessions; all of them have ended when the test ends."""
    with _starter(Demo, quality, clear) as start:
        yield start


@pytest.fixture
def clinic(quality: QualityModel, still: list[np.ndarray], tmp_path: Path) -> Iterator[Callable[..., Clinic]]:
    """Starts sessions with visits; all of them have ended when the test ends."""
    pytest.importorskip("pydicom")
    with _starter(Clinic, quality, still, out=tmp_path / "out") as start:
        yield start


@contextlib.contextmanager
def _starter(kind: Callable[..., Any], quality: QualityModel, clear: list[np.ndarray], **usual: Any) -> Iterator[Any]:
    started: list[Any] = []

    def start(listen: Listen | None = None, **settings: Any) -> Any:
        settings = {**usual, **settings}
        made = kind(listen or Listen(port=0), settings.pop("camera", None) or Cycle(clear), **settings)
        made.start(quality)
        started.append(made)
        wait_for(lambda: made.preview.published)
        return made

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def graded_grey() -> Callable[..., Graded]:
    """Makes a frame of one grey without a field, taken so many seconds ago."""

    def make(grey: int, age_s: float) -> Graded:
        image = np.full((60, 80, 3), grey, np.uint8)
        nothing = np.zeros((4, 4), bool)
        assessment = Assessment(0.0, "no_fundus", nothing.astype(np.float32), nothing, None, Timings(1, 1, 1))
        return Graded(Frame(image, 0, time.monotonic() - age_s), assessment, 0.0, 1.0)

    return make
