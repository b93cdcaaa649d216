"""A GStreamer pipeline with an appsink: python gstreamer_appsink.py v4l2src, or any other elements that end raw."""

import sys

import numpy as np

from edge import GuidedSession, QualityModel
from edge.camera.gstreamer.bindings import load_gstreamer

Gst, _ = load_gstreamer()  # the system's own gi, also from a virtual environment, with GstApp, and initialised
source = sys.argv[1] if len(sys.argv) > 1 else "v4l2src"
caps = "video/x-raw,format=NV12,width=1280,height=720"  # a width that four divides: rows without padding
sink = "appsink name=sink max-buffers=1 drop=true"  # a frame that comes too late gives way to the newest
pipeline = Gst.parse_launch(f"{source} ! videoconvert ! videoscale ! {caps} ! {sink}")

with QualityModel.load(field="learn") as model, GuidedSession(model, strictness="normal", pixels="nv12") as session:
    pipeline.set_state(Gst.State.PLAYING)
    while (sample := pipeline.get_by_name("sink").pull_sample()) is not None:
        buffer = sample.get_buffer()
        mapped, memory = buffer.map(Gst.MapFlags.READ)
        if not mapped:
            continue
        image = np.frombuffer(memory.data, np.uint8, 720 * 3 // 2 * 1280).reshape(720 * 3 // 2, 1280)
        step = session.update(image, buffer.pts / Gst.SECOND)
        buffer.unmap(memory)  # the session has a copy of what it needs
        print(step.hint.text, step.eye, [(each.eye, each.field) for each in step.visit.captures])
    pipeline.set_state(Gst.State.NULL)
