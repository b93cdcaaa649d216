"""A GStreamer pipeline with an appsink: python gstreamer_appsink.py v4l2src, or any other elements that end raw."""

import ctypes
import sys

ctypes.CDLL("libgcc_s.so.1", mode=ctypes.RTLD_GLOBAL)  # GStreamer's libunwind would end OpenVINO's exceptions badly
import gi  # noqa: E402
import numpy as np  # noqa: E402

from edge import GuidedSession, QualityModel  # noqa: E402

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401 (the second gives the sink its methods)

Gst.init(None)
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
