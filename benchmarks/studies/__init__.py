"""The experiments behind a decision; not in the wheel."""
