"""Guidance and automatic capture on sequences whose truth is known."""
