"""Sources of frames behind one protocol."""
