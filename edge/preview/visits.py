"""The visits on disk for the page: listed, and deleted with every file; the room that is left."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from edge.capture.retention.delete import BusyVisitError, NoSuchVisitError
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.retention.visits import Visit
from edge.errors import EdgeError
from edge.preview.auth.middleware import refusal
from edge.preview.context import Context

_MOST = 200  # visits in one answer, the latest ones


class VisitRoutes:
    """The answers about visits that have ended; whoever passes the gate may ask."""

    def __init__(self, context: Context) -> None:
        self._housekeeper = context.controls.housekeeper

    def routes(self) -> list[web.RouteDef]:
        """What an application adds."""
        return [web.get("/visits", self.listed), web.post("/visits/{id}/delete", self.delete)]

    async def listed(self, request: web.Request) -> web.StreamResponse:
        """The latest visits that have ended, newest first; ``?before=NUMBER`` gives older ones."""
        housekeeper, before = self._housekeeper, request.query.get("before", "")
        if before and not (before.isascii() and before.isdigit() and len(before) < 9):
            return refusal(400, "before must be the number of a visit")
        visits = [] if housekeeper is None else await asyncio.to_thread(housekeeper.visits)
        wanted = [visit for visit in reversed(visits) if not before or visit.number < int(before)]
        listed = [visit_as_json(visit) for visit in wanted[:_MOST]]
        size = round(sum(visit.size for visit in visits) / 2**20, 1)
        more = {"total": len(visits), "size_mib": size, **disk_state(housekeeper)}
        return web.json_response({"visits": listed, **more})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Delete one visit for good."""
        if self._housekeeper is None:
            return refusal(409, "this session keeps no visits; start it with --out")
        try:
            visit = await asyncio.to_thread(self._housekeeper.delete, request.match_info["id"])
        except NoSuchVisitError as error:
            return refusal(404, str(error))
        except BusyVisitError as error:
            return refusal(409, str(error))
        except EdgeError as error:
            return refusal(500, str(error))
        return web.json_response({"deleted": visit.id, **disk_state(self._housekeeper)})


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
        "delivered": visit.arrived,
    }


def disk_state(housekeeper: Housekeeper | None) -> dict[str, Any]:
    """``free_mib`` and ``disk`` (``ok``, ``low`` or ``full``) for the page; None for both where that is unknown."""
    space = None if housekeeper is None else housekeeper.space
    return {"free_mib": None if space is None else int(space.free_mib), "disk": None if space is None else space.level}
