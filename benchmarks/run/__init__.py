"""One run: what a frame waits for, and how long."""
