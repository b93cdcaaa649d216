"""The loop that all steps share, and the run folder."""
