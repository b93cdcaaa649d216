"""What is the same in every kind of archive: names of members, and which of them are photographs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from edge.images.find import is_photograph
from edge.sources.shared import Shared
from edge.sources.source import Refused, Tell

MARK = "!/"  # between an archive and its member: archive.zip!/folder/photo.jpg
MOST_MEMBERS = 10_000_000
_LEADS_OUT = "a name that is absolute or leads out of the archive is not taken; look at what it is."
_LINKS = "a link is not followed; give the file that it leads to."


@dataclass(frozen=True)
class Member:
    """A photograph in an archive; the kinds of archives say how it is opened.

    Attributes:
        archive: its path, as it was given.
        member: its name in there.
        size: bytes that it unfolds to, as the archive declares.
        change: differs where the photograph does.
    """

    archive: str
    member: str
    size: int
    change: int

    @property
    def name(self) -> str:
        """``archive.zip!/member.jpg``."""
        return f"{self.archive}{MARK}{self.member}"

    @property
    def root(self) -> str:
        """The archive."""
        return self.archive + MARK[0]

    def look(self, shared: Shared) -> tuple[int | None, int | None]:
        """See ``Source``."""
        return self.size, self.change


@dataclass
class Sieve:
    """Which members of one archive are graded.

    Attributes:
        archive: as it was given.
        tell: receives what is passed over.
        inside: only members called so, or in a folder of that name, if it is not empty.
        shared: of the run.
    """

    archive: str
    tell: Tell
    inside: str = ""
    shared: Shared = field(default_factory=Shared)
    leads_out: Refused = field(default_factory=lambda: Refused(_LEADS_OUT))
    links: Refused = field(default_factory=lambda: Refused(_LINKS))

    def takes(self, member: str, head: Callable[[], bytes], link: bool = False) -> bool:
        """Whether a member is graded.

        Args:
            member: its name.
            head: gives its first bytes.
            link: whether it only leads to another file.
        """
        if self.inside and member != self.inside and not member.startswith(self.inside.rstrip("/") + "/"):
            return False
        path = PurePosixPath(member)
        if path.is_absolute() or ".." in path.parts:
            self.leads_out.add(member)
            return False
        if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
            return False
        if not is_photograph(path, head):
            self.tell(f"{self.archive}{MARK}{member}", head)
            return False
        if link:
            self.links.add(member)
        return not link
