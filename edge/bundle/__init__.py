"""The `.efiqa` file, read as a stranger's."""
