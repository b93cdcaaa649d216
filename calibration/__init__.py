"""Float checkpoint in, INT8 bundle out."""
