"""Photographs in, checkpoints out: segmenter, prior, adapter, student."""
