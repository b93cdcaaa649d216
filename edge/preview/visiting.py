"""The buttons of a visit: next patient, end, which eye, discard. See ``docs/preview.md``.

Whose visit it is passes through here to the DICOM files and is nowhere else: not in the state, not in an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from edge.capture.archive.study_file import FIELDS, PATIENT
from edge.capture.archive.worklist_item import WorklistItem
from edge.capture.session.acts import OtherVisitError
from edge.capture.session.visits import Visits
from edge.capture.visit import EYES
from edge.errors import EdgeError, InputError
from edge.preview.auth.middleware import refusal
from edge.preview.auth.privacy import is_private
from edge.preview.body import body_of
from edge.preview.context import Context
from edge.preview.worklist import worklist_route

_OPEN = (
    "whose visit it is does not travel unencrypted through a network: start edge-capture with --cert and --key, or "
    "with --insecure if everybody on the way may read it"
)


class Visiting:
    """The answers that change the visit of now; each names it, so that nobody acts on another's patient."""

    def __init__(self, context: Context) -> None:
        self._context, self._visits = context, context.controls.visits

    def routes(self) -> list[web.RouteDef]:
        """What an application adds."""
        return [
            web.post("/visit/next", self.next),
            web.post("/visit/end", self.end),
            web.post("/visit/patient", self.identify),
            web.post("/visit/eye", self.state_eye),
            web.post(r"/captures/{number:\d{1,9}}/eye", self.correct_eye),
            web.post(r"/captures/{number:\d{1,9}}/discard", self.discard),
            web.post(r"/captures/{number:\d{1,9}}/undo", self.undo),
            web.get("/patient", self.patient),
            web.get("/worklist", self.worklist),
        ]

    async def next(self, request: web.Request) -> web.StreamResponse:
        """The next patient comes: nobody knows who, or by the fields of an identity, or by an entry of the worklist."""
        body, (visits, visit) = await self._asked(request)
        patient, item = self._who(request, body)
        return await done(lambda: {"visit": visits.next(visit, patient, item)})

    async def end(self, request: web.Request) -> web.StreamResponse:
        """End the visit."""
        _, (visits, visit) = await self._asked(request)
        return await done(lambda: visits.end(visit))

    async def identify(self, request: web.Request) -> web.StreamResponse:
        """Say whose visit it is, in one of the same two ways."""
        body, (visits, visit) = await self._asked(request)
        if "patient" not in body and "worklist" not in body:
            return refusal(400, "patient must be an object with the fields of an identity")
        patient, item = self._who(request, body)
        return await done(lambda: visits.identify(visit, patient, item))

    def _who(self, request: web.Request, body: dict[str, Any]) -> tuple[dict[str, Any], WorklistItem | None]:
        """Whose visit a request says it is.

        Raises:
            web.HTTPException: it is malformed, is no entry of the worklist, or others could read it on its way.
        """
        patient, key, worklist = body.get("patient"), body.get("worklist"), self._context.controls.worklist
        if (patient or key) and not is_private(self._context, request):
            raise web.HTTPForbidden(text=_OPEN)
        if not isinstance(patient, dict | None) or not isinstance(key, str | None):
            raise web.HTTPBadRequest(text="patient must be an object with the fields of an identity, worklist a key")
        if key is None:
            return patient or {}, None
        item = None if worklist is None else worklist.taken(key)
        if item is None:
            raise web.HTTPConflict(text="the worklist has no such entry any more: ask it again")
        return patient or {}, item

    async def worklist(self, request: web.Request) -> web.StreamResponse:
        """Who is expected today."""
        if not is_private(self._context, request):
            return refusal(403, _OPEN)
        return await worklist_route(self._context.controls.worklist)(request)

    async def state_eye(self, request: web.Request) -> web.StreamResponse:
        """State the eye of what comes; null leaves it to the picture."""
        body, (visits, visit) = await self._asked(request)
        if "eye" not in body or body["eye"] not in (*EYES, None):
            return refusal(400, "eye must be right, left or null")
        return await done(lambda: visits.set_eye(visit, body["eye"]))

    async def correct_eye(self, request: web.Request) -> web.StreamResponse:
        """State which eye a capture shows."""
        body, (visits, visit) = await self._asked(request)
        number, eye = int(request.match_info["number"]), body.get("eye")
        if eye not in EYES:
            return refusal(400, "eye must be right or left")
        return await done(lambda: _nothing(visits.correct_eye(visit, number, eye)))

    async def discard(self, request: web.Request) -> web.StreamResponse:
        """Take a capture out; it may be taken again."""
        _, (visits, visit) = await self._asked(request)
        number = int(request.match_info["number"])
        return await done(lambda: visits.discard(visit, number))

    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Bring a capture back that was discarded a moment ago."""
        _, (visits, visit) = await self._asked(request)
        number = int(request.match_info["number"])
        return await done(lambda: visits.undo(visit, number))

    async def patient(self, request: web.Request) -> web.StreamResponse:
        """Whose visit it is; the one answer that holds an identity."""
        if not is_private(self._context, request):
            return refusal(403, _OPEN)
        if self._visits is None:
            return web.json_response({"visit": None, "patient": None})
        visits = self._visits
        visit, room = await asyncio.to_thread(lambda: visits.now)
        study = room.study
        said = {} if study is None else {name: study.attributes.get(FIELDS[name], "") for name in PATIENT}
        if day := said.get("birth_date"):
            said["birth_date"] = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        given = {name: text for name, text in said.items() if text}
        return web.json_response({"visit": visit.number, "patient": given or None})

    async def _asked(self, request: web.Request) -> tuple[dict[str, Any], tuple[Visits, int]]:
        """The body, the visits, and the one that is meant; 0, which none is, where that was before a restart.

        Raises:
            web.HTTPException: nothing is kept, or no visit is named.
        """
        body = await body_of(request)
        if self._visits is None:
            raise web.HTTPConflict(text="this session keeps no pictures; start it with --out")
        visit = body.get("visit")
        if not isinstance(visit, int) or isinstance(visit, bool):
            raise web.HTTPBadRequest(text="visit must be the number of the visit that is meant")
        same = body.get("session") in (None, self._context.session)  # numbers begin anew with each start
        return body, (self._visits, visit if same else 0)


async def done(step: Callable[[], dict[str, Any] | None]) -> web.Response:
    """The answer to a step, which may wait for the disk or for the frame of now: not on the server's thread."""
    try:
        said = await asyncio.to_thread(step)
    except InputError as error:
        return refusal(400, str(error))
    except OtherVisitError as error:
        return refusal(409, str(error), "other_visit")
    except EdgeError as error:
        return refusal(409, str(error))
    return web.json_response({"ok": True} if said is None else said)


def _nothing(_: object) -> None:
    return None
