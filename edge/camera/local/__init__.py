"""Cameras at this machine."""
