"""What the preview answers; ``docs/preview.md`` is the description for those who call it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from edge.capture.trigger import STRICTNESSES
from edge.hint import languages
from edge.preview import gate
from edge.preview.gate import Handler, add_headers, cookie_name, refusal
from edge.preview.hub import Capture
from edge.preview.painter import Kind, Picture
from edge.preview.state import PROMETHEUS, frame_state, metrics

if TYPE_CHECKING:
    from edge.preview.server import Preview


_PAGE = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/words.json": ("words.json", "application/json"),
}
_OPEN = frozenset({*_PAGE, "/login", "/healthz"})  # nothing of a patient or a session is in them
_LONGEST_BODY = 1024  # bytes
_BODY_S = 3.0
_SLOW_S = 5.0  # a client that does not take what it asked for within this is let go
_BEAT_S = 5.0  # between two signs of life where nothing happens
_CALM_S = 0.1
_STALE_S = 2.0  # without a frame for longer, the session is not healthy


def make_app(preview: Preview) -> web.Application:
    """All routes, behind the one gate."""
    app = web.Application(middlewares=[gate.make_gate(preview, _OPEN)], client_max_size=_LONGEST_BODY)
    app.on_response_prepare.append(add_headers)
    routes = Routes(preview)
    app.add_routes([web.get(path, _file(name, kind)) for path, (name, kind) in _PAGE.items()])
    app.add_routes(
        [
            web.post("/login", routes.login),
            web.get("/healthz", routes.healthz),
            web.get("/metrics", routes.metrics),
            web.get("/state", routes.state),
            web.get("/stream", routes.stream),
            web.get("/captures", routes.captures),
            web.get(r"/captures/{number:\d{1,9}}.{kind:overlay|plain}.jpg", routes.capture),
            web.post("/trigger", routes.trigger),
            web.post("/settings", routes.settings),
        ]
    )
    return app


def _file(name: str, kind: str) -> Handler:
    """A file of the page."""
    data = importlib.resources.files("edge.preview").joinpath("page", name).read_bytes()

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=data, content_type=kind, charset="utf-8")

    return answer


class Routes:
    """The answers that depend on the session."""

    def __init__(self, preview: Preview) -> None:
        self._preview, self._hub = preview, preview.hub
        self._frames: dict[str, tuple[int, bytes]] = {}  # by language: the last event made, and of which frame

    async def login(self, request: web.Request) -> web.StreamResponse:
        """The token for a cookie that neither scripts nor other sites can use."""
        token = (await _body(request)).get("token")
        access = self._preview.access
        if not isinstance(token, str) or not access.right_token(token):
            await asyncio.sleep(gate.WRONG_TOKEN_S)
            return refusal(401, "this is not the token")
        answer = web.json_response({"ok": True})
        secure = self._preview.tls is not None
        answer.set_cookie(
            cookie_name(self._preview), access.cookie, httponly=True, samesite="Strict", secure=secure, path="/"
        )
        return answer

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        """200 while frames are graded, 503 otherwise."""
        since = time.monotonic() - self._preview.published_at
        started = self._preview.newest is not None
        status = "ok" if started and since < _STALE_S else "stalled" if started else "starting"
        return web.json_response({"status": status}, status=200 if status == "ok" else 503)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Prometheus."""
        hub = self._hub
        text = metrics(self._preview.counts, self._preview.newest, hub.captured, hub.clients(), hub.ages_s)
        return web.Response(body=text.encode(), headers={"Content-Type": PROMETHEUS})

    async def captures(self, request: web.Request) -> web.StreamResponse:
        """The latest captures, oldest first."""
        return web.json_response({"captures": self._listed()})

    async def capture(self, request: web.Request) -> web.StreamResponse:
        """The picture of one."""
        number, kind = int(request.match_info["number"]), request.match_info["kind"]
        for each in self._hub.captures:
            if each.number == number:
                return web.Response(body=each.overlay if kind == "overlay" else each.plain, content_type="image/jpeg")
        return refusal(404, f"there is no capture {number}")

    async def trigger(self, request: web.Request) -> web.StreamResponse:
        """Keep a frame now."""
        await _body(request)
        trigger = self._preview.controls.trigger
        if trigger is None:
            return refusal(409, "this session keeps no pictures; start it with --out")
        trigger()
        return web.json_response({"triggered": True}, status=202)

    async def settings(self, request: web.Request) -> web.StreamResponse:
        """Set the strictness of automatic capture."""
        level = (await _body(request)).get("strictness")
        if self._hub.strictness is None:
            return refusal(409, "this session has no automatic capture; start it with --strictness")
        if level not in STRICTNESSES:
            return refusal(400, f"strictness must be one of {', '.join(STRICTNESSES)}")
        self._preview.controls.set_strictness(level)
        self._hub.strictness = level
        self._hub.news()
        return web.json_response({"strictness": level})

    async def state(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: session, frame, captures, note, end."""
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        language = request.query.get("language", "en")
        language = language if language in languages() else "en"
        hub, told_session, frames, hints, captured, note = self._hub, None, 0, 0, -1, 0
        with contextlib.suppress(asyncio.TimeoutError, ConnectionError):
            while True:
                began, events = time.monotonic(), []
                session = self._session()
                if session != told_session:
                    told_session = session
                    events.append(_event("session", {**session, "history": list(hub.history)}))
                if hub.captured != captured:
                    captured = hub.captured
                    events.append(_event("captures", self._listed()))
                if hub.frames != frames:
                    frames, hints = hub.frames, hub.hints
                    events.append(self._frame(language))
                for number, sentence in list(hub.notes):
                    if number > note:
                        note = number
                        events.append(_event("note", sentence))
                if hub.ended:
                    events.append(_event("end", {}))
                data = b"".join(events) or b": alive\n\n"
                await asyncio.wait_for(answer.write(data), _SLOW_S)
                if hub.ended:
                    break
                # A new hint is told at once, all else at a calm pace, which many clients together can bear too.
                while (left := began + _CALM_S - time.monotonic()) > 0 and hub.hints == hints and not hub.ended:
                    await hub.wait(left)
                if hub.frames == frames:
                    await hub.wait(_BEAT_S)
        return answer

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket on which a client asks for one picture after the other: ``overlay`` or ``plain``.

        It is sent the newest frame as a JPEG once there is one that it has not seen, so nothing ever queues up.
        """
        # A client that asks and does not read answers no ping either.
        socket = web.WebSocketResponse(heartbeat=2 * _SLOW_S, compress=False, max_msg_size=64, timeout=1.0)
        await socket.prepare(request)
        seen = 0
        with contextlib.suppress(asyncio.TimeoutError, ConnectionError):
            async for message in socket:
                if message.type is not WSMsgType.TEXT or message.data not in ("overlay", "plain"):
                    break
                kind: Kind = message.data
                if (picture := await self._next(kind, seen, socket)) is None:
                    return socket
                seen = picture.number
                self._hub.ages_s.append(time.monotonic() - picture.taken)
                await asyncio.wait_for(socket.send_bytes(picture.jpeg), _SLOW_S)
        return socket

    async def _next(self, kind: Kind, seen: int, socket: web.WebSocketResponse) -> Picture | None:
        """The next picture; one that comes more than two periods late is passed over, once, for the one after it."""
        fps = self._preview.counts.fps
        picture = await self._newer(kind, seen, socket)
        if picture is not None and fps > 0 and time.monotonic() - picture.taken > 2 / fps:
            return await self._newer(kind, picture.number, socket)
        return picture

    async def _newer(self, kind: Kind, seen: int, socket: web.WebSocketResponse) -> Picture | None:
        """Wait for a picture of a newer frame; None once there will be none, or nobody to send it to."""
        wanted = max(seen + 1, self._hub.frames)  # an older one lies there from when somebody last looked
        while (picture := self._hub.pictures.get(kind)) is None or picture.number < wanted:
            if self._hub.ended or socket.closed:
                return None
            self._preview.painter.want(kind)
            await self._hub.wait(1.0)
        return picture

    def _frame(self, language: str) -> bytes:
        """The event of the newest frame, made once for all who read that language."""
        number = self._hub.frames
        made = self._frames.get(language)
        if made is None or made[0] != number:
            assert self._hub.newest is not None
            state = frame_state(number, self._hub.newest, self._preview.counts, language)
            made = self._frames[language] = number, _event("frame", state)
        return made[1]

    def _session(self) -> dict[str, Any]:
        return {
            "session": self._preview.session,
            "keeps": self._preview.controls.trigger is not None,
            "strictness": self._hub.strictness,
            "languages": list(languages()),
        }

    def _listed(self) -> list[dict[str, Any]]:
        return [_listing(each) for each in self._hub.captures]


def _listing(capture: Capture) -> dict[str, Any]:
    path = f"/captures/{capture.number}"
    return {"number": capture.number, **capture.grade, "overlay": f"{path}.overlay.jpg", "plain": f"{path}.plain.jpg"}


def _event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; an empty body is an empty object."""
    try:
        data = await asyncio.wait_for(request.read(), _BODY_S)
        body = json.loads(data or b"{}")
    except asyncio.TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text="the body must be a JSON object\n") from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object\n")
    return body
