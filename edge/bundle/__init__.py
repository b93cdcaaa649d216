"""The `.efiqa` file, read as untrusted input."""
