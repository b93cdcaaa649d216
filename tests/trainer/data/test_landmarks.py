from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.phantom.retina import make_retina
from trainer.data.landmarks import Landmarks, Mark, landmarks_of, paint_regions, read_discs

HEAD = "path,disc_cx,disc_cy,disc_w,disc_h\n"
CELLS = st.one_of(
    st.text(max_size=12), st.sampled_from(["", " ", "0", "-1", "nan", "inf", "1e999"]), st.floats().map(str)
)


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "discs.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return path


def test_a_disc_is_read_and_empty_places_say_that_it_is_unknown(tmp_path: Path) -> None:
    said = HEAD + "images/a.png,100,80.5,40,44\nimages/b.png,,,,\nimages/c.png, , , , \n images/d.png ,1,2,3,5\n"
    found = read_discs(table(tmp_path, said))
    assert {path.name: mark.disc for path, mark in found.items()} == {
        "a.png": (100, 80.5, 21), "b.png": None, "c.png": None, "d.png": (1, 2, 2),
    }  # fmt: skip


def test_further_columns_and_the_mark_that_spreadsheets_begin_with_do_no_harm(tmp_path: Path) -> None:
    said = "\ufeff" + HEAD.strip() + ",grader\r\na.png,10,20,8,8,jd\r\n"
    assert read_discs(table(tmp_path, said)) == {tmp_path / "a.png": Mark((10, 20, 4))}


def test_the_set_that_a_photograph_comes_from(tmp_path: Path) -> None:
    said = "path,source,disc_cx,disc_cy,disc_w,disc_h\na.png,IDRiD,10,20,8,8\nb.png, DIARETDB1 ,,,,\n"
    assert read_discs(table(tmp_path, said)) == {
        tmp_path / "a.png": Mark((10, 20, 4), "idrid"),
        tmp_path / "b.png": Mark(None, "diaretdb1"),
    }


@pytest.mark.parametrize(
    "said",
    [
        "",
        "path,x,y\na.png,1,2\n",
        HEAD + "a.png,1,2,3\n",
        HEAD + "a.png,1,2,3,\n",
        HEAD + "a.png,left,2,3,4\n",
        HEAD + "a.png,1,2,0,0\n",
        HEAD + "a.png,nan,2,3,4\n",
        HEAD + "a.png,1,inf,3,4\n",
        HEAD + "a.png,1e12,2,3,4\n",
        HEAD + "a.png,1,2,1e9,4\n",
        b"\xff\xfe\x00",
    ],
)
def test_a_table_that_says_nothing_useful_is_named(tmp_path: Path, said: str | bytes) -> None:
    path = table(tmp_path, said)
    if not said:
        assert read_discs(path) == {}  # an empty file marks no disc
        return
    with pytest.raises(EdgeError, match="cannot be read as path,disc_cx") as caught:
        read_discs(path)
    assert str(caught.value).startswith(str(path))


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match=r"discs\.csv cannot be read"):
        read_discs(tmp_path / "discs.csv")


@settings(max_examples=150, deadline=None)
@given(said=st.one_of(st.text(max_size=60), st.binary(max_size=60), st.lists(st.lists(CELLS, max_size=6), max_size=3)))
def test_whatever_a_table_holds_it_gives_discs_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, said: str | bytes | list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("discs") / "discs.csv"
    if isinstance(said, list):
        with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as lines:
            csv.writer(lines).writerows([HEAD.strip().split(","), *said])
    else:
        table(path.parent, said)
    found, error = {}, ""
    try:
        found = read_discs(path)
    except EdgeError as caught:
        error = str(caught)
    assert not error or (error.startswith(f"{path} cannot be read") and error.endswith("."))
    assert "\n" not in error
    discs = [mark.disc for mark in found.values() if mark.disc]
    assert all(math.isfinite(v) for disc in discs for v in disc)
    assert all(radius > 0 for *_, radius in discs)


def test_the_macula_is_where_synthetic_eyes_have_it() -> None:
    """Of right and left eyes; where the disc lies in the middle of the field, nobody knows on which side it is."""
    sides, unknown = set(), 0
    for seed in range(12):
        eye = make_retina(seed, 64)
        found = landmarks_of((*eye.disc, eye.disc_radius), 31.5)
        if abs(eye.disc[0] - 31.5) < 2 * eye.disc_radius:
            assert found is None, seed
            unknown += 1
            continue
        assert found is not None, seed
        assert math.dist(found.macula, eye.macula) < 0.5 * eye.disc_radius, seed
        sides.add((eye.laterality, found.macula[0] > found.disc[0]))
    assert sides == {("right", False), ("left", True)}
    assert unknown


def test_regions_reach_as_far_as_they_should() -> None:
    places = Landmarks((60.0, 80.0), 20.0, (160.0, 92.0))
    regions = paint_regions(places, 240)
    assert regions.shape == (240, 240, 2)
    assert regions.dtype == np.uint8
    rows, columns = np.mgrid[:240, :240]
    for n, ((x, y), reach) in enumerate(((places.disc, 26.0), (places.macula, 40.0))):
        away = np.hypot(columns - x, rows - y)
        assert (regions[..., n][away < reach - 1.5] == 255).all()
        assert (regions[..., n][away > reach + 1.5] == 0).all()


def test_regions_beyond_the_picture_are_left_out() -> None:
    assert paint_regions(Landmarks((-200.0, 30.0), 20.0, (-100.0, 36.0)), 64).max() == 0


def test_places_move_with_the_cut_out() -> None:
    places = Landmarks((100.0, 60.0), 20.0, (200.0, 72.0))
    assert places.moved(40, 10, 0.5) == Landmarks((30.0, 25.0), 10.0, (80.0, 31.0))
