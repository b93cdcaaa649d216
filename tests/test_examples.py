"""The examples of docs/examples.md at work, each as a program of its own."""

from __future__ import annotations

import csv
import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.retina import make_retina, phantom_frame

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
SIZE = (480, 360)


def start(name: str, folder: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    own = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=own)


def output_of(name: str, folder: Path, *arguments: object) -> list[str]:
    program = start(name, folder, *arguments)
    out, err = program.communicate(timeout=600)
    assert program.returncode == 0, err
    return out.splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clear eyes and one that is too dark, and a file that is none."""
    where = tmp_path_factory.mktemp("examples")
    (where / "photos" / "dark").mkdir(parents=True)
    for seed in (1, 2):
        cv2.imwrite(str(where / "photos" / f"{seed}.png"), cv2.resize(phantom_frame(seed), (320, 240)))
    dark, _ = degrade(phantom_frame(12), "dark", 0.6)
    cv2.imwrite(str(where / "photos" / "dark" / "3.png"), dark)
    (where / "photos" / "cut.png").write_bytes((where / "photos" / "1.png").read_bytes()[:3000])
    return where


def test_the_page_names_every_example_and_each_is_short() -> None:
    found = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in EXAMPLES.glob("*.py")}
    assert max(found.values()) < 40
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(examples/(\w+\.py)\)", page)) == set(found)
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    tests += (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")  # a test too
    assert not [name for name in found if f'"{name}"' not in tests and f"examples/{name}" not in tests]


def test_a_folder_is_graded_and_plotted(folder: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: NO SCORES WERE PLOTTED")
    assert output_of("grade_and_plot.py", folder, "photos", "scores.png") == ["1 too_dark"]
    plot = cv2.imread(str(folder / "scores.png"))
    assert plot is not None
    assert plot.std() > 10


def test_a_data_set_is_filtered(folder: Path) -> None:
    assert output_of("filter_dataset.py", folder, "photos", "kept", 0.9) == ["2 photographs are in kept"]
    with (folder / "kept" / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == ["1.png", "2.png"]
    assert all(
        (folder / "kept" / row["path"]).read_bytes() == (folder / "photos" / row["path"]).read_bytes() for row in rows
    )


def test_one_s_own_trigger_captures_a_clear_eye(tmp_path: Path) -> None:
    eye = cv2.resize(phantom_frame(5), SIZE, interpolation=cv2.INTER_AREA)
    film = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 15, SIZE)
    for _ in range(30):
        film.write(eye)
    film.release()
    first, *_ = output_of("own_trigger.py", tmp_path, "clip.mp4")
    side = make_retina(5, 64).laterality
    assert re.fullmatch(rf"{side}-1\.png 0\.9\d+", first)
    assert cv2.imread(str(tmp_path / f"{side}-1.png")) is not None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_web_service_grades_what_it_is_sent(folder: Path) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: NO WEB SERVICE WAS ASKED")
    port = free_port()
    program = start("web_service.py", folder, port)
    try:
        assert program.stdout is not None
        while "Running on" not in program.stdout.readline():
            assert program.poll() is None
        body = (folder / "photos" / "1.png").read_bytes()
        said = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/grade", body, timeout=120))
        assert said["verdict"] == "good"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/grade", body[:3000], timeout=120)
        assert refused.value.code == 422
        assert json.load(refused.value)["error"].endswith(".")
    finally:
        program.kill()
        program.communicate()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What ``--for triton`` writes, served by onnxruntime over Triton's protocol (KServe v2): NOT A TRITON SERVER."""
    pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed: NO CLIENT OF TRITON WAS RUN")
    runtime = pytest.importorskip("onnxruntime")
    from edge.bundle.bundle import default_model, read_bundle
    from edge.export.pipelines import export

    repository = tmp_path_factory.mktemp("served")
    export(read_bundle(default_model()), repository, "triton")
    graph = runtime.InferenceSession(repository / "efiqa" / "1" / "model.onnx")
    kinds = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}

    class Server(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(200 if self.path == "/v2/models/efiqa/ready" else 404, b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = int(self.headers["Inference-Header-Content-Length"])
            asked: dict[str, Any] = json.loads(body[:head])
            (taken,) = asked["inputs"]
            assert (taken["name"], taken["datatype"]) == ("frame", "UINT8")
            frame = np.frombuffer(body[head:], np.uint8).reshape(taken["shape"])
            names = [each["name"] for each in asked["outputs"]]
            types = {each.name: kinds[each.type] for each in graph.get_outputs() if each.name in names}
            found = zip(names, graph.run(names, {"frame": frame}), strict=True)
            outputs = [
                {"name": name, "shape": list(each.shape), "datatype": types[name], "data": each.ravel().tolist()}
                for name, each in found
            ]
            self.reply(200, json.dumps({"model_name": "efiqa", "model_version": "1", "outputs": outputs}).encode())

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_client_of_triton_gets_what_the_program_says(served: str, folder: Path) -> None:
    photos = [folder / "photos" / "1.png", folder / "photos" / "dark" / "3.png"]
    lines = output_of("triton_client.py", folder, served, *photos)
    with QualityModel.load(threads=1) as model:
        for line, photo in zip(lines, photos, strict=True):
            picture = cv2.imread(str(photo))
            assert picture is not None
            wanted, (score, verdict, *_) = model.assess(np.asarray(picture, np.uint8)), line.split()
            assert verdict == wanted.verdict
            assert abs(float(score) - wanted.score) < 0.01
    assert "too_dark" in lines[1]


def test_the_pictures_of_how_it_works_are_what_the_code_draws(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "docs" / "pictures" / "how.py"), str(tmp_path)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=600)
    kept = sorted((ROOT / "docs" / "pictures" / "how").glob("*.webp"))
    assert [each.name for each in kept] == sorted(each.name for each in tmp_path.glob("*.webp"))
    for each in kept:
        ours, drawn = cv2.imread(str(each)), cv2.imread(str(tmp_path / each.name))
        assert ours is not None
        assert drawn is not None
        assert ours.shape == drawn.shape, each.name
        assert np.abs(ours.astype(int) - drawn).mean() < 4, f"{each.name} is old: python docs/pictures/how.py"
        assert each.stat().st_size < 150 << 10
