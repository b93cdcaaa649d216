"""What the answers of the preview are made of, handed down so that nothing below knows the server itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.capture.loop import Counts, Graded
from edge.capture.trigger import Strictness
from edge.preview.auth.auth import Access
from edge.preview.auth.known import Known
from edge.preview.hub import Hub
from edge.preview.renderer import Renderer


@dataclass(frozen=True)
class Controls:
    """What the page may do to the session. All of it is called on the server's thread and must return at once.

    Attributes:
        trigger: keep a frame now; None where the session keeps none.
        strictness: the level at the start, or None where the session has no automatic capture.
        set_strictness: change it.
    """

    trigger: Callable[[], None] | None
    strictness: Strictness | None = None
    set_strictness: Callable[[Strictness], None] = lambda level: None


@dataclass(frozen=True)
class Context:
    """One session and its page.

    Attributes:
        access: who may ask what.
        counts: of the session; read, never written.
        controls: what the page may do.
        hub: what clients wait for.
        painter: draws what they look at.
        session: differs for each start of the server.
        port: the one it listens on.
        encrypted: whether it speaks TLS itself.
        newest: the frame published last.
        published_at: when that was, by ``time.monotonic``.
        trouble: told one sentence per kind of failure.
        known: from where the right token came.
    """

    access: Access
    counts: Counts
    controls: Controls
    hub: Hub
    painter: Renderer
    session: str
    port: int
    encrypted: bool
    newest: Callable[[], Graded | None]
    published_at: Callable[[], float]
    trouble: Callable[[str], None]
    known: Known = field(default_factory=Known)
