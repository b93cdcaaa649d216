"""Who may use the preview."""
