"""The one exception that a user is meant to read."""


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def brief(error: BaseException) -> str:
    """What a library says of a stranger's file: for the brackets of a sentence, so short and without odd characters."""
    said = " ".join(str(error).split()) or type(error).__name__
    return "".join(letter if letter.isprintable() else "?" for letter in said)[:160].rstrip(" .:;")


class EdgeError(Exception):
    """Something the user can mend.

    The message is one sentence (or two short ones) that names the file or thing, says what is wrong
    with it and what to do. Commands print it without a traceback and leave with exit code 1.
    """


class InputError(EdgeError, ValueError):
    """What a program gave to the API cannot be, as a frame that is none: a ``ValueError`` too, as Python has it."""


class MisfitError(EdgeError):
    """A field of view that was given does not fit the frames of a source: no frame of it can be graded."""


class EngineError(EdgeError):
    """An engine failed, or gave maps that cannot be: the one fault that starting an engine anew may mend."""
