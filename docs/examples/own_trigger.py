"""Capture by a rule of one's own: python own_trigger.py 0 (a camera), or a video file. Pictures lie in this folder."""

import sys

import cv2

from edge import GuidedSession, QualityModel, open_camera


class SharpMacula:
    """Fires when the last five frames were clear, centred on the macula, and the sharpest of the eye so far."""

    def __init__(self):
        self.in_a_row, self.sharpest = 0, {}

    def __call__(self, step):
        seen = step.assessment
        wanted = seen.verdict == "good" and step.eye and seen.field_definition.kind == "macula" and seen.focus
        self.in_a_row = self.in_a_row + 1 if wanted else 0
        if self.in_a_row < 5 or seen.focus < 1.05 * self.sharpest.get(step.eye, 0.0):
            return False
        self.sharpest[step.eye] = seen.focus
        return True


trigger = SharpMacula()
camera = open_camera(sys.argv[1] if len(sys.argv) > 1 else 0)
# Without a strictness nothing fires by itself: only capture_now does, and what it asks for comes with the next frame.
with QualityModel.load(field="learn") as model, GuidedSession(model, strictness=None) as session:
    while (frame := camera.read()) is not None:
        step = session.update_frame(frame, frame.timestamp)
        if step.capture is not None:
            name = f"{step.capture.eye}-{step.capture.number}.png"
            cv2.imwrite(name, step.capture.frames[0].image)
            print(name, round(step.capture.frames[0].assessment.score, 3))
        if trigger(step):
            session.capture_now()
camera.close()
