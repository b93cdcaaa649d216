"""How fast a model is on a machine, and beside what."""
