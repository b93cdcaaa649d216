"""Every step against masks, its teacher, and labels."""
