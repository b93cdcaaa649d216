"""Warns once if the field, given or found, is clearly not where the retina is."""

from __future__ import annotations

from collections.abc import Callable

from edge.field.find import Field, find_field
from edge.field.learned import shares_within
from edge.images.raw import Image

_OUTSIDE = 0.25  # share of a clear retina that lies outside of the field: no shadow does that, so one frame is enough
_EMPTY = 0.25  # share of the field in which nothing is lit: a shadow does that too, but not in every clear frame
_SURE = 30  # clear frames that are so, from which the warning need not wait for the last one
_FITS = 20  # clear frames that the field fits, from which nobody looks any more
_MOST = 60  # frames that are graded a second time for this, at most
_SPOTS = 3  # frames with a clear retina far from the middle, from which the warning is given


class Placement:
    """Holds a given field against the fields that clear frames show by themselves.

    Args:
        setting: how the field was given, for the warning.
        tell: called once, with one sentence.
    """

    def __init__(self, setting: str, tell: Callable[[str], None]) -> None:
        self._setting, self._tell = setting, tell
        self._fits, self._looks, self._empty = 0, 0, 0
        self._own: Field | None = None  # of the last clear frame that the given one does not fit
        self._done = False

    def look(self, frame: Image, given: Field, verdict: str, within: Callable[[Field], str]) -> None:
        """Look at a frame.

        Args:
            frame: uint8 BGR (H, W, 3), or as a camera gave it.
            given: the field that was given, in it.
            verdict: of the frame within that.
            within: grades the frame within another field.
        """
        if self._done or (own := find_field(frame)) is None:
            return
        size = frame.shape[0], frame.shape[1]
        outside, empty = (1 - share for share in shares_within(own, given, size))
        if outside < _OUTSIDE and empty < _EMPTY:
            self._fits += verdict in ("good", "usable")
            self._done = self._fits >= _FITS
            return
        self._looks += 1
        if within(own) in ("good", "usable"):
            self._own = own
            self._empty += outside < _OUTSIDE
            if outside >= _OUTSIDE:
                self._say("leaves out much of what the frame shows")
            elif not self._fits and self._empty >= _SURE:
                self.close()
        self._done = self._done or self._looks >= _MOST

    def close(self) -> None:
        """The last frame was seen: say what was so in all of them."""
        if not self._done and self._empty and not self._fits:
            self._say("has much black in it in every clear frame, as if all of them lay in shadow")

    def _say(self, what: str) -> None:
        self._done = True
        if self._own is None:
            return
        self._tell(
            f"the field {self._setting} {what}: give the camera's whole field (a clear frame shows it at about "
            f"{_circle(self._own)}), or frame, which finds it in each frame."
        )


class Spots:
    """Frames refused because their light is far from the middle, that would be good if that were all of the field.

    Args:
        tell: called once, with one sentence.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._looks, self._clear = 0, 0

    def look(self, spot: Field, within: Callable[[Field], str]) -> None:
        """Look at the spot of light of a frame that was refused; ``within`` grades the frame in another field."""
        if self._clear >= _SPOTS or self._looks >= _MOST:
            return
        self._looks += 1
        self._clear += within(spot) in ("good", "usable")
        if self._clear == _SPOTS:
            self._tell(
                f"{_SPOTS} frames were refused whose light is a clear circle far from the middle of the frame, as a "
                f"shadow may leave it: if that is all that the camera shows, give the field (about {_circle(spot)})."
            )


def _circle(field: Field) -> str:
    crop = field.crop
    return f"circle:{crop.x + crop.side / 2:.0f},{crop.y + crop.side / 2:.0f},{crop.side / 2:.0f}"
