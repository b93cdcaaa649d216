"""Atomic writes, and files that a user names."""
