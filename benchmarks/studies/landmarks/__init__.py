"""Disc, fovea and eye against marks and known eyes: ``python -m benchmarks.studies.landmarks --data DIR``."""
