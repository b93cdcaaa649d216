"""GStreamer pipelines as cameras."""
