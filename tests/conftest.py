"""What all tests share: a cache of their own, one tiny run of the whole training on phantoms, and its evaluation."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import hypothesis
import numpy as np
import pytest
import yaml
from filelock import FileLock

if "PYTEST_XDIST_WORKER" in os.environ:  # several at once: more threads than cores spin, and wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from edge.phantom import retina
from edge.phantom.degradation import degrade
from edge.phantom.retina import make_retina

# Drawing a synthetic eye takes longer than grading it ten times, and one test after the other draws the same.
_drawn = functools.lru_cache(32)(retina.phantom_frame)
_copied = functools.wraps(retina.phantom_frame)(lambda seed: _drawn(seed).copy())
pytest.MonkeyPatch().setattr(retina, "phantom_frame", _copied)

TINY: dict[str, Any] = {
    "seed": 3,
    "exclude": ["graded"],
    "only": [],
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "side": 160,
    "vessels": {
        "steps": 4, "batch": 2, "field": 208, "crop": 128, "rate": 0.00001, "empty_share": 0.2, "holdout_every": 4,
    },
    "prior": {
        "steps": 10, "batch": 2, "size": 128, "base": 8, "unshuffle": 2, "rate": 0.003, "whole_share": 0.5,
        "phantoms": 2,
    },
    "frames": {
        "number": 20, "whole_share": 0.5, "phantoms": 2, "any_share": 0.4, "lesion_share": 0.35, "empty_share": 0.1,
    },
    "adapter": {
        "backbone": "efficientnet-lite0", "size": 128, "kinds": ["linear", "cnn", "pu", "paired"], "teacher": "paired",
        "steps": 4, "rate": 0.001, "anomaly": 0.02, "patch_share": 0.9, "positives": 0.05,
    },
    "distill": {"steps": 4, "batch": 4, "size": 128, "stride": 8, "width": 0.5, "rate": 0.002, "real_share": 0.3},
}  # fmt: skip


HERE = Path(__file__).parent
# About the longest first. A worker of `make test` takes whole files in this order, and would else begin a long one when
# the others have nothing left to do. Of the first four only one needs the tiny run, for which the others would wait.
LONGEST = (
    "test_docs.py", "edge/commands/test_capture.py", "calibration/test_bundle.py", "edge/commands/test_grade.py",
    "trainer/evaluation/test_evaluate.py", "trainer/test_distributed.py", "services/test_orthanc.py",
    "real/test_wrong_good.py", "real/test_shipped_model.py", "calibration/parity/test_forms.py",
    "trainer/steps/test_adapt.py", "calibration/site/test_fit.py", "calibration/int8/test_search.py",
    "edge/abi/test_build.py", "test_tutorial.py", "test_examples.py", "try_page/test_same.py",
)  # fmt: skip


# Tests that drive a program beside ours: an archive, systemd, a compiler that builds the library anew, an emulator, the
# kernel's view of a process without a network. So does every test that opens a browser.
SERVICES = ("services/", "try_page/", "edge/abi/test_build.py", "edge/abi/test_fuzz.py", "test_quiet.py")
# A whole chain: from photographs to a bundle, as every test of the tiny run, a page of the docs from its first line to
# its last, a study, days of visits with power cuts.
CHAIN = (
    "real/", "benchmarks/acceptance/", "benchmarks/studies/", "calibration/parity/test_forms.py",
    "calibration/site/test_cameras.py", "calibration/site/test_fit.py", "calibration/site/test_programme.py",
    "calibration/teacher/", "calibration/test_engines_ahead.py", "edge/capture/test_kill.py",
    "edge/commands/test_retention.py", "edge/commands/test_visits.py", "trainer/loop/test_runs.py", "trainer/steps/",
    "trainer/test_distributed.py", "trainer/test_memory.py", "test_examples.py", "test_tutorial.py",
)  # fmt: skip


def _is_of(item: pytest.Item, places: tuple[str, ...], fixture: str) -> bool:
    where = str(item.path)[len(str(HERE)) + 1 :]  # of thousands of tests, so no path is made of it
    return where.startswith(places) or fixture in getattr(item, "fixturenames", ())


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _is_of(item, SERVICES, "open_chromium"):
            item.add_marker(pytest.mark.services)
        elif _is_of(item, CHAIN, "tiny_run"):
            item.add_marker(pytest.mark.chain)
    if lost := [name for name in (*LONGEST, *SERVICES, *CHAIN) if not (HERE / name).exists()]:
        raise pytest.UsageError(f"tests/conftest.py names what is not there: {', '.join(lost)}")
    place = {HERE / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


hypothesis.settings.register_profile("any machine", deadline=None)  # no test asserts a time
hypothesis.settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or fills the engine cache of this machine's user."""
    folder = tmp_path_factory.mktemp("engine-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFIQA_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def open_chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Opens headless Chromium with a window of width and height; downloads go to a folder, if one is given.

    More switches of Chromium may follow, without their dashes.
    """
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no chromium with chromedriver here (Debian: chromium, chromium-driver): NO PAGE WAS DRIVEN")
    pytest.importorskip("selenium", reason="selenium is not installed: NO PAGE WAS DRIVEN")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    opened = []

    def open_one(width: int, height: int, downloads: Path | None = None, switches: tuple[str, ...] = ()) -> Any:
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        for each in ("headless=new", f"window-size={width},{height}", "lang=en", "disable-dev-shm-usage", *switches):
            options.add_argument(f"--{each}")
        options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        if downloads is not None:
            options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "SEVERE"})
        opened.append(webdriver.Chrome(options=options, service=Service(driver)))
        opened[-1].set_page_load_timeout(60)
        return opened[-1]

    yield open_one
    for browser in opened:
        browser.quit()


@dataclass(frozen=True)
class TinyRun:
    """A finished run, what it was trained on, and by which recipe."""

    run: Path
    data: Path
    recipe: Path


@dataclass(frozen=True)
class Maker:
    """Who makes bundles: a pair of keys, as ``edge-calibrate keygen`` writes them, and the hand that signs."""

    private: Path
    public: Path
    key: str

    def sign(self, target: Path, model: Path | None = None, **days: Any) -> Path:
        """Sign a bundle, the one that ships where none is named; ``today`` and ``until`` as of ``sign_bundle``."""
        from calibration.signing.keys import read_private_key
        from calibration.signing.sign import sign_bundle
        from edge.bundle.bundle import default_model

        key = read_private_key(self.private, lambda: None)
        return sign_bundle(model or default_model(), target, key, "the maker", **days).path


def a_maker(folder: Path, name: str) -> Maker:
    pytest.importorskip("cryptography", reason="cryptography is not installed: NO SIGNATURE WAS CHECKED")
    from calibration.signing.keys import make_key

    made = make_key(folder / name, None)
    return Maker(made.private, made.public, made.key)


@pytest.fixture(scope="session")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Who is trusted."""
    return a_maker(tmp_path_factory.mktemp("maker"), "maker")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Who is not."""
    return a_maker(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="session")
def signed_model(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model that ships, signed by the maker; not to be changed."""
    return maker.sign(tmp_path_factory.mktemp("signed") / "signed.efiqa")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as a stranger would lay it out, of phantoms: an annotated set, a loose folder, labelled ones."""
    return made_once(tmp_path_factory, "data", lay_out_photographs)


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first process of the tests makes, and the others find."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            make(root / name)
            if root / name != folder:
                (root / name).rename(folder)  # whole or not at all: another process would find what a failure left
    return folder


def lay_out_photographs(data: Path) -> None:
    for folder in ("set/images", "set/vessels", "loose", "graded/good", "graded/bad"):
        (data / folder).mkdir(parents=True)
    for seed in range(8):
        retina = make_retina(seed, 200)
        eye = f"{seed // 2:02d}{'LR'[seed % 2]}"
        cv2.imwrite(str(data / f"set/images/{eye}.png"), retina.image)
        cv2.imwrite(str(data / f"set/vessels/{eye}.png"), np.rint(retina.vessels * 255).astype(np.uint8))
        spoiled, _ = degrade(retina.image, "blur", 0.9)
        cv2.imwrite(str(data / f"loose/{seed}.png"), spoiled if seed % 2 else make_retina(seed + 20, 200).image)
        cv2.imwrite(str(data / f"graded/good/{seed}.png"), make_retina(seed + 40, 200).image)
        worse, _ = degrade(retina.image, "blur", 0.95)  # no copy of one that teaches
        cv2.imwrite(str(data / f"graded/bad/{seed}.png"), worse)


@pytest.fixture(scope="session")
def tiny_run(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """All four steps, a few optimiser steps each: every part is real, only the result is worthless."""
    pytest.importorskip("torch")
    made = made_once(tmp_path_factory, "trained", functools.partial(train_a_little, photographs))
    own = tmp_path_factory.mktemp("run")  # tests add to it
    shutil.copytree(made, own, dirs_exist_ok=True)
    return TinyRun(own / "run", photographs, own / "tiny.yaml")


def train_a_little(photographs: Path, folder: Path) -> None:
    from trainer.recipe import load_recipe
    from trainer.steps import adapter, distill, prior, vessels
    from trainer.steps.pseudo_labels import prior_maps
    from trainer.steps.vessel_maps import segmented

    folder.mkdir()
    path, run = folder / "tiny.yaml", folder / "run"
    path.write_text(yaml.safe_dump(TINY))
    recipe = load_recipe(str(path))
    vessels.run(recipe, photographs, run)
    prior.run(recipe, photographs, run)
    # A prior of ten steps wants to add about the same everywhere: only a threshold within its noise parts patches.
    missed = [strength[counted] for strength, counted in prior_maps(recipe, run, segmented(recipe, photographs, run))]
    said = {**TINY, "adapter": {**TINY["adapter"], "anomaly": float(np.quantile(np.concatenate(missed), 0.15))}}
    path.write_text(yaml.safe_dump(said))
    recipe = load_recipe(str(path))
    adapter.run(recipe, photographs, run)
    distill.run(recipe, photographs, run)


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def in_one_sentence(self) -> str:
        """The error; whatever else was said names a file that was left out."""
        (error,) = [line for line in self.err.splitlines() if not line.startswith("left out: ")]
        assert self.code == 1
        assert error.startswith("error: ")
        assert error.endswith(".")
        return error


EdgeTrain = Callable[..., Said]
EdgeCalibrate = Callable[..., Said]


@pytest.fixture
def edge_train(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> EdgeTrain:
    """``edge-train`` as a user types it, without another process."""
    pytest.importorskip("torch")
    from trainer.commands import main

    return _typed("edge-train", main, monkeypatch, capsys)


@pytest.fixture
def edge_calibrate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> EdgeCalibrate:
    """``edge-calibrate`` in the same way."""
    from calibration.commands import main

    return _typed("edge-calibrate", main, monkeypatch, capsys)


def _typed(
    command: str, main: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    def call(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", [command, *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code: Any = 0
        except SystemExit as left:
            code = left.code or 0
        said = capsys.readouterr()
        return Said(int(code), said.out, said.err)

    return call


@pytest.fixture(scope="session")
def evaluated(tiny_run: Any) -> dict[str, Any]:
    """The whole evaluation of the tiny run beside the bundle that ships, on few eyes, so that it takes seconds."""
    from edge.bundle.bundle import default_model
    from trainer.evaluation import evaluate
    from trainer.evaluation.truth import eyes as map_eyes
    from trainer.recipe import load_recipe

    good = evaluate.good_photographs
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "phantom_eyes", functools.partial(map_eyes.phantom_eyes, 2))
        patch.setattr(evaluate, "sequence_eyes", functools.partial(map_eyes.sequence_eyes, 1, every=60))
        patch.setattr(evaluate, "good_photographs", lambda sets, data: good(sets, data)[:2])
        recipe = load_recipe(str(tiny_run.recipe))
        return evaluate.evaluate(recipe, tiny_run.data, tiny_run.run, default_model())


# Commands that a test sends signals to must not inherit that they are ignored, as behind nohup or in the background.
for _number, _way in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(_number, _way)
