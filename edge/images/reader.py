"""Our side of the decoders: a few processes, started when first needed and then reused."""

from __future__ import annotations

import atexit
import errno
import os
import stat
import threading
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError, InputError, reason_of
from edge.images.decoder_process import CrashedError, DecoderProcess, GoneError, Picture, TooSlowError
from edge.images.limits import BITS, MOST_BYTES, SECONDS, RefusedError

_large = threading.Lock()  # held while a large picture is decoded, so that two never add up
_readers: weakref.WeakSet[ImageReader] = weakref.WeakSet()


def read_image(path: Path | str, bits: int | None = None) -> NDArray[np.uint8]:
    """Read a photograph as its upright 8-bit form.

    8-bit files come out as Pillow decodes them: turned by their EXIF orientation, alpha on black, CMYK converted, ICC
    profiles ignored, the first page of several. The full scale of 16-bit samples becomes 0 to 255. Of a DICOM file the
    first frame is read through its rescale and its window.

    Args:
        path: a JPEG, PNG, TIFF, BMP, WebP, PNM, JPEG 2000 or AVIF file, or HEIC or DICOM with their extras; its
            content decides, not its suffix.
        bits: how many of the 16 bits of a sample count: 10, 12, 14 or 16; without it what the file says, or 16.

    Returns:
        uint8 BGR, shape (H, W, 3), contiguous.

    Raises:
        EdgeError: the file is missing, unreadable, no image, cut off, damaged, too small, too large, or takes too long.
        InputError: ``bits`` is none of these.
    """
    return _shared.read(path, bits)


class ImageReader:
    """Reads files in processes of its own, from any number of threads; ``close`` ends whatever is being read."""

    def __init__(self) -> None:
        self._renew()
        _readers.add(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._busy: set[DecoderProcess] = set()
        self._places = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
        self._closed = False

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: Path | str, bits: int | None = None) -> NDArray[np.uint8]:
        """See ``read_image``."""
        return self.picture(path, bits).frame

    def picture(self, path: Path | str, bits: int | None = None, name: str = "", least: int | None = None) -> Picture:
        """The same, and what else is known of it.

        Args:
            path: see ``read_image``.
            bits: see there.
            name: what errors call it, if it is not called by its path.
            least: length of the shorter side that is enough: a JPEG of at least twice that is decoded to half, a
                quarter or an eighth of its sides, in less time; None for all pixels.
        """
        if bits is not None and bits not in BITS:
            raise InputError(f"bits is {bits}, not one of {BITS}: give one of them, or None.")
        path = Path(path)
        try:
            _check_file(path)
            with self._places:
                return self._decoded(path, bits, least)
        except RefusedError as error:
            why = str(error)
        except MemoryError:
            why = "does not fit in the free memory: close other programs or save it smaller"
        except TooSlowError:
            why = f"takes more than {SECONDS:g} seconds to decode: save it smaller or as PNG"
        except CrashedError:
            why = "cannot be decoded: the decoder crashed, so it is damaged; save it again as PNG"
        raise EdgeError(f"{name or path} {why}.")

    def _decoded(self, path: Path, bits: int | None, least: int | None) -> Picture:
        request = {"path": os.fsencode(path.absolute()).decode("latin-1"), "bits": bits, "least": least}
        for last in (False, True):
            decoder = self._take()
            try:
                picture = decoder.decode(request, _large)
            except RefusedError:
                self._give_back(decoder)
                raise
            except GoneError:  # it had ended between two files, as where memory is short
                self._drop(decoder)
                if self._closed:
                    raise RefusedError("was not read: reading has been stopped") from None
                if last:
                    raise RefusedError("cannot be decoded: no decoder starts here; install efiqa-edge again") from None
            except BaseException:
                self._drop(decoder)
                raise
            else:
                self._give_back(decoder)
                return picture
        raise AssertionError

    def start(self, processes: int) -> None:
        """Start decoders ahead of the first file, which is then read sooner."""
        for decoder in [self._take() for _ in range(processes)]:
            self._give_back(decoder)

    def close(self) -> None:
        """End all decoders; what is being read fails, and so does what is read afterwards."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for decoder in idle:
            decoder.close()
        for decoder in busy:  # the thread that reads from it closes it
            decoder.kill()

    def _take(self) -> DecoderProcess:
        with self._lock:
            if self._closed:
                raise RefusedError("was not read: reading has been stopped")
            try:
                decoder = self._idle.pop() if self._idle else DecoderProcess()
            except OSError as error:
                raise RefusedError(
                    f"cannot be decoded: no process can be started here ({error.strerror}); close other programs"
                ) from error
            self._busy.add(decoder)
            return decoder

    def _give_back(self, decoder: DecoderProcess) -> None:
        with self._lock:
            self._busy.discard(decoder)
            if not self._closed and decoder.usable:
                self._idle.append(decoder)
                return
        decoder.close()

    def _drop(self, decoder: DecoderProcess) -> None:
        decoder.close()
        with self._lock:
            self._busy.discard(decoder)

    def forget(self) -> None:
        """After a fork: the decoders are the other process's."""
        for decoder in [*self._idle, *self._busy]:
            decoder.forget()
        self._renew()


def _check_file(path: Path) -> None:
    """Refuse what is not a regular file of a readable size, before any of it is read."""
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise RefusedError("is a folder, not an image: give one of the files in it")
        if not stat.S_ISREG(about.st_mode):
            raise RefusedError("is a device or a pipe, not an image file: save the picture to a file first")
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except FileNotFoundError:
        raise RefusedError("does not exist: check the path") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise RefusedError(f"cannot be read ({reason_of(error)}): check its permissions and the disk") from None
    if about.st_size > MOST_BYTES:
        mib = about.st_size >> 20
        raise RefusedError(f"has {mib} MiB, more than the {MOST_BYTES >> 20} that are read: save it smaller")
    if not about.st_size:
        raise RefusedError("is empty (0 bytes): copy it again from its source")


def _after_fork() -> None:
    global _large
    _large = threading.Lock()
    for reader in list(_readers):
        reader.forget()


_shared = ImageReader()
atexit.register(_shared.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
