"""A result: its form, its file, its pages."""
