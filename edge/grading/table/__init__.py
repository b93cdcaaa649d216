"""The table of an archive: one row a photograph, kept as it is graded, and taken up again by a later run.

``columns`` says what a row holds, ``record`` makes one, ``lines`` and ``parquet`` keep them, ``index`` finds them,
``table`` is all of it as one file, and ``run`` grades what the table lacks.
"""
