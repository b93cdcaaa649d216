"""Where the retina is in a frame: the camera's field of view."""
