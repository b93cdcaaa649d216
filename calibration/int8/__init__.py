"""From a float student to INT8."""
