"""What the table of an archive says: a report, choices, duplicates."""
