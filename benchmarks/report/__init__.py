"""A result: its fields, its file, its pages."""
