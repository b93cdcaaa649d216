"""A web page for the operator: python web_page.py 0 8000, then http://127.0.0.1:8000 in a browser."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

from edge import GuidedSession, QualityModel

PAGE = b"""<h1 id=hint></h1><p id=eyes></p><button onclick="fetch('/next', {method: 'POST'})">next patient</button>
<script>setInterval(async () => { const now = await (await fetch('/now')).json()
hint.textContent = now.hint; eyes.textContent = `patient ${now.visit}: ${now.captured}` }, 200)</script>"""
now = {"hint": "", "visit": 1, "captured": []}


class Handler(BaseHTTPRequestHandler):  # noqa: D101
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(now).encode() if self.path == "/now" else PAGE)

    def do_POST(self):
        session.next_visit()  # the buttons of the page may be pressed at any moment
        self.send_response(204)
        self.end_headers()


with QualityModel.load(field="learn") as model, GuidedSession(model, strictness="normal") as session:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    camera = cv2.VideoCapture(int(sys.argv[1]) if sys.argv[1].isdigit() else sys.argv[1])
    while (read := camera.read())[0]:
        step = session.update(read[1], time.monotonic())
        shown = [f"{each.eye} {each.field}" for each in step.visit.captures]
        now = {"hint": step.hint.text, "visit": step.visit.number, "captured": shown}
