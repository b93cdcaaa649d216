"""The buttons of a visit: next patient, end, which eye, discard. See ``docs/preview.md``.

Whose visit it is passes through here to the DICOM files and is nowhere else: not in the state, not in an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from edge.capture.archive.study_file import FIELDS, PATIENT
from edge.capture.session.visits import OtherVisitError, Visits
from edge.capture.visit import EYES
from edge.errors import EdgeError, InputError
from edge.preview.auth.middleware import refusal
from edge.preview.auth.source import is_loopback
from edge.preview.body import body_of
from edge.preview.context import Context

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
            web.get("/patient", self.patient),
        ]

    async def next(self, request: web.Request) -> web.StreamResponse:
        """The next patient comes."""
        body, (visits, visit) = await self._asked(request)
        patient = body.get("patient") or {}
        if patient and not self._is_private(request):
            return refusal(403, _OPEN)
        if not isinstance(patient, dict):
            return refusal(400, "patient must be an object with the fields of an identity")
        return await _done(lambda: {"visit": visits.next(visit, patient)})

    async def end(self, request: web.Request) -> web.StreamResponse:
        """End the visit."""
        _, (visits, visit) = await self._asked(request)
        return await _done(lambda: visits.end(visit))

    async def identify(self, request: web.Request) -> web.StreamResponse:
        """Say whose visit it is."""
        body, (visits, visit) = await self._asked(request)
        patient = body.get("patient")
        if not self._is_private(request):
            return refusal(403, _OPEN)
        if not isinstance(patient, dict):
            return refusal(400, "patient must be an object with the fields of an identity")
        return await _done(lambda: visits.identify(visit, patient))

    async def state_eye(self, request: web.Request) -> web.StreamResponse:
        """State the eye of what comes; null leaves it to the picture."""
        body, (visits, visit) = await self._asked(request)
        if "eye" not in body or body["eye"] not in (*EYES, None):
            return refusal(400, "eye must be right, left or null")
        return await _done(lambda: visits.set_eye(visit, body["eye"]))

    async def correct_eye(self, request: web.Request) -> web.StreamResponse:
        """State which eye a capture shows."""
        body, (visits, visit) = await self._asked(request)
        number, eye = int(request.match_info["number"]), body.get("eye")
        if eye not in EYES:
            return refusal(400, "eye must be right or left")
        return await _done(lambda: _nothing(visits.correct_eye(visit, number, eye)))

    async def discard(self, request: web.Request) -> web.StreamResponse:
        """Take a capture out; it may be taken again."""
        _, (visits, visit) = await self._asked(request)
        number = int(request.match_info["number"])
        answer = await _done(lambda: visits.discard(visit, number))
        if answer.status == 200:
            self._context.hub.drop(visit, number)
        return answer

    async def patient(self, request: web.Request) -> web.StreamResponse:
        """Whose visit it is; the one answer that holds an identity."""
        if not self._is_private(request):
            return refusal(403, _OPEN)
        study = None if self._visits is None else self._visits.room.study
        said = {} if study is None else {name: study.attributes.get(FIELDS[name], "") for name in PATIENT}
        visit = None if self._visits is None else self._visits.visit.number
        return web.json_response({"visit": visit, "patient": {name: text for name, text in said.items() if text}})

    async def _asked(self, request: web.Request) -> tuple[dict[str, Any], tuple[Visits, int]]:
        """The body, the visits, and the one that is meant.

        Raises:
            web.HTTPException: nothing is kept, or no visit is named.
        """
        body = await body_of(request)
        if self._visits is None:
            raise web.HTTPConflict(text="this session keeps no pictures; start it with --out")
        visit = body.get("visit")
        if not isinstance(visit, int) or isinstance(visit, bool):
            raise web.HTTPBadRequest(text="visit must be the number of the visit that is meant")
        return body, (self._visits, visit)

    def _is_private(self, request: web.Request) -> bool:
        """Whether nobody can read this request on its way: it is encrypted, or does not leave the machine."""
        context = self._context
        if context.encrypted or context.insecure:
            return True
        origin = urlsplit(request.headers.get("Origin") or f"http://{request.headers.get('Host', '')}")
        remote = request.remote or ""
        if remote in context.access.proxies or (origin.hostname or "") in {name for name, _ in context.access.public}:
            return "https" in (origin.scheme, request.headers.get("X-Forwarded-Proto"))
        return is_loopback(remote)


async def _done(step: Callable[[], dict[str, Any] | None]) -> web.Response:
    """The answer to a step, which may wait for the disk or for the frame of now: not on the server's thread."""
    try:
        said = await asyncio.to_thread(step)
    except InputError as error:
        return refusal(400, str(error))
    except OtherVisitError as error:
        return refusal(409, str(error))
    except EdgeError as error:
        return refusal(409, str(error))
    return web.json_response({"ok": True} if said is None else said)


def _nothing(_: object) -> None:
    return None
