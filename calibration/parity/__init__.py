"""Every form of a student compared with the one it was made from."""
