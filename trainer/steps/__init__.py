"""The steps of the training, in the order of the data."""
