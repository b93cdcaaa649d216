"""The network of a bundle as untrusted input: what it may hold, how large it may be, and what it computes."""
