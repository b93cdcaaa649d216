"""Which eye the frames of this moment show: a vote of the last ones that tell it for sure."""

from __future__ import annotations

from collections import Counter, deque

from edge.assessment import Assessment
from edge.findings.eye import Eye

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
