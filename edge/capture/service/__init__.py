"""Signals of the operating system, and reports to its service manager."""
