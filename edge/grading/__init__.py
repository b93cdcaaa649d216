"""Batches of image files: which ones, what they are graded, and what is kept of it on disk."""

from edge.grading.batch import grade_files
from edge.grading.graded_file import COLUMNS, GradedFile, readable, write_csv
from edge.grading.inputs import Input, find_inputs
from edge.grading.pictures import picture_of, picture_stems, write_pictures

__all__ = [
    "COLUMNS",
    "GradedFile",
    "Input",
    "find_inputs",
    "grade_files",
    "picture_of",
    "picture_stems",
    "readable",
    "write_csv",
    "write_pictures",
]
