"""What the operating system asks of a session, and is told."""
