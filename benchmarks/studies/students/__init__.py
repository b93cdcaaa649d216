"""Students of several sizes: fidelity against milliseconds."""
