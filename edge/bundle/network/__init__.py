"""The network of a bundle as a stranger's file: what it may hold, how large it may be, and what it computes."""
