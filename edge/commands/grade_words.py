"""What edge-grade prints about a whole batch: notes and closing lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.assessment import verdicts_with
from edge.findings.cause import CAUSES
from edge.grading import GradedFile, readable
from edge.images import PassedOver, remedy_of
from edge.metrics.protocol import Evaluation, Ranking
from edge.modality import Modality

Row = tuple[str, ...]  # of ``edge.grading.COLUMNS``, and more


def unread_words(passed: PassedOver) -> str:
    """That photographs were passed over, and what to do."""
    number = "1 photograph is" if len(passed.unread) == 1 else f"{len(passed.unread)} photographs are"
    return f"{number} passed over, such as {passed.unread[0]}: {remedy_of(passed.unread)}."


@dataclass
class Noticed:
    """What is told of once a batch.

    Attributes:
        few: how many files have 16 bits and reach fewer.
        bits: the most that they reach.
        first_few: the first of them.
        others: how many files show the other eye than they say.
        first_other: the first of them.
    """

    few: int = 0
    bits: int = 0
    first_few: str = ""
    others: int = 0
    first_other: str = ""

    def add(self, graded: GradedFile) -> None:
        """Look at a file."""
        if graded.reaches is not None:
            self.few, self.bits = self.few + 1, max(self.bits, graded.reaches)
            self.first_few = self.first_few or graded.shown
        if graded.other_eye:
            self.others += 1
            self.first_other = self.first_other or graded.shown

    def notes(self) -> list[str]:
        """The sentences."""
        few = [few_bits(self.few, self.first_few, self.bits)] if self.first_few else []
        return few + ([other_eyes(self.others, self.first_other)] if self.first_other else [])


def few_bits(count: int, first: str, bits: int) -> str:
    """A warning: the number of bits that count is unknown, so pictures are read as dark.

    Args:
        count: how many files have 16 bits and reach fewer.
        first: of them.
        bits: that they reach.
    """
    who, looks = f"{first} reaches", "looks"
    if count > 1:
        who, looks = f"{count} files, the first of them {first}, reach", "look"
    return f"{who} only {bits} of 16 bits and {looks} dark for it: if the camera has {bits} bits, give --bits {bits}."


def other_eyes(count: int, first: str) -> str:
    """That photographs show the other eye than their files say: how many, and the first of them."""
    who = f"{first} shows the other eye than it says"
    if count > 1:
        who = f"{count} files, the first of them {first}, show the other eye than they say"
    return f"{who} (Laterality): look at which is right, or whether the camera mirrors its pictures."


def counts(rows: Sequence[Row]) -> tuple[dict[str, int], int]:
    """How many got each verdict, and how many failed."""
    found = Counter(row[2] for row in rows)
    return {verdict: found[verdict] for verdict in verdicts_with(found)}, found[""]


def count_causes(rows: Sequence[Row]) -> dict[str, int]:
    """How many of those that are not good have each main cause; a frame without a retina has none."""
    found = Counter(row[4] for row in rows if row[2] in ("usable", "reject"))
    return {cause: found[cause] for cause in CAUSES}


def closing_lines(
    rows: Sequence[Row],
    passed: PassedOver,
    written: Mapping[str, Path | None],
    evaluation: Evaluation | Ranking | None,
    labels: Path | None,
    modality: Modality,
) -> list[str]:
    """The closing words for people.

    Args:
        rows: of all files.
        passed: what was passed over.
        written: outputs by what they hold; None for one that was not asked for.
        evaluation: the comparison with labels, if there are any.
        labels: where they come from; None for the names of the folders.
        modality: of the model; where it explains nothing, no cause is counted.
    """
    verdicts, failed = counts(rows)
    causes = Counter(row[4] for row in rows if row[2] in ("usable", "reject"))
    why = why_lines(causes, verdicts) if modality.explained else []
    lines = ["", f"{len(rows) - failed} graded ({listed(verdicts, modality)}), {failed} failed{_passed(passed)}", *why]
    lines += [f"{what}: {readable(path)}" for what, path in written.items() if path is not None]
    if evaluation is not None:
        source = readable(labels) if labels else "the names of the folders"
        lines += ["", f"{evaluation.subject} from {source}", *evaluation.lines()]
    return lines


def listed(verdicts: Mapping[str, int], modality: Modality) -> str:
    """How many got each verdict that a model of this modality gives."""
    told = {verdict: verdicts.get(verdict, 0) for verdict in ("good", "usable", "reject", modality.absent)}
    return ", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in told.items())


def why_lines(causes: Counter[str], verdicts: Mapping[str, int]) -> list[str]:
    """Why photographs are not good, the most frequent cause first, each with its number and its share of them.

    Args:
        causes: how many that are ``usable`` or ``reject`` have each main cause, empty where none stands out.
        verdicts: how many have each verdict.
    """
    words = {"no_fundus": "no retina in view", "": "none that stands out"}
    found = causes + Counter(no_fundus=verdicts.get("no_fundus", 0))
    total = found.total()
    if not total:
        return []
    digits = len(str(total))
    lines = [
        f"  {count:>{digits}}  {_percent(count, total):>3} %  {words.get(cause, cause.replace('_', ' '))}"
        for cause, count in found.most_common()
    ]
    return [f"main cause of the {total} that {'is' if total == 1 else 'are'} not good, as estimated:", *lines]


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.0f}" if 200 * count >= total else "<1"


def _passed(passed: PassedOver) -> str:
    count, others = len(passed.unread), passed.others
    kinds = [f"{count} photograph{'s' * (count != 1)} of a kind that is not read"] if count else []
    kinds += [f"{others} other file{'s' * (others != 1)}"] if others else []
    return f", {count + others} passed over ({', '.join(kinds)})" if kinds else ""
