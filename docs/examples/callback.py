"""A camera that calls back from a thread of its own: python callback.py clip.mp4, which stands for such a camera."""

import contextlib
import queue
import sys
import threading
import time

import cv2

from edge import GuidedSession, QualityModel

newest = queue.Queue(maxsize=1)


def on_frame(image, t):
    """Called by the camera's library, which must not wait: a frame that nobody has taken yet gives way."""
    with contextlib.suppress(queue.Empty):
        newest.get_nowait()
    newest.put((image, t))


def camera_library(path, callback):
    """What the maker's library does: 15 frames a second, each by a call, and None at the end."""
    recording = cv2.VideoCapture(path)
    while (read := recording.read())[0]:
        callback(read[1], time.monotonic())
        time.sleep(1 / 15)
    callback(None, time.monotonic())


threading.Thread(target=camera_library, args=(sys.argv[1], on_frame), daemon=True).start()
with QualityModel.load(field="learn") as model, GuidedSession(model, strictness="easy") as session:
    while (frame := newest.get())[0] is not None:
        step = session.update(*frame)  # always from this thread
        print(step.hint.text, step.eye)
        if step.capture is not None:
            print("captured", [kept.t for kept in step.capture.frames])
