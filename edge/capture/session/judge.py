"""Which of the frames that a session keeps are adequate by a criterion, and what it still lacks."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from edge.capture.graded import Graded
from edge.criteria.adequacy import Adequacy, judge
from edge.criteria.criterion import Criterion
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

_FIELDS: tuple[FieldKind, ...] = ("macula", "disc")  # of a protocol of two fields an eye
_EYES: tuple[Eye, ...] = ("right", "left")


@dataclass(frozen=True)
class Kept:
    """A frame that is on disk.

    Attributes:
        eye: that it shows; None where neither the operator nor the picture tells, or the two contradict each other.
        adequacy: by the criterion.
    """

    eye: Eye | None
    adequacy: Adequacy


@dataclass(frozen=True)
class Judge:
    """Judges what is kept or shown, and no other frame: most of a session is never looked at again.

    Attributes:
        criterion: of ``read_criterion``.
        eye: of the whole session, where the operator said so; else the picture tells.
        kept: by the stem of their files; added to by the thread that saves them.
    """

    criterion: Criterion
    eye: Eye | None = None
    kept: dict[str, Kept] = field(default_factory=dict)

    def judge(self, graded: Graded) -> Adequacy:
        """What the criterion says of a frame."""
        return judge(graded.assessment, self.criterion)

    def record(self, graded: Graded) -> dict[str, Any]:
        """The same, as JSON can hold it."""
        return self.judge(graded).to_dict()

    def keep(self, stem: str, graded: Graded, eye: Eye | None) -> str:
        """Count a frame that is on disk, of an eye that is certain or None; returns its line for ``session.jsonl``."""
        adequacy = self.judge(graded)
        self.kept[stem] = Kept(eye, adequacy)
        record = adequacy.to_dict()
        return json.dumps({"event": "kept", "index": graded.frame.index, "file": f"{stem}.png", "criterion": record})

    def correct(self, stem: str, eye: Eye | None) -> None:
        """The operator said which eye a frame shows."""
        self.kept[stem] = dataclasses.replace(self.kept[stem], eye=eye)

    @property
    def adequate(self) -> list[Kept]:
        """Those that are."""
        return [each for each in self.kept.values() if each.adequacy.adequate]

    @property
    def missing(self) -> list[tuple[Eye, FieldKind]]:
        """Fields without an adequate frame; empty where the criterion is not one of two fields an eye."""
        if self.criterion.macula is None or self.criterion.disc is None or self.criterion.other is not None:
            return []
        there = {(each.eye, each.adequacy.kind) for each in self.adequate}
        eyes = _EYES if self.eye is None else (self.eye,)
        return [(eye, kind) for eye in eyes for kind in _FIELDS if (eye, kind) not in there]

    def summary_line(self) -> str:
        """The last line of ``session.jsonl``, and of ``--json``."""
        return json.dumps(
            {
                "event": "summary",
                "criterion": self.criterion.name,
                "verified": self.criterion.verified,
                "kept": len(self.kept),
                "adequate": len(self.adequate),
                "missing": [{"eye": eye, "field": kind} for eye, kind in self.missing],
            }
        )

    def lines(self) -> list[str]:
        """The same for people."""
        adequate, frames = len(self.adequate), len(self.kept)
        said = [f"{adequate} of {frames} kept adequate by {self.criterion.shown}; no programme has approved it"]
        if self.missing:
            said.append(f"still missing: {', '.join(f'{kind} of the {eye} eye' for eye, kind in self.missing)}")
        if unknown := sum(each.eye is None for each in self.adequate):
            said.append(f"of {unknown} adequate it is not certain which eye they show: they count for neither")
        return said
