"""The files of the page, as they lie in the package; they hold no data of a patient or a session."""

from __future__ import annotations

import importlib.resources

from aiohttp import web

from edge.preview.auth.middleware import Handler

_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".json": "application/json"}
_FOLDER = importlib.resources.files("edge.preview").joinpath("page")
# The address of each, and the page itself at the root.
PAGE = {
    "/" if each.name == "index.html" else f"/{each.name}": each.name
    for each in sorted(_FOLDER.iterdir(), key=lambda each: each.name)
    if each.name[each.name.rfind(".") :] in _KINDS
}


def page_routes() -> list[web.RouteDef]:
    """A route for each file."""
    return [web.get(path, _file(name)) for path, name in PAGE.items()]


def _file(name: str) -> Handler:
    data, kind = _FOLDER.joinpath(name).read_bytes(), _KINDS[name[name.rfind(".") :]]

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=data, content_type=kind, charset="utf-8")

    return answer
