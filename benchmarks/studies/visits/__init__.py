"""Visits played to the end: who is captured, and what reaches the archive."""
