"""Photographs, and what somebody marked in them."""
