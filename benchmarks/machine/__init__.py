"""The machine that a figure was measured on."""
