"""The routes of the preview; ``docs/preview.md`` describes them for clients."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from edge.capture.trigger import STRICTNESSES
from edge.preview.auth.middleware import Gate, add_headers, cookie_name, refusal
from edge.preview.body import body_of
from edge.preview.context import Context
from edge.preview.files import PAGE, page_routes
from edge.preview.state import PROMETHEUS, disk_metrics, metrics
from edge.preview.streams import Streams, listed
from edge.preview.visiting import Visiting, done
from edge.preview.visits import VisitRoutes

_OPEN = frozenset({*PAGE, "/login", "/healthz"})  # they hold no data of a patient or a session
_LONGEST_BODY = 4096  # bytes: five fields of 64 letters, escaped
_STALE_S = 2.0  # without a frame for longer, the session is not healthy


def make_app(context: Context, clients: Callable[[], int]) -> web.Application:
    """All routes, behind one gate.

    Args:
        context: of the session.
        clients: returns the number of connections.
    """
    gate = Gate(context, _OPEN)
    app = web.Application(middlewares=[gate.middleware()], client_max_size=_LONGEST_BODY)
    app.on_response_prepare.append(add_headers)
    routes, streams = Routes(context, gate, clients), Streams(context)
    app.add_routes(page_routes())
    app.add_routes(
        [
            web.post("/login", routes.login),
            web.get("/healthz", routes.healthz),
            web.get("/metrics", routes.metrics),
            web.get("/state", streams.state),
            web.get("/stream", streams.stream),
            web.get("/captures", routes.captures),
            web.get(r"/captures/{number:\d{1,9}}.{kind:overlay|plain}.jpg", routes.capture),
            web.post("/trigger", routes.trigger),
            web.post("/settings", routes.settings),
            *Visiting(context).routes(),
            *VisitRoutes(context).routes(),
        ]
    )
    return app


class Routes:
    """The answers that depend on the session."""

    def __init__(self, context: Context, gate: Gate, clients: Callable[[], int]) -> None:
        self._context, self._gate, self._clients, self._hub = context, gate, clients, context.hub

    async def login(self, request: web.Request) -> web.StreamResponse:
        """Exchange the token for a cookie that neither scripts nor other sites can use."""
        token = (await body_of(request)).get("token")
        access = self._context.access
        given = token if isinstance(token, str) else None
        if access.token is not None and not await self._gate.right(request, lambda: access.right_token(given)):
            return refusal(401, "this is not the token")
        answer = web.json_response({"ok": True})
        # A proxy may speak TLS for us; then the page's origin shows it.
        secure = self._context.encrypted or request.headers.get("Origin", "").startswith("https://")
        answer.set_cookie(
            cookie_name(self._context), access.cookie, httponly=True, samesite="Strict", secure=secure, path="/"
        )
        return answer

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        """200 while frames are graded, 503 otherwise."""
        since = time.monotonic() - self._hub.published_at
        status = "starting" if self._hub.newest is None else "ok" if since < _STALE_S else "stalled"
        return web.json_response({"status": status}, status=200 if status == "ok" else 503)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Metrics for Prometheus."""
        hub = self._hub
        text = metrics(self._context.counts, hub.newest, hub.captured, self._clients(), hub.ages_s)
        text += disk_metrics(self._context.controls.housekeeper)
        return web.Response(body=text.encode(), headers={"Content-Type": PROMETHEUS})

    async def captures(self, request: web.Request) -> web.StreamResponse:
        """The latest captures, oldest first."""
        return web.json_response({"captures": listed(self._hub.shown)})

    async def capture(self, request: web.Request) -> web.StreamResponse:
        """The picture of one capture; with ``?visit=N`` of no other visit."""
        number, kind = int(request.match_info["number"]), request.match_info["kind"]
        for each in self._hub.shown:
            if each.number == number and request.query.get("visit", str(each.visit)) == str(each.visit):
                return web.Response(body=each.overlay if kind == "overlay" else each.plain, content_type="image/jpeg")
        return refusal(404, f"there is no capture {number}")

    async def trigger(self, request: web.Request) -> web.StreamResponse:
        """Keep a frame now; where a visit is named, of no other one."""
        visit = (await body_of(request)).get("visit")
        trigger, visits = self._context.controls.trigger, self._context.controls.visits
        if visit is not None and (not isinstance(visit, int) or isinstance(visit, bool)):
            return refusal(400, "visit must be the number of the visit that is meant")
        if trigger is None:
            return refusal(409, "this session keeps no pictures; start it with --out")
        if self._hub.visit is not None and self._hub.visit["state"] == "ended":
            return refusal(409, "the visit has ended; begin the next one")
        if visit is None or visits is None:
            trigger()
        elif (refused := await done(lambda: visits.capture_now(visit))).status != 200:
            return refused
        return web.json_response({"triggered": True}, status=202)

    async def settings(self, request: web.Request) -> web.StreamResponse:
        """Set the strictness of automatic capture."""
        level = (await body_of(request)).get("strictness")
        if self._hub.strictness is None:
            return refusal(409, "this session has no automatic capture; start it with --strictness")
        if level not in STRICTNESSES:
            return refusal(400, f"strictness must be one of {', '.join(STRICTNESSES)}")
        self._context.controls.set_strictness(level)
        self._hub.strictness = level
        self._hub.news()
        return web.json_response({"strictness": level})
