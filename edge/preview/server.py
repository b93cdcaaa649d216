"""The preview of a running session: a small web server on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import secrets
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.capture.graded import Graded
from edge.capture.loop import Counts
from edge.capture.session.judge import Judge
from edge.errors import EdgeError, first_line
from edge.preview.auth.auth import access_for
from edge.preview.context import Context, Controls, Hub
from edge.preview.renderer import Kind, Place, RenderedFrame, Renderer
from edge.preview.state import grade_of

_GOODBYE_S = 5.0  # a thread that hangs is abandoned after this
_KERNEL_BYTES = 256 << 10  # send buffer of a client that does not read: about two pictures


@dataclass(frozen=True)
class Listen:
    """Where the page is served, and to whom.

    Attributes:
        host: an address or name of this machine; any except loopback requires a token.
        port: 0 for a free one.
        token: of the clients.
        cert, key: PEM files, for HTTPS.
        public_names: how browsers call it through a proxy, ``HOST`` or ``HOST:PORT``.
        proxies: addresses of proxies whose X-Forwarded-For is believed.
        insecure: whether identities may travel unencrypted.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    cert: Path | None = None
    key: Path | None = None
    public_names: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    insecure: bool = False


class Preview:
    """The preview page. ``publish``, ``captured`` and ``tell`` return at once, whatever the clients do.

    Attributes:
        url: what to open.
        port: the one it listens on.
    """

    def __init__(
        self,
        listen: Listen,
        counts: Counts,
        controls: Controls,
        report: Callable[[str], None],
        judge: Judge | None = None,
    ) -> None:
        """Start the server.

        Args:
            listen: where to serve, and to whom.
            counts: of the session; read, never written.
            controls: what the page may do.
            report: called with one sentence, once, per kind of trouble.
            judge: of the frames that are shown, where there is a criterion.

        Raises:
            EdgeError: aiohttp is missing, the address is taken or is not this machine's, a network address has no
                token, or certificate and key do not fit.
        """
        try:
            import aiohttp  # noqa: F401
        except ImportError as error:
            raise EdgeError('the preview page needs aiohttp; install it with: pip install "efiqa-edge[web]"') from error
        access = access_for(listen.host, listen.token, listen.public_names, listen.proxies)
        self.tls = _tls_of(listen)
        self._socket = _listen_on(listen)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://{_shown(listen.host)}:{self.port}/"
        self.hub = Hub()
        self.hub.strictness = controls.strictness
        self._report, self._reported = report, set[str]()
        self._numbered: tuple[int, Graded] | None = None  # the newest frame, numbered from 1
        self._woken = False
        self._counted = 0
        self._loop = asyncio.new_event_loop()
        self.painter = Renderer(self._drawn, self._kept, self.trouble)
        self._context = Context(
            access,
            counts,
            controls,
            self.hub,
            self.painter,
            session=secrets.token_hex(4),
            port=self.port,
            encrypted=self.tls is not None,
            trouble=self.trouble,
            judge=judge,
            insecure=listen.insecure,
        )
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="preview", daemon=True)
        self._thread.start()
        started.wait()

    def publish(self, graded: Graded) -> None:
        """Show a frame; the newest one wins."""
        number = self.published + 1
        # One assignment: the server's thread must never see a frame with the number of another.
        self._numbered = number, graded
        self.painter.newest(number, graded)
        if not self._woken:  # at most one call waits, however busy the server is
            self._woken = True
            self._call(self._wake)

    @property
    def published(self) -> int:
        """How many frames were published."""
        return 0 if self._numbered is None else self._numbered[0]

    def captured(self, graded: Graded, visit: int = 1, number: int | None = None) -> None:
        """Show a frame among those that were kept.

        Args:
            graded: the frame.
            visit: whose it is.
            number: of the capture in that visit; counted here if left out.
        """
        self._counted = self._counted + 1 if number is None else number
        self.painter.keep(graded, (visit, self._counted))

    def visit(self, state: dict[str, Any]) -> None:
        """Show what the visit has; see ``edge.preview.state.visit_state``."""
        self._call(lambda: self.hub.visit_is(state))

    def tell(self, sentence: str) -> None:
        """Show a message to the operator: the camera is unplugged, the disk is full."""
        self._call(lambda: self.hub.note(sentence))

    def trouble(self, sentence: str) -> None:
        """Report a failure of the preview itself, once."""
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._report(sentence)

    def close(self) -> None:
        """Tell the clients that the session has ended, and stop; may be called twice, and from any thread."""
        self.painter.close()
        self._call(self.hub.end)
        self._thread.join(_GOODBYE_S)

    def __enter__(self) -> Preview:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _call(self, step: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(step)

    def _wake(self) -> None:
        self._woken = False
        if self._numbered is not None:
            self.hub.frame(*self._numbered)

    def _drawn(self, kind: Kind, picture: RenderedFrame) -> None:
        self._call(lambda: self.hub.picture(kind, picture))

    def _kept(self, graded: Graded, place: Place, overlay: bytes, plain: bytes) -> None:
        grade = grade_of(graded, judge=self._context.judge)  # on the painter's thread
        self._call(lambda: self.hub.capture(*place, grade, overlay, plain))

    def _serve(self, started: threading.Event) -> None:
        """The server's thread."""
        serve = importlib.import_module("edge.preview.connections").serve  # needs aiohttp, which may be missing
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(serve(self._context, self.tls, self._socket, started))
        except Exception as error:  # the session must not end with its preview
            self.trouble(f"the preview page has ended ({first_line(error)}); the session goes on without it.")
        finally:
            started.set()
            self._loop.close()
            self._socket.close()


def _listen_on(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        made = socket.create_server((listen.host, listen.port), family=family)
    except (OSError, OverflowError, TypeError) as error:  # TypeError: a name with impossible characters
        reason = getattr(error, "strerror", None) or str(error)
        raise EdgeError(
            f"the preview cannot listen on {listen.host}, port {listen.port} ({reason}); "
            "give an address of this machine with --host and a free port with --port."
        ) from error
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
    made.setblocking(False)
    return made


def _tls_of(listen: Listen) -> ssl.SSLContext | None:
    if listen.cert is None and listen.key is None:
        return None
    if listen.cert is None or listen.key is None:
        raise EdgeError("HTTPS needs a certificate and its key; give both --cert and --key.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a password would prompt for it on the terminal: the empty password fails instead.
        context.load_cert_chain(listen.cert, listen.key, password="")
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise EdgeError(
            f"{listen.cert} and {listen.key} are not a certificate with its key ({reason}); give two PEM files, "
            "the key without a password."
        ) from error
    return context


def _shown(host: str) -> str:
    """The address to open: for a server on all addresses the one in the network."""
    if host in ("0.0.0.0", "::"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.connect(("192.0.2.1", 9))  # an address for documentation; connecting sends nothing
            return str(probe.getsockname()[0])
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
