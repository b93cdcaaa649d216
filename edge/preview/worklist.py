"""The route of the modality worklist: whom it expects today, for the page to choose from."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any

from aiohttp import web

from edge.capture.archive.worklist import Worklist
from edge.errors import EdgeError
from edge.preview.auth.middleware import Handler, refusal


def worklist_route(
    worklist: Worklist | None, refused: Callable[[web.Request], str | None] = lambda request: None
) -> Handler:
    """The handler of ``GET /worklist``, to be added behind the gate.

    It answers ``{"items": [...], "note": ...}``, each item as ``WorklistItem.shown``, or an error of one sentence: 409
    without a worklist, 403 to one who may see no identity, 502 where the server is away or answers something else.

    Args:
        worklist: the server; None without one.
        refused: why whoever asks may see no identity, as over a connection that others can read; None if they may.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        if worklist is None:
            return refusal(409, "this session has no worklist; start it with --worklist")
        if (sentence := refused(request)) is not None:
            return refusal(403, sentence)
        try:
            return web.json_response(await asyncio.wrap_future(_asked(worklist)))
        except EdgeError as error:
            return refusal(502, str(error))

    return answer


def _asked(worklist: Worklist) -> Future[dict[str, Any]]:
    """Ask on a daemon thread: one of asyncio's own threads would keep the program from ending."""
    found: Future[dict[str, Any]] = Future()

    def ask() -> None:
        with contextlib.suppress(InvalidStateError):  # the client has gone
            try:
                items = [item.shown for item in worklist.items()]
                found.set_result({"items": items, "note": worklist.note or None})
            except Exception as error:
                found.set_exception(error)

    threading.Thread(target=ask, name="worklist", daemon=True).start()
    return found
