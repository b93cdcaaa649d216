"""What a network must do, and what a processor can."""
