"""Builds the page that runs the model in a browser: python docs/try/build.py FOLDER [MODEL].

FOLDER gets the page for any static server, and ``efiqa-try.html``, the same page as one file that opens from a disk.
onnxruntime-web comes from the npm registry, at the versions and hashes of ``package-lock.json``.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.bundle.bundle import Bundle, read_bundle
from edge.bundle.named import named_bundle
from edge.engines.checks import UnavailableError
from edge.errors import EdgeError
from edge.export.frame_graph import VERDICTS, frame_graph
from edge.findings.cause import CAUSES
from edge.guidance.hint import Hint
from edge.phantom.degradation import Kind, degrade
from edge.phantom.retina import phantom_frame

HERE = Path(__file__).parent
PAGE = HERE / "page"
CACHE = HERE.parents[1] / "build" / "npm"
RUNTIME = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
ALONE = "efiqa-try.html"
_EYE = 3
_EXAMPLES: tuple[tuple[str, Kind | None], ...] = (("Clear", None), ("Blurred", "blur"), ("Shadow", "shadow"))
_SECONDS = 600  # for the registry


def main() -> None:
    """Build, and say what was written; an error is one sentence."""
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: python docs/try/build.py FOLDER [MODEL]")
    try:
        build(read_bundle(named_bundle(sys.argv[2] if len(sys.argv) > 2 else None)), Path(sys.argv[1]))
    except EdgeError as error:
        sys.exit(f"error: {error}")


def build(bundle: Bundle, folder: Path) -> None:
    """Write the page of a model into a folder.

    Raises:
        EdgeError: npm or onnxruntime is missing, or the registry could not be reached.
    """
    packages = fetch_packages()
    model, runtime = lightened(frame_graph(bundle)), (packages / RUNTIME).read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        told = Path(made, "told.json")
        told.write_text(json.dumps(what_is_told(bundle, model, runtime, packages)), encoding="utf-8")
        classic = ["--format=iife", "--define:import.meta.url=self.location.href"]  # a module may not start from a disk
        worker = bundled(packages, PAGE / "worker.js", Path(made, "worker.txt"), classic)
        names = [f"--alias:built:worker={worker}", f"--alias:built:told.json={told}", "--format=iife"]
        script = bundled(packages, PAGE / "try.js", folder / "try.js", names)
    for name in ("index.html", "try.css"):
        shutil.copyfile(PAGE / name, folder / name)
    (folder / "model.onnx").write_bytes(model)
    (folder / "ort.wasm").write_bytes(runtime)
    (folder / "LICENSES.txt").write_text(licences(packages), encoding="utf-8")
    alone = in_one_file(script.read_text(encoding="utf-8"), {"model.onnx": model, "ort.wasm": runtime})
    (folder / ALONE).write_text(alone, encoding="utf-8")
    for each in sorted(folder.iterdir()):
        print(f"{each}  {each.stat().st_size / 2**20:.1f} MiB")


def fetch_packages() -> Path:
    """The folder with ``node_modules``, fetched anew only where the lock file changed."""
    lock = (HERE / "package-lock.json").read_bytes()
    target = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    if (target / RUNTIME).exists():
        return target
    npm = shutil.which("npm")
    if npm is None:
        raise EdgeError("npm is not installed, and the page needs onnxruntime-web: install it (Debian: nodejs and npm)")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as made:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, Path(made, name))
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        run = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=_SECONDS)
        if run.returncode:
            last = (run.stderr.strip().splitlines() or ["npm ci failed"])[0]
            raise EdgeError(f"the packages of docs/try/package-lock.json could not be fetched ({last}): try again")
        if not target.exists():
            Path(made).rename(target)
            Path(made).mkdir()  # for the context manager to remove
    return target


def lightened(onnx: bytes) -> bytes:
    """The same graph with what does not depend on the frame computed once: half the time to load, and quicker.

    Quantisation stays as written: fused, it would round in another way than the program does.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UnavailableError("onnxruntime is not installed: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as made:
        options.optimized_model_filepath = str(Path(made, "model.onnx"))
        onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        return Path(made, "model.onnx").read_bytes()


def what_is_told(bundle: Bundle, model: bytes, runtime: bytes, packages: Path) -> dict[str, Any]:
    """What the page knows besides the graph: the meaning of its numbers, words, and examples."""
    thresholds = bundle.manifest.thresholds
    version = json.loads((packages / "node_modules/onnxruntime-web/package.json").read_text(encoding="utf-8"))[
        "version"
    ]
    return {
        "model": bundle.manifest.name,
        "bundle": bundle.sha256[:12],
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "bytes": len(model) + len(runtime),
        "onnxruntime_web": version,
        "verdicts": VERDICTS,
        "causes": CAUSES,
        "thresholds": {"usable": thresholds.usable, "good": thresholds.good},
        "hints": {code: Hint(code).text for code in (*CAUSES, "no_fundus")},
        "examples": [example(*each) for each in _EXAMPLES],
    }


def example(name: str, kind: Kind | None) -> dict[str, str]:
    """One synthetic eye as JPEG, clear or spoiled."""
    frame = phantom_frame(_EYE)
    if kind is not None:
        frame = degrade(frame, kind, 0.7, rng=np.random.default_rng(_EYE))[0]
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return {"name": name, "data": base64.b64encode(data.tobytes()).decode()}


def bundled(packages: Path, entry: Path, target: Path, options: list[str]) -> Path:
    """Modules as one script."""
    command = [
        str(packages / "node_modules/.bin/esbuild"), str(entry), "--bundle", f"--outfile={target}", "--target=es2022",
        "--loader:.txt=text", "--log-level=error", "--legal-comments=eof", *options,
    ]  # fmt: skip
    env = os.environ | {"NODE_PATH": str(packages / "node_modules")}
    run = subprocess.run(command, capture_output=True, text=True, env=env)
    if run.returncode:
        raise EdgeError(f"{entry.name} could not be bundled: {run.stderr.strip()}")
    return target


def in_one_file(script: str, files: dict[str, bytes]) -> str:
    """The page with its script, style and files inside, for a disk: there a page may fetch nothing."""
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    style = (PAGE / "try.css").read_text(encoding="utf-8")
    script = script.replace("</script", "<\\/script")
    allowed = {name: _hash(text) for name, text in (("script", script), ("style", style))}
    policy = f"script-src {allowed['script']} 'wasm-unsafe-eval'"
    page = page.replace("script-src 'self' 'wasm-unsafe-eval'", policy)
    page = page.replace("style-src 'self'", f"style-src {allowed['style']}").replace("connect-src 'self'; ", "")
    page = page.replace("img-src 'self' ", "img-src ")
    page = page.replace('<link rel="stylesheet" href="try.css">', f"<style>{style}</style>")
    page = re.sub(r'<script src="try.js" defer></script>\n', "", page)
    folded = {name: base64.b64encode(gzip.compress(data, mtime=0)).decode() for name, data in files.items()}
    held = "".join(f'<script type="text/plain" id="file:{name}">{data}</script>\n' for name, data in folded.items())
    return page.replace("</body>", f"{held}<script>{script}</script>\n</body>")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def licences(packages: Path) -> str:
    """Of what is in the page and not ours."""
    own = (HERE.parents[1] / "LICENSE").read_text(encoding="utf-8")
    theirs = packages / "node_modules" / "onnxruntime-web"
    version = json.loads((theirs / "package.json").read_text(encoding="utf-8"))
    held = "The model was trained on public sets with terms of their own: see MODEL_CARD.md of efiqa-edge.\n"
    other = f"onnxruntime-web {version['version']}: MIT licence, Copyright (c) Microsoft Corporation.\n"
    return f"efiqa-edge\n\n{own}\n{held}\n{other}"


if __name__ == "__main__":
    main()
