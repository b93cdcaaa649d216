"""From a frame and its crop to the network's tensor, and the light in it."""
