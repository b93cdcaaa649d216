"""The web page beside the camera."""
