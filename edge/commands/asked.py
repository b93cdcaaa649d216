"""The arguments of edge-capture: invalid ones are refused before anything is opened."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import typer

from edge.camera.local.device import RequestedMode, read_wish
from edge.camera.opening import OpeningStopped
from edge.capture.archive.dimse_address import read_address
from edge.capture.archive.study import Study
from edge.capture.archive.target import Target, read_target
from edge.capture.archive.waiting import left_over
from edge.capture.archive.worklist import Worklist
from edge.commands.console import cli
from edge.commands.console.endings import output_fails
from edge.errors import EdgeError, reason_of
from edge.findings.eye import Eye


class StrictnessName(str, Enum):
    """As in ``edge.capture.trigger``."""

    easy = "easy"
    normal = "normal"
    strict = "strict"


class Laterality(str, Enum):
    """As DICOM has it."""

    R = "R"
    L = "L"

    @property
    def eye(self) -> Eye:
        """As it is told of a frame."""
        return "right" if self is Laterality.R else "left"


def check_source(source: str | None) -> str:
    """The source, if one is given: an empty one comes from an unset variable of a script."""
    if not source:
        raise typer.BadParameter("give a SOURCE, or --list to see the cameras here.")
    return source


def check_out(out: Path) -> None:
    """Refuse what cannot be a folder.

    Raises:
        EdgeError: it is a file, a dangling link, or not a valid name.
    """
    try:
        if out.exists() and not out.is_dir():
            problem = "it is not a folder"
        elif out.is_symlink() and not out.exists():
            problem = f"it is a link to {out.readlink()}, which is not there"
        else:
            return
    except OSError as error:  # too long
        problem = reason_of(error)
    raise EdgeError(f"{out} cannot hold a session ({problem}); give another folder with --out.")


def check_dicom(dicom: bool, wants_dicom: bool, hand_over: str | None, ca: bool, insecure: bool, page: bool) -> None:
    """Refuse options that contradict each other.

    Args:
        dicom: whether DICOM files are made.
        wants_dicom: whether another option is given that needs ``dicom``.
        hand_over: where they are sent.
        ca, insecure: whether these options are given.
        page: whether there is a page or a worklist, which may carry identities.
    """
    if (wants_dicom or hand_over is not None) and not dicom:
        raise typer.BadParameter("--study, --keep-dicom and --hand-over belong to --dicom: give that too.")
    if hand_over is None and not page and (ca or insecure):
        raise typer.BadParameter("--ca and --insecure belong to --hand-over, --worklist or --web: give that too.")


def worklist_of(given: str | None, dicom: bool, aet: str, ca: Path | None, insecure: bool) -> Worklist | None:
    """Where patients who are expected are asked for."""
    if given is None:
        return None
    if not dicom:
        raise typer.BadParameter("--worklist tells whose the DICOM files are: give --dicom too.")
    try:
        address = read_address(given, calling=aet, ca=ca, insecure=insecure)
    except EdgeError as error:
        raise typer.BadParameter(str(error)) from error
    if not address.private:
        raise typer.BadParameter(
            f"{address.shown} is another machine, and would send identities unencrypted: give an address that begins "
            "with dicoms://, or --insecure if everybody on the way may read them."
        )
    return Worklist(address)


def target_of(
    given: str, ca: Path | None, insecure: bool, images: Study | None, out: Path, aet: str, listed: bool
) -> Target:
    """Where DICOM files are sent, with those of earlier sessions, which may hold identities too.

    Args:
        given, ca, insecure, aet: by the user.
        images: what those of this session have in common.
        out: the folder of all sessions.
        listed: whether there is a worklist, whose certificate ``ca`` may be meant for.
    """
    if listed and not given.lower().startswith(("https:", "dicoms:")):
        ca = None
    secret = (images is not None and images.names_somebody) or left_over(out, pending=True)
    try:
        return read_target(given, ca=ca, insecure=insecure, secret=secret, calling=aet)
    except EdgeError as error:
        raise typer.BadParameter(str(error)) from error


def wish_of(mode: str | None) -> RequestedMode | None:
    """The requested mode of a camera."""
    try:
        return None if mode is None else read_wish(mode)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@contextlib.contextmanager
def left_unless_open() -> Iterator[None]:
    """Exit at once where a session is interrupted before its source is open.

    The opening thread may be in a driver or a C++ library, where a normal exit of the interpreter would abort.
    """
    try:
        yield
    except OpeningStopped:
        cli.err.print("interrupted before the source was open")
        output_fails()
        os._exit(130)
