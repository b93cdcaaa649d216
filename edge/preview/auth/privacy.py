"""Whether what a client sends can be read by others on its way."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from edge.preview.auth.source import is_loopback
from edge.preview.context import Context


def is_private(context: Context, request: web.Request) -> bool:
    """Whether nobody can: it is encrypted, or does not leave the machine, or ``--insecure`` was given.

    Behind a proxy the page's origin, or the proxy's own header, says whether it speaks TLS for us.
    """
    if context.encrypted or context.insecure:
        return True
    origin = urlsplit(request.headers.get("Origin") or f"http://{request.headers.get('Host', '')}")
    remote = request.remote or ""
    if remote in context.access.proxies or (origin.hostname or "") in {name for name, _ in context.access.public}:
        return "https" in (origin.scheme, request.headers.get("X-Forwarded-Proto"))
    return is_loopback(remote)
