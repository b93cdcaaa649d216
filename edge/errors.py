"""The exceptions whose message a user reads, and how other errors and file names are quoted in such a message."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type where there is none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def reason_of(error: BaseException) -> str:
    """Why the system refused something: the message of an ``OSError`` without its number and file name."""
    return str(getattr(error, "strerror", None) or error)


def brief(error: BaseException) -> str:
    """A library's message about an untrusted file, short and printable, to be quoted in parentheses."""
    said = " ".join(str(error).split()) or type(error).__name__
    return "".join(letter if letter.isprintable() else "?" for letter in said)[:160].rstrip(" .:;")


def one_line(text: str) -> str:
    """Text with its unprintable characters escaped: in a file name they could break the line or steer the terminal."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class EdgeError(Exception):
    """An error that the user can fix.

    The message is one sentence (or two short ones) that names the file or thing, what is wrong
    with it and what to do. Commands print it without a traceback and exit with code 1.
    """


class InputError(EdgeError, ValueError):
    """A program passed an invalid argument to the API, such as a frame of another shape: also a ``ValueError``."""


class MisfitError(EdgeError):
    """The given field of view does not fit the frames of a source: none of them can be graded."""


class EngineError(EdgeError):
    """An engine failed or returned invalid maps: the only error that restarting the engine may fix."""
