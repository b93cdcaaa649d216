"""One file a command of edge-bench."""
