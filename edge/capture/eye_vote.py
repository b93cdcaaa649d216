"""Which eye the frames of this moment show: a vote of the last ones that tell it for sure."""

from __future__ import annotations

from collections import Counter, deque

from edge.assessment import Assessment
from edge.findings.eye import Eye
from edge.guidance.absence import Absence
from edge.images.raw import Image

KEPT = 15  # sure frames that vote: half a second of video
FEWEST = 3  # of them, before an eye is named
MAJORITY = 0.75  # share of the votes that names it
MOMENT_S = 3.0  # how long a vote counts


class EyeVote:
    """A vote of frames in the order of their time."""

    def __init__(self) -> None:
        self._votes: deque[tuple[float, Eye]] = deque(maxlen=KEPT)

    def update(self, assessment: Assessment, t: float) -> Eye | None:
        """Look at a frame; one that is refused, or does not tell, has no vote.

        Args:
            assessment: of the frame.
            t: its time in seconds; must not go back.

        Returns:
            The eye that the frames of this moment show; None where too few tell, or they do not agree.
        """
        if assessment.verdict in ("good", "usable") and assessment.eye is not None:
            self._votes.append((t, assessment.eye))
        while self._votes and t - self._votes[0][0] > MOMENT_S:
            self._votes.popleft()
        counted = Counter(eye for _, eye in self._votes).most_common(1)
        if not counted or len(self._votes) < FEWEST:
            return None
        eye, votes = counted[0]
        return eye if votes >= MAJORITY * len(self._votes) else None

    def forget(self) -> None:
        """The retina was gone: the next one may be another eye's."""
        self._votes.clear()


class EyeOfNow:
    """The eye before the camera: what the last frames told, and what they told of the same eye a while ago.

    Near the disc, or with much of the field lost, frames may tell no eye; as long as the retina has not left, it is the
    one that was told before.
    """

    def __init__(self) -> None:
        self._votes, self._absence = EyeVote(), Absence()
        self._now: Eye | None = None
        self._before: Eye | None = None

    def update(self, assessment: Assessment, t: float, image: Image) -> Eye | None:
        """Look at a frame; returns what the frames of this moment tell, as ``EyeVote`` does."""
        if self._absence.update(assessment, t, image):
            self._before = None
        self._now = self._votes.update(assessment, t)
        self._before = self._now or self._before
        return self._now

    def of(self, assessment: Assessment) -> Eye | None:
        """The eye of one of the last frames; None where nothing tells it, or that frame alone says otherwise."""
        if self._now is not None:
            return self._now
        if None not in (self._before, assessment.eye) and self._before != assessment.eye:
            return None
        return self._before or assessment.eye

    def forget(self) -> None:
        """The retina was gone: the next one may be another eye's."""
        self._votes.forget()
        self._now = self._before = None
