"""Two ways to do the same, in turns."""
