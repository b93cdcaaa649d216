"""The address of a DICOM node: ``dicom://AET@host:port``, or ``dicoms://`` for TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DimseAddress:
    """A DICOM node, and who we are to it.

    Attributes:
        called, calling: application entity titles, its own and ours.
        host, port: of the node.
        tls: how its certificate is checked; None without TLS.
        private: whether identities may travel there: it is encrypted, this machine, or allowed by ``--insecure``.
    """

    called: str
    host: str
    port: int
    calling: str = "EFIQA"
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    private: bool = False

    @property
    def shown(self) -> str:
        """As a message names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'dicom' if self.tls is None else 'dicoms'}://{self.called}@{host}:{self.port}"
