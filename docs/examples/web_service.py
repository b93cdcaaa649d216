"""Grades what is sent to it: python web_service.py 8000, then curl --data-binary @eye.jpg http://127.0.0.1:8000/grade."""

import asyncio
import os
import sys
import tempfile

from aiohttp import web

from edge import EdgeError, QualityModel, read_image


def grade(body):
    """As edge-grade reads and grades a file: its decoder is a process of its own, with limits."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as file:  # noqa: PTH112
        file.write(body)
        file.flush()
        return model.assess(read_image(file.name)).to_dict()


async def answer(request):
    """200 with all that is known of the picture, or 422 and one sentence."""
    try:
        return web.json_response(await asyncio.to_thread(grade, await request.read()))
    except EdgeError as error:
        return web.json_response({"error": str(error)}, status=422)


with QualityModel.load() as model:
    service = web.Application(client_max_size=64 << 20)  # of one photograph
    service.add_routes([web.post("/grade", answer)])
    # This machine only, and nobody is asked who they are: put a proxy with TLS and a login before it.
    web.run_app(service, host="127.0.0.1", port=int(sys.argv[1]))
