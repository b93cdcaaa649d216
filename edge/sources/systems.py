"""The file systems of fsspec, asked patiently, and what their errors mean."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from edge.errors import EdgeError
from edge.images.limits import RefusedError
from edge.sources.patience import patience_with, status_of, true_cause
from edge.sources.redirects import client_without_other_hosts
from edge.sources.shared import Shared
from edge.sources.shown import WEB, split_address


def asked(url: str, shared: Shared, work: Callable[[Any, str], Any]) -> Any:
    """Do something with the file system of an address and the path in it, patiently.

    Args:
        url: the address.
        shared: of the run.
        work: receives the two.

    Raises:
        EdgeError: a package is missing, or the kind of address is not known.
        RefusedError: it cannot be done.
    """
    system, path = system_of(url)
    try:
        return patience_with(split_address(url)[:2], shared).try_(lambda: work(system, path))
    except (RefusedError, MemoryError):
        raise
    except FileNotFoundError:
        raise RefusedError("does not exist: check the address") from None
    except Exception as error:
        raise RefusedError(f"cannot be read ({_why(error)}): check the address, and who may read there") from None
    finally:
        system.invalidate_cache()  # listings that it keeps would grow with the archive


def system_of(url: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        EdgeError: a package is missing, or the kind of address is not known.
    """
    scheme, place, _ = split_address(url)
    try:
        core = importlib.import_module("fsspec.core")
    except ImportError:
        raise EdgeError(f'{scheme}://{place} needs fsspec: pip install "efiqa-edge[remote]".') from None
    try:
        options = {"get_client": client_without_other_hosts, "simple_links": False} if scheme in WEB else {}
        system, path = core.url_to_fs(url, **options)
        return system, str(path)
    except ImportError as error:
        package = getattr(error.__cause__, "name", None) or error.name or "another package"
        raise EdgeError(f"{scheme}://{place} needs {package}: pip install {package}.") from None
    except ValueError as error:
        if "not known" not in str(error):
            raise EdgeError(f"{scheme}://{place} is no address that fsspec reads: check it.") from None
        raise EdgeError(f"{scheme}:// is no kind of address that fsspec knows: check how it begins.") from None


def _why(error: BaseException) -> str:
    """What went wrong in words of ours: those of libraries quote addresses, which may hold secrets."""
    cause = true_cause(error)
    status, number = status_of(cause), getattr(cause, "errno", None)
    if status is not None:
        return f"it answers {status}"
    return os.strerror(number) if isinstance(number, int) and number > 0 else type(cause).__name__
