"""``edge.field``, written into a graph: each module and function here has its namesake there, and the same result.

A selection of points is a mask here, as a graph does not choose what it computes. A number that may be None there is
not a number here, beside which every comparison fails; of several, ``found`` says whether they are there.
"""
