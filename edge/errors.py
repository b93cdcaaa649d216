"""The one exception that a user is meant to read."""


class EdgeError(Exception):
    """Something the user can mend.

    The message is one sentence (or two short ones) that names the file or thing, says what is wrong
    with it and what to do. Commands print it without a traceback and leave with exit code 1.
    """
