"""Frames whose truth is known cell by cell, none of which ever trained."""
