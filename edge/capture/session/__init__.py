"""One capture session and what it keeps."""
