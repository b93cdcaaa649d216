"""The streaming loop on a camera, and what it saves."""
