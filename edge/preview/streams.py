"""The streams of the preview: its state as server-sent events, pictures over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from aiohttp import WSMsgType, web

from edge.guidance.hint import languages
from edge.preview.around import around
from edge.preview.auth.middleware import let_go
from edge.preview.auth.privacy import is_private
from edge.preview.context import Capture, Context
from edge.preview.renderer import Kind, RenderedFrame
from edge.preview.state import frame_state

_SLOW_S = 5.0  # a client that does not accept its data within this is disconnected
_BEAT_S = 5.0  # between two keep-alives while nothing happens
_CALM_S = 0.1


class Streams:
    """The answers that last as long as a client watches."""

    def __init__(self, context: Context) -> None:
        self._context, self._hub = context, context.hub
        self._frames: dict[str, tuple[int, bytes]] = {}  # by language: number and event of the last frame

    async def state(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: session, frame, visit, captures, note, end."""
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        language = request.query.get("language", "en")
        language = language if language in languages() else "en"
        private = is_private(self._context, request)
        hub, sent_session, sent_visit, frames, hints, captures, visits, note = self._hub, None, None, 0, 0, -1, 0, 0
        with _letting_go(request):
            while True:
                began, events = time.monotonic(), []
                session = self._session()
                if session != sent_session:
                    sent_session = session
                    events.append(_event("session", {**session, "history": list(hub.history)}))
                visits = hub.visits
                visit = self._visit(private)
                if visit is not None and visit != sent_visit:
                    sent_visit = visit
                    events.append(_event("visit", visit))
                if hub.listed != captures:
                    captures = hub.listed
                    events.append(_event("captures", listed(self._hub.shown)))
                if hub.frames != frames:
                    frames, hints = hub.frames, hub.hints
                    events.append(self._frame(language))
                for number, sentence in list(hub.notes):
                    if number > note:
                        note = number
                        events.append(_event("note", sentence, number))
                if hub.ended:
                    events.append(_event("end", {}))
                data = b"".join(events) or b": alive\n\n"
                await asyncio.wait_for(answer.write(data), _SLOW_S)
                if hub.ended:
                    break
                # A new hint is sent at once, everything else at a limited rate, which also suits many clients.
                while (left := began + _CALM_S - time.monotonic()) > 0 and hub.hints == hints and not hub.ended:
                    await hub.wait(left)
                if (hub.frames, hub.visits, hub.listed) == (frames, visits, captures):
                    await hub.wait(_BEAT_S)
        return answer

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket on which a client requests one picture after another: ``overlay`` or ``plain``.

        It gets the newest frame as a JPEG once there is one that it has not seen, so nothing ever queues up.
        """
        # A client that does not read does not answer a ping either.
        socket = web.WebSocketResponse(heartbeat=2 * _SLOW_S, compress=False, max_msg_size=64, timeout=1.0)
        await socket.prepare(request)
        seen = 0
        with _letting_go(request):
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

    async def _next(self, kind: Kind, seen: int, socket: web.WebSocketResponse) -> RenderedFrame | None:
        """The next picture; one that is more than two periods late is skipped, once, for the one after it."""
        fps = self._context.counts.fps
        picture = await self._newer(kind, seen, socket)
        if picture is not None and fps > 0 and time.monotonic() - picture.taken > 2 / fps:
            return await self._newer(kind, picture.number, socket)
        return picture

    async def _newer(self, kind: Kind, seen: int, socket: web.WebSocketResponse) -> RenderedFrame | None:
        """Wait for a picture of a newer frame; None once the session has ended or the client has left."""
        wanted = max(seen + 1, self._hub.frames)  # an older picture may be left from an earlier request
        while (picture := self._hub.pictures.get(kind)) is None or picture.number < wanted:
            if self._hub.ended or socket.closed:
                return None
            self._context.painter.want(kind)
            await self._hub.wait(1.0)
        return picture

    def _visit(self, private: bool) -> dict[str, Any] | None:
        """The visit, and what lies around it, which changes without it."""
        visit = self._hub.visit
        if visit is None:
            return None
        session, identity = self._context.session, visit["identity"] and private
        return {**around(self._context.controls), **visit, "session": session, "identity": identity}

    def _frame(self, language: str) -> bytes:
        """The event of the newest frame, created once for all clients of that language."""
        number = self._hub.frames
        made = self._frames.get(language)
        if made is None or made[0] != number:
            assert self._hub.newest is not None
            state = frame_state(number, self._hub.newest, self._context.counts, language, self._context.judge)
            made = self._frames[language] = number, _event("frame", state)
        return made[1]

    def _session(self) -> dict[str, Any]:
        return {
            "session": self._context.session,
            "keeps": self._context.controls.trigger is not None,
            "worklist": self._context.controls.worklist is not None,
            "strictness": self._hub.strictness,
            "languages": list(languages()),
        }


def listed(captures: Iterable[Capture]) -> list[dict[str, Any]]:
    """Captures as JSON."""
    return [
        {
            "visit": each.visit,
            "number": each.number,
            **each.grade,
            **{kind: f"/captures/{each.number}.{kind}.jpg?visit={each.visit}" for kind in ("overlay", "plain")},
        }
        for each in captures
    ]


@contextlib.contextmanager
def _letting_go(request: web.Request) -> Iterator[None]:
    """Disconnect a client that does not read, and ignore one that has left."""
    try:
        yield
    except asyncio.TimeoutError:
        let_go(request)
    except ConnectionError:
        pass


def _event(name: str, data: Any, number: int | None = None) -> bytes:
    known = "" if number is None else f"id: {number}\n"  # so that a client that returns knows what it has heard
    return f"event: {name}\n{known}data: {json.dumps(data)}\n\n".encode()
