"""A photograph that is no file of its own: what it is called, how large it is, and how to come by its bytes."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from edge.errors import EdgeError, brief
from edge.images.limits import CUT_OFF, MOST_BYTES, RefusedError
from edge.sources.shared import Shared

_PIECE = 1 << 20


class Source(Protocol):
    """One photograph. Each kind is a frozen dataclass of texts and numbers, so that another process can open it."""

    @property
    def name(self) -> str:
        """What rows call it, the same in every run; it holds no secret."""

    @property
    def root(self) -> str:
        """How names of what was given begin; the folders between there and the photograph tell sites apart."""

    @property
    def size(self) -> int | None:
        """Bytes as declared; None where nothing says, or nobody has asked."""

    @property
    def change(self) -> int | None:
        """A number from 0 to 2**63 - 1, another one after a change; None where nothing says, or nobody has asked."""

    def look(self, shared: Shared) -> tuple[int | None, int | None]:
        """Size and change as they are now, for which a server may have to be asked.

        Raises:
            RefusedError: it cannot be found.
        """

    def open(self, shared: Shared) -> BinaryIO:
        """Its bytes.

        Raises:
            RefusedError: it cannot be read, and why.
            Exception: as its library raises it.
        """


@dataclass(frozen=True)
class Trouble:
    """What could not be listed; the listing goes on, or ends.

    Attributes:
        name: of the archive, list or address.
        words: one sentence.
    """

    name: str
    words: str


Found = Source | Trouble
Tell = Callable[[str, Callable[[], bytes]], None]  # receives the name and the first bytes of what is passed over


@dataclass
class Refused:
    """Members that are left out, told of at the end in one sentence.

    Attributes:
        why: what is wrong with them and what to do, behind ``such as NAME``.
    """

    why: str
    count: int = 0
    first: str = field(default="")

    def add(self, name: str) -> None:
        """Count one."""
        self.first, self.count = self.first or name, self.count + 1

    def trouble(self, archive: str) -> Iterator[Trouble]:
        """The sentence, if there are any."""
        if self.count:
            who = "1 member is" if self.count == 1 else f"{self.count} members are"
            yield Trouble(archive, f"{archive}: {who} left out, such as {self.first}: {self.why}")


@dataclass(frozen=True)
class Held:
    """The bytes of a photograph in memory.

    Attributes:
        path: by which any process of this user can open them while they are held.
        size: bytes.
        sha256: of them, hexadecimal.
    """

    path: Path
    size: int
    sha256: str


@contextlib.contextmanager
def held(source: Source, shared: Shared) -> Iterator[Held]:
    """Read a photograph into memory, where decoders find it as a file; nothing touches a disk.

    Args:
        source: the photograph.
        shared: of the run.

    Raises:
        EdgeError: it cannot be read, is empty, or has more bytes than are read, by what is declared or by what comes.
    """
    memory = os.memfd_create("photograph", os.MFD_CLOEXEC)
    try:
        try:
            size, digest = _fill(memory, source, shared)
        except RefusedError as error:
            raise EdgeError(f"{source.name} {error}.") from None
        except MemoryError:
            raise EdgeError(f"{source.name} does not fit in the free memory: close other programs.") from None
        except Exception as error:  # whatever a library makes of damaged bytes
            raise EdgeError(f"{source.name} cannot be read ({brief(error)}): copy it again from its source.") from None
        yield Held(Path(f"/proc/{os.getpid()}/fd/{memory}"), size, digest)
    finally:
        os.close(memory)


def _fill(memory: int, source: Source, shared: Shared) -> tuple[int, str]:
    check_bytes(source.size or 0)
    size, digest = 0, hashlib.sha256()
    with source.open(shared) as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            check_bytes(size)
            digest.update(piece)
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(memory, rest) :]
    if not size:
        raise RefusedError("is empty (0 bytes): copy it again from its source")
    if source.size not in (None, size):
        raise RefusedError(CUT_OFF if size < (source.size or 0) else "has other bytes than are declared: copy it again")
    return size, digest.hexdigest()


def check_bytes(size: int) -> None:
    """Refuse more bytes than a photograph has.

    Raises:
        RefusedError: there are more.
    """
    if size > MOST_BYTES:
        raise RefusedError(f"has more than the {MOST_BYTES >> 20} MiB that are read: save it smaller")
