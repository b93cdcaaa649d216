"""The options of a command that can serve the preview page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from edge.capture.loop import Counts
from edge.capture.session.judge import Judge
from edge.commands.console import cli
from edge.errors import EdgeError
from edge.preview.auth.auth import access_for
from edge.preview.auth.source import is_loopback
from edge.preview.context import Controls
from edge.preview.server import Listen, Preview

Web = Annotated[bool, typer.Option("--web", help="Serve a page to look at, for a phone or tablet beside the camera.")]
# The documents call the page a preview, so an option of that name works too.
Alias = Annotated[bool, typer.Option("--preview", hidden=True)]
Host = Annotated[
    str | None,
    typer.Option(
        help="Address that the page listens on: 127.0.0.1, or 0.0.0.0 for all of this machine; a network wants --token."
    ),
]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port of the page: 8080; 0 takes a free one.")]
Token = Annotated[
    str | None,
    typer.Option(envvar="EFIQA_TOKEN", help="What whoever opens the page must know; the variable keeps it out of ps."),
]
Cert = Annotated[Path | None, typer.Option(help="Certificate (PEM), for HTTPS.")]
Key = Annotated[Path | None, typer.Option(help="Key of the certificate (PEM, no password).")]

PublicName = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HOST[:PORT]", help="How browsers call the page through a proxy such as nginx; may be repeated."
    ),
]
Proxy = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ADDRESS",
        help="IP address of a proxy whose X-Forwarded-For says truly whose wrong tokens come; may be repeated.",
    ),
]


def listen_of(
    web: bool,
    host: str | None,
    port: int | None,
    token: str | None,
    cert: Path | None,
    key: Path | None,
    public_names: list[str] | None = None,
    proxies: list[str] | None = None,
    insecure: bool = False,
) -> Listen | None:
    """Where to serve; None where no page is wanted.

    Raises:
        typer.BadParameter: options of the page are given without it, the network needs a token or a better one,
            certificate or key is given alone, or a name is invalid; raised before a model is loaded.
    """
    if not web:
        if any(each is not None for each in (host, port, cert, key)) or public_names or proxies:
            raise typer.BadParameter(
                "--host, --port, --cert, --key, --public-name and --proxy are for the page: add --web."
            )
        return None  # a token may come from the environment, and is ignored here
    listen = Listen(
        Listen.host if host is None else host,
        Listen.port if port is None else port,
        token,
        cert,
        key,
        tuple(public_names or ()),
        tuple(proxies or ()),
        insecure,
    )
    if (cert is None) != (key is None):
        raise typer.BadParameter("HTTPS needs a certificate and its key: give both --cert and --key.")
    try:
        access_for(listen.host, listen.token, listen.public_names, listen.proxies)
    except EdgeError as error:
        raise typer.BadParameter(str(error)) from error
    return listen


def open_preview(
    listen: Listen, counts: Counts, controls: Controls, report: Callable[[str], None], judge: Judge | None
) -> Preview:
    """Serve the page and print its address.

    Raises:
        EdgeError: it cannot be served.
    """
    preview = Preview(listen, counts, controls, report, judge)
    cli.err.print(f"page: {preview.url}", markup=False)
    if listen.public_names:
        cli.err.print(f"page through the proxy: {', '.join(listen.public_names)}", markup=False)
    if preview.tls is None and not is_loopback(listen.host):
        cli.err.print("note: without --cert and --key others on the network can read what the page shows")
    return preview
