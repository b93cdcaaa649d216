"""Labels, and how well scores and verdicts agree with them."""
