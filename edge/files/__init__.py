"""Files that are whole or not there, and files that a user names."""
