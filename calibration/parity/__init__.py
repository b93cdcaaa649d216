"""Every form of a student beside the one it was made from."""
