"""Built engines, kept between runs: one file per engine, and a JSON sidecar that describes what it was built from.

An engine is used again only where everything that affected it is the same and its bytes are unchanged.
Runtimes themselves do not notice a flipped byte in an engine (OpenVINO loads it and computes nonsense).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edge.bundle.bundle import ONNX, Bundle
from edge.engines.keep import alone, make_own_folder, read_own, write_own
from edge.errors import EdgeError

Key = dict[str, str]
CURRENT = "current"  # the target of an engine that is for the machine it is built on
Loaded = TypeVar("Loaded")
_NOTE = ".verified.json"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """A serialised engine.

    Attributes:
        data: what the runtime loads.
        path: the file in the cache; None where it could not be stored.
        cached: True where it was in the cache.
        seconds: spent on building; 0.0 where it was in the cache.
        key: what it was built from and for.
    """

    data: bytes
    path: Path | None
    cached: bool
    seconds: float
    key: Key


def cache_folder() -> Path:
    """``EFIQA_CACHE``, or ``efiqa-edge`` in ``XDG_CACHE_HOME``, or ``~/.cache/efiqa-edge``; it need not exist yet.

    Raises:
        EdgeError: there is no home folder and neither variable is set.
    """
    try:
        if own := os.environ.get("EFIQA_CACHE"):
            return Path(own).expanduser().absolute()
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not base.is_absolute():  # the XDG specification tells programs to ignore such a path
            base = Path.home() / ".cache"
    except RuntimeError as error:
        raise EdgeError("there is no home folder for the engine cache: set EFIQA_CACHE to a folder") from error
    return base / "efiqa-edge"


def engine_key(
    bundle: Bundle,
    runtime: str,
    version: str,
    options: str,
    target: str,
    device: str = "",
    capability: str = "",
    driver: str = "",
) -> Key:
    """Everything that affects an engine; a difference in any of it means another engine.

    Args:
        bundle: gives the hash of the network.
        runtime: that builds and loads it.
        version: of the runtime.
        options: how it was built.
        target: ``CURRENT``, or the GPU family it was built ahead of time for.
        device: of this machine, where the engine is bound to it; the same holds for the next two.
        capability: compute capability of the GPU.
        driver: version of the GPU's driver.
    """
    return {
        "onnx": bundle.manifest.members[ONNX],
        "precision": bundle.manifest.precision,
        "runtime": runtime,
        "version": version,
        "options": options,
        "target": target,
        "device": device,
        "compute_capability": capability,
        "driver": driver,
    }


def fetch(key: Key, build: Callable[[], bytes], fresh: bool = False) -> Built:
    """The engine of ``key``: from the cache, or built and put there.

    Where the cache cannot store the engine, a warning is logged and the engine is used all the same. Where several
    processes need the same engine, one builds it and the others wait for it.

    Args:
        key: see ``engine_key``.
        build: makes the engine.
        fresh: build even where the cache has one.

    Raises:
        EdgeError: building failed.
    """
    if not fresh and (found := find(key)) is not None:
        return found
    with alone(lambda: _paths(key)[0].with_suffix(".lock")):
        if not fresh and (found := find(key)) is not None:
            return found
        start = time.perf_counter()
        data = build()
        seconds = time.perf_counter() - start
        return Built(data, _keep(key, data), False, seconds, key)


def _keep(key: Key, data: bytes) -> Path | None:
    """Write an engine into the cache; None where the cache cannot take it.

    The engine first: without a matching sidecar, nobody loads it.
    """
    try:
        engine, beside = _paths(key)
        make_own_folder(engine.parent)
        write_own(engine, data)
        write_own(beside, sidecar(key, data))
        return engine
    except OSError as error:
        log.warning("the engine cannot be kept in %s (%s)", error.filename or "the cache", error.strerror)
    except EdgeError as error:
        log.warning("the engine cannot be kept: %s", error)
    return None


def open_cached(
    key: Key, build: Callable[[], bytes], load: Callable[[bytes], Loaded], verify: Callable[[Loaded, Built], None]
) -> tuple[Loaded, Built]:
    """Load the engine of ``key``; one from the cache that the runtime refuses, or that is wrong, is built again.

    Args:
        key: as for ``fetch``.
        build: as for ``fetch``.
        load: raises EdgeError where the runtime refuses the engine.
        verify: raises EdgeError where the engine does not compute its network; see ``edge.engines.verify``.

    Returns:
        What ``load`` gave, and the engine it was given.
    """
    fresh = False
    while True:
        built = fetch(key, build, fresh)
        try:
            return _opened(built, load, verify), built
        except EdgeError as error:
            if not built.cached:
                raise
            log.warning("the cached engine %s is built again: %s", built.path, error)
            fresh = True


def _opened(built: Built, load: Callable[[bytes], Loaded], verify: Callable[[Loaded, Built], None]) -> Loaded:
    """Load and verify, in a frame of its own: an engine that fails is freed before the next one is built."""
    loaded = load(built.data)
    verify(loaded, built)
    return loaded


def _paths(key: Key) -> tuple[Path, Path]:
    """Engine and sidecar."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    folder = cache_folder()
    return folder / f"{digest}.engine", folder / f"{digest}.json"


def sidecar(key: Key, data: bytes) -> bytes:
    """JSON that describes an engine: its key and its SHA-256."""
    return json.dumps({"key": key, "sha256": hashlib.sha256(data).hexdigest()}, indent=1, sort_keys=True).encode()


def find(key: Key) -> Built | None:
    """The cached engine, or None where there is none or it is not what its sidecar says."""
    try:
        engine, beside = _paths(key)
        description, data = read_own(beside), read_own(engine)
    except (FileNotFoundError, NotADirectoryError, EdgeError):  # the last is reported when the engine is to be kept
        return None
    except OSError as error:
        log.warning("the engine cache cannot be read (%s)", error)
        return None
    if not data or description != sidecar(key, data):
        log.warning("the cached engine %s is damaged; it is built again", engine)
        return None
    return Built(data, engine, True, 0.0, key)


def read_note(built: Built, device: Mapping[str, str]) -> dict[str, Any] | None:
    """What ``write_note`` stored about this engine on this device; None where there is nothing, or it is damaged."""
    if built.path is None:
        return None
    try:
        note = json.loads(read_own(built.path.with_suffix(_NOTE)))
        if note["engine"] == hashlib.sha256(built.data).hexdigest() and note["device"] == dict(device):
            return dict(note["facts"])
    except (OSError, EdgeError, ValueError, LookupError, TypeError, RecursionError):
        pass
    return None


def write_note(built: Built, device: Mapping[str, str], facts: Mapping[str, Any]) -> None:
    """Record that an engine was verified, and on which device: an engine of a family may be copied to another one."""
    if built.path is None:
        return
    note = {"engine": hashlib.sha256(built.data).hexdigest(), "device": dict(device), "facts": dict(facts)}
    try:
        write_own(built.path.with_suffix(_NOTE), json.dumps(note, indent=1, sort_keys=True).encode())
    except OSError as error:
        log.warning("%s cannot be written (%s), so the engine is verified again", built.path, error.strerror)
