"""Handing DICOM files over to a folder or a STOW-RS server, on a thread that stalls nobody.

What cannot be handed over yet stays in the session's folder and is tried again.
"""

from __future__ import annotations

import os
import secrets
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from pathlib import Path

from edge.atomic import write_atomically
from edge.camera.address import without_secrets
from edge.errors import EdgeError

TOKEN = "EFIQA_STOW_TOKEN"  # of the environment: a bearer token, which an argument would show to everybody
_TIMEOUT_S = 20.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_LAST_TRY_S = 30.0  # at the end of a session


class HandOver:
    """Takes finished files in the order in which they come; one that is refused goes behind the others.

    Attributes:
        delivered: how many arrived.
    """

    def __init__(self, target: str, report: Callable[[str], None]) -> None:
        """Start.

        Args:
            target: a folder, or the address of a DICOMweb server: ``https://pacs/dicom-web``.
            report: told one sentence when a file cannot be handed over, and again only after one could.

        Raises:
            EdgeError: the folder cannot be made, or the address is not one of HTTP.
        """
        self._send = _sender(target)
        self._shown = without_secrets(target)
        self._report = report
        self.delivered = 0
        self._files: deque[Path] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._told = False
        self._thread = threading.Thread(target=self._work, name="hand-over", daemon=True)
        self._thread.start()

    def take(self, file: Path) -> None:
        """Hand a file over as soon as may be; returns at once."""
        with self._changed:
            self._files.append(file)
            self._changed.notify_all()

    def close(self) -> None:
        """Try once more what is left, and say how many files were not taken."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(_LAST_TRY_S)
        if self._files:
            self._report(
                f"{len(self._files)} DICOM files could not be handed over to {self._shown}; they lie beside their "
                "pictures: hand them over by hand."
            )

    def _work(self) -> None:
        pause = _FIRST_PAUSE_S
        untried: int | None = None  # files that have not had their last chance yet
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._files or self._closing)
                if self._closing and untried is None:
                    untried = len(self._files)
                if not self._files or untried == 0:
                    return
                file = self._files[0]
            done = self._delivered(file)
            untried = None if untried is None else untried - 1
            with self._changed:
                if done:
                    self._files.popleft()
                    pause = _FIRST_PAUSE_S
                    continue
                # One file that a server will not have must not keep the others from it.
                self._files.rotate(-1)
                if untried is None:
                    self._changed.wait_for(lambda: self._closing, timeout=pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _delivered(self, file: Path) -> bool:
        try:
            self._send(file)
        except (OSError, ValueError) as error:
            if not self._told:
                self._told = True
                self._report(f"{self._shown} does not take DICOM files ({_why(error)}): trying again until it does.")
            return False
        self.delivered += 1
        self._told = False
        return True


def _sender(target: str) -> Callable[[Path], None]:
    scheme, found, _ = target.partition("://")
    if found and scheme not in ("http", "https"):
        raise EdgeError(
            f"{without_secrets(target)} is neither a folder nor an address that begins with http:// or https://."
        )
    if found:
        return lambda file: _stow(target, file)
    folder = Path(target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeError(f"{folder} cannot take DICOM files ({error.strerror}); give another folder.") from error
    # The name says nothing, and differs between sessions.
    return lambda file: write_atomically(folder / f"{secrets.token_hex(12)}.dcm", file.read_bytes())


def _stow(address: str, file: Path) -> None:
    """One file by STOW-RS.

    Raises:
        OSError: the server cannot be reached, or refuses it.
    """
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = head + file.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(f"{address.rstrip('/')}/studies", body, method="POST")
    request.add_header("Content-Type", f'multipart/related; type="application/dicom"; boundary={boundary}')
    request.add_header("Accept", "application/dicom+json")
    if token := os.environ.get(TOKEN):
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S):
        pass  # any answer of success: 200; 202 is stored with warnings


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, or carry the token elsewhere."""

    def redirect_request(self, *args: object) -> None:
        return None


def _why(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answers {error.code}"
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return without_secrets(str(reason).strip().splitlines()[0] if str(reason).strip() else type(error).__name__)
