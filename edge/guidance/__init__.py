"""From a map and the light of a frame to one hint at a time."""
