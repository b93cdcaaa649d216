from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.assessment import PICTURE_COLOURS, Assessment, Timings, Verdict
from edge.field.find import Crop
from edge.findings.cause import CAUSES, CauseCode
from edge.findings.evidence import Evidence
from edge.findings.field_definition import FieldDefinition
from edge.overlay.caption import caption_panel, cause_words, view_words
from edge.overlay.words import length_of

VERDICTS: list[Verdict] = ["good", "usable", "reject", "no_fundus"]
# What eyes without one kind of cone see of linear R, G, B: Machado, Oliveira and Fernandes 2009, severity 1.
SEEN_BY = {
    "all": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def seen(verdict: Verdict = "reject", score: float = 0.41, cause: CauseCode | None = None) -> Assessment:
    made = Assessment(
        score, verdict, np.zeros((8, 8), np.float32), np.ones((8, 8), bool), Crop(0, 0, 90), Timings(1, 1, 1)
    )
    made.__dict__["evidence"] = None
    if cause is not None:
        main, shares = ({code: size * (code == cause) for code in CAUSES} for size in (1.0, 0.344))
        places = dict.fromkeys(CAUSES, (0.6, 0.0))
        made.__dict__["evidence"] = Evidence(0.3, main, main, shares, places, False, (0, 0), 0.0, 0.0)
    return made


def lab(colour: tuple[int, int, int], cones: list[list[float]]) -> NDArray[np.float64]:
    """L*, a*, b* of B, G, R as some eyes see it."""
    rgb = np.array(colour[::-1]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(np.array(cones) @ linear, 0, 1) / (0.9505, 1, 1.089)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("who", SEEN_BY)
def test_the_colours_of_verdicts_differ_for_all_eyes(who: str) -> None:
    found = [lab(PICTURE_COLOURS[verdict], SEEN_BY[who]) for verdict in VERDICTS]
    apart = [float(np.linalg.norm(a - b)) for i, a in enumerate(found) for b in found[i + 1 :]]
    assert min(apart) > 25  # some 2 can be told apart side by side


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_word_of_a_verdict_stands_on_its_colour_and_can_be_read(verdict: Verdict) -> None:
    panel = caption_panel((720, 960), seen(verdict), None)
    on = (panel == PICTURE_COLOURS[verdict]).all(axis=2)
    rows, columns = np.nonzero(on)
    badge = panel[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert (badge.max(axis=2) < 60).sum() > 50, "no letters"
    others = [each for each in VERDICTS if each != verdict]
    assert not any((panel == PICTURE_COLOURS[each]).all(axis=2).any() for each in others)


def test_the_score_is_part_of_the_caption() -> None:
    assert (
        caption_panel((300, 400), seen(score=0.41), None) != caption_panel((300, 400), seen(score=0.42), None)
    ).any()


def test_words_of_cause_and_view() -> None:
    one = seen(cause="edge_shadow")
    assert cause_words(one) == "edge shadow 3 o'clock 34 %"
    least = seen(cause="haze")
    assert least.evidence is not None
    least.evidence.shares["haze"] = 0.0008
    assert cause_words(least) == "haze 3 o'clock <1 %"  # it is named, so that it did not take nothing
    assert cause_words(seen("no_fundus", 0.0)) == "no retina in view"
    assert cause_words(seen()) == "no cause named"
    without = dataclasses.replace(seen(), explained=False)  # a modality that has no causes
    assert cause_words(without) == ""
    assert cause_words(dataclasses.replace(without, verdict="no_anatomy")) == "anatomy not in view"
    assert view_words(one) == ""
    one.__dict__.update(
        {"_eye": ("right", 0.97), "field_definition": FieldDefinition("macula", None, None, None, None)}
    )
    assert view_words(one) == "right eye, macula field"


@pytest.mark.parametrize("width", [*range(1, 900, 37), 1920, 6000])
def test_nothing_is_cut_off_at_any_width(width: int) -> None:
    """The longest words fit: the right margin stays empty, and each cell's end is followed by nothing but ground."""
    note = "Reflection at 12 o'clock: tilt or shift a little"
    one = seen("no_fundus", 0.0)
    panel = caption_panel((width * 3 // 4 + 1, width), one, note)
    assert panel.shape[1] >= width
    ground = panel[0, 0]
    assert (panel[:, -4:] == ground).all()
    assert (panel[:2] == ground).all()
    assert (panel[-2:] == ground).all()


def test_the_longest_cause_fits_its_cell() -> None:
    for size in (12, 20, 100):
        assert length_of("edge shadow 12 o'clock 100 %", size) <= 14.5 * size
        assert length_of("right eye, macula field", size) <= 10.5 * size


def test_letters_grow_with_the_frame() -> None:
    heights = [caption_panel((side * 3 // 4, side), seen(), None).shape[0] / side for side in (1000, 2000, 6000)]
    assert max(heights) < 0.06
    assert min(heights) > 0.04


def test_a_note_has_rows_of_its_own_and_never_more() -> None:
    without, empty, short, long = (
        caption_panel((300, 400), seen(), note).shape for note in (None, "", "clean the lens", "word " * 500)
    )
    assert without[0] < empty[0]
    assert empty == short == long
    said = caption_panel((300, 400), seen(), "clean the lens")
    assert (said != caption_panel((300, 400), seen(), "")).any()
