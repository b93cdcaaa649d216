"""A plain loop: python plain_loop.py 0 (a camera), or a video file. Captures become pictures in this folder."""

import sys
import time

import cv2

from edge import EdgeError, EngineError, GuidedSession, QualityModel

source = sys.argv[1] if len(sys.argv) > 1 else "0"
live = source.isdigit()
camera = cv2.VideoCapture(int(source) if live else source)
shown = ""

with QualityModel.load(field="learn") as model, GuidedSession(model, strictness="normal") as session:
    while True:
        there, image = camera.read()  # uint8 BGR
        if not there:
            break
        t = time.monotonic() if live else camera.get(cv2.CAP_PROP_POS_MSEC) / 1000
        try:
            step = session.update(image, t)
        except EngineError:  # no frame can be graded any more: load the model again
            raise
        except EdgeError as error:  # this frame alone
            print(error)
            continue
        if step.hint.text != shown:
            shown = step.hint.text
            print(shown)
        if step.capture is not None:
            name = f"visit-{step.visit.number}-capture-{step.capture.number}.png"
            cv2.imwrite(name, step.capture.frames[0].image)
            print(name, step.capture.eye, step.capture.field)
