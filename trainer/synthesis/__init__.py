"""Other cameras, disease, and spoiling on purpose."""
