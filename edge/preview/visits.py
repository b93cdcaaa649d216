"""The visits on disk for the page: listed, asked about, deleted with every file; the room that is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from edge.capture.retention.answers import AnsweredError
from edge.capture.retention.delete import BusyVisitError, NoSuchVisitError
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.retention.questions import Question, picture_of, questions_of
from edge.capture.retention.visits import Visit
from edge.capture.visit import EYES
from edge.errors import EdgeError
from edge.preview.around import disk_state
from edge.preview.auth.middleware import refusal
from edge.preview.body import body_of
from edge.preview.context import Context

Found = TypeVar("Found")
_MOST = 200  # visits in one answer, the latest ones


class VisitRoutes:
    """The answers about visits that have ended; whoever passes the gate may ask."""

    def __init__(self, context: Context) -> None:
        self._housekeeper = context.controls.housekeeper
        self._hand_over, self._current = context.controls.hand_over, context.controls.visits

    def routes(self) -> list[web.RouteDef]:
        """What an application adds."""
        return [
            web.get("/visits", self.listed),
            web.post("/visits/{id}/delete", self.delete),
            web.get("/visits/{id}/questions", self.questions),
            web.get(r"/visits/{id}/questions/{frame:\d{1,9}}.jpg", self.picture),
            web.post("/visits/{id}/eye", self.answer),
        ]

    async def listed(self, request: web.Request) -> web.StreamResponse:
        """The latest visits that have ended, newest first; ``before=NUMBER`` for older ones, ``asks=1`` for some."""
        housekeeper, before = self._housekeeper, request.query.get("before", "")
        if before and not (before.isascii() and before.isdigit() and len(before) < 9):
            return refusal(400, "before must be the number of a visit")
        ending = [] if self._current is None else self._current.ending
        visits = [] if housekeeper is None else await asyncio.to_thread(lambda: housekeeper.visits(ending))
        some = [visit for visit in visits if visit.asks] if request.query.get("asks") == "1" else visits
        wanted = [visit for visit in reversed(some) if not before or visit.number < int(before)]
        listed = [visit_as_json(visit) for visit in wanted[:_MOST]]
        size = round(sum(visit.size for visit in visits) / 2**20, 1)
        asks = sum(visit.asks for visit in visits if not visit.running)
        more = {"total": len(some), "size_mib": size, "asks": asks, **disk_state(housekeeper)}
        return web.json_response({"visits": listed, **more})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Delete one visit for good."""
        keeper, wanted = self._keeper(), request.match_info["id"]
        visit = await _told(lambda: keeper.delete(wanted))
        return web.json_response({"deleted": visit.id, **disk_state(keeper)})

    async def questions(self, request: web.Request) -> web.StreamResponse:
        """The captures of a visit whose eye nobody has said."""
        visit = await self._visit(request)
        asked = await _told(lambda: questions_of(visit))
        return web.json_response({"questions": [_question_as_json(visit, each) for each in asked]})

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """The picture of one of them."""
        visit, frame = await self._visit(request), int(request.match_info["frame"])

        def read() -> bytes:
            asked = next((each for each in questions_of(visit) if each.frame == frame), None)
            if asked is None:
                raise NoSuchVisitError(f"nothing is asked of frame {frame} of that visit.")
            return picture_of(visit, asked)

        return web.Response(body=await _told(read), content_type="image/jpeg")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Say which eye one of them shows; it is handed over then."""
        body, keeper, wanted = await body_of(request), self._keeper(), request.match_info["id"]
        frame, eye = body.get("frame"), body.get("eye")
        if not isinstance(frame, int) or isinstance(frame, bool) or eye not in EYES:
            return refusal(400, "frame must be the number of a frame that is asked about, and eye right or left")
        take = None if self._hand_over is None else self._hand_over.take

        def write() -> None:
            visit, question = keeper.answer(wanted, frame, eye, take)
            if self._current is not None and question.number is not None:
                self._current.answered(visit.folder, question.number, eye)

        await _told(write)
        return web.json_response({"ok": True, "asks": keeper.asks})

    def _keeper(self) -> Housekeeper:
        if self._housekeeper is None:
            raise web.HTTPConflict(text="this session keeps no visits; start it with --out")
        return self._housekeeper

    async def _visit(self, request: web.Request) -> Visit:
        visits = [] if self._housekeeper is None else await asyncio.to_thread(self._housekeeper.visits)
        found = next((visit for visit in visits if visit.id == request.match_info["id"]), None)
        if found is None:
            raise web.HTTPNotFound(text="there is no such visit: it was deleted, or is still running.")
        return found


async def _told(step: Callable[[], Found]) -> Found:
    """The result of a step that reads or writes the disk, on another thread; what it refuses, as HTTP says it."""
    try:
        return await asyncio.to_thread(step)
    except NoSuchVisitError as error:
        raise web.HTTPNotFound(text=str(error)) from None
    except (BusyVisitError, AnsweredError) as error:
        raise web.HTTPConflict(text=str(error)) from None
    except EdgeError as error:
        raise web.HTTPInternalServerError(text=str(error)) from None


def _question_as_json(visit: Visit, question: Question) -> dict[str, Any]:
    return {
        "frame": question.frame,
        "number": question.number,
        "field": question.field,
        "told": question.told,
        "contradiction": question.contradiction,
        "picture": f"/visits/{visit.id}/questions/{question.frame}.jpg",
    }


def visit_as_json(visit: Visit) -> dict[str, Any]:
    """One visit, without anything that names the patient."""
    return {
        "id": visit.id,
        "number": visit.number,
        "begun": visit.begun_at.isoformat(timespec="seconds"),
        "captures": visit.captures,
        "size_mib": round(visit.size / 2**20, 1),
        "waiting": visit.waiting,
        "unsent": visit.pending + visit.unsent,
        "asks": 0 if visit.running else visit.asks,
        "saving": visit.running,
        "delivered": visit.arrived,
    }
