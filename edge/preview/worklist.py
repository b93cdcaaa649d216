"""The route of the modality worklist: whom it expects today, for the page to choose from."""

from __future__ import annotations

from aiohttp import web

from edge.capture.archive.worklist import Worklist
from edge.preview.auth.middleware import Handler


def worklist_route(worklist: Worklist | None) -> Handler:
    """The handler of ``GET /worklist``, to be added behind the gate.

    It answers ``{"items": [...]}``, each as ``WorklistItem.shown``, or an error of one sentence: 409 without a
    worklist, 502 where its server is away or answers something else.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        raise NotImplementedError

    return answer
