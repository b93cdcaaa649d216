"""Video files and network streams, past what is broken in them."""
