from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from edge.errors import EdgeError
from edge.phantom.retina import Retina, make_retina
from trainer.data.datasets import (
    Photograph,
    find_photographs,
    first_byte,
    in_threads,
    is_held_out,
    load_square,
    load_squares,
    set_name,
)


def test_photographs_are_found_with_their_vessel_maps_and_without_what_is_excluded(photographs: Path) -> None:
    found = find_photographs(photographs, ["graded"])
    assert len(found) == 16
    assert sum(p.vessels is not None for p in found) == 8
    assert not any("vessels" in p.path.parts[-3:-1] for p in found)
    assert len(find_photographs(photographs)) == 32


def test_excluded_folders_are_paths_from_the_data_folder(photographs: Path) -> None:
    assert len(find_photographs(photographs, ["graded/good"])) == 24


def test_excluded_folders_stay_excluded_whichever_folder_is_named(photographs: Path, tmp_path: Path) -> None:
    """Of a folder further up, and of one inside a set, the same photographs are left out."""
    photographs = Path(shutil.copytree(photographs, tmp_path / "photographs"))
    whole = {p.path.resolve() for p in find_photographs(photographs, ["graded/good"])}
    above = {p.path.resolve() for p in find_photographs(photographs.parent, ["graded/good"])}
    assert not any("graded/good" in path.as_posix() for path in above)
    assert whole <= above
    inside = {p.path.resolve() for p in find_photographs(photographs / "graded", ["graded/good"])}
    assert inside == {path for path in whole if "graded" in path.parts}
    with pytest.raises(EdgeError, match=r"fix the recipe's lists of folders \(now exclude graded/good\)"):
        find_photographs(photographs / "graded" / "good", ["graded/good"])


def test_what_is_excluded_teaches_by_no_other_name(
    photographs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor a link to it, a copy of it, its folder in capitals, or the source that a table names."""
    data = Path(shutil.copytree(photographs, tmp_path / "data"))
    before = find_photographs(data, ["graded"])
    (data / "mine").mkdir()
    (data / "mine/link.png").symlink_to("../graded/good/1.png")
    shutil.copy(data / "graded/good/2.png", data / "mine/copy.png")
    (data / "mine/Vessels").mkdir()
    shutil.copy(data / "set/vessels/00L.png", data / "mine/Vessels/1.png")
    caplog.set_level("INFO")
    assert find_photographs(data, ["graded"]) == before
    assert "left out: 1 copies of photographs for evaluation, such as" in caplog.text
    assert len(find_photographs(data)) == 34
    other = data / "mine/other.png"  # as long, and alike in its middle
    other.write_bytes((data / "mine/copy.png").read_bytes()[:-1] + b"\0")
    assert find_photographs(data, ["graded"])[8].path == other
    other.unlink()
    (data / "graded").rename(data / "other")
    (data / "other").rename(data / "GRADED")
    assert find_photographs(data, ["graded/good", "graded/bad"]) == before
    shutil.copytree(data / "GRADED", data / "mine/more")
    (data / "GRADED").rename(data / "another")
    rows = [f"{path.relative_to(data)},Graded,,,," for path in (data / "another").rglob("*.png")]
    (data / "discs.csv").write_text("\n".join(["path,source,disc_cx,disc_cy,disc_w,disc_h", *rows]))
    assert find_photographs(data, ["graded"]) == before


def test_only_the_folders_and_sources_that_are_named(
    marked: tuple[Path, Retina], photographs: Path, tmp_path: Path
) -> None:
    found = find_photographs(photographs, ["graded/bad"], ["graded", "loose"])
    assert {p.path.relative_to(photographs).parts[0] for p in found} == {"graded", "loose"} == {p.source for p in found}
    assert not any("bad" in p.path.parts for p in found)
    assert find_photographs(photographs, ["GRADED/bad"], ["Graded", "LOOSE"]) == found
    data = Path(shutil.copytree(marked[0], tmp_path / "data"))
    (table,) = data.rglob("discs.csv")
    head, *rows = table.read_text().split()
    table.write_text("\n".join([f"{head},source", *(f"{row},IDRiD" for row in rows)]))
    assert [p.source for p in find_photographs(data, (), ["idrid"])] == ["idrid"]
    for others in ("diaretdb1", "set"):  # the name of its folder, of which the table says more
        with pytest.raises(EdgeError, match=rf"\(now only {others}\)"):
            find_photographs(data, (), [others])


def test_a_set_that_is_the_data_folder_is_called_after_it(photographs: Path) -> None:
    """Its terms are known by its name."""
    assert {p.source for p in find_photographs(photographs / "set")} == {"set"}


def test_subjects_are_left_out_by_chance_the_same_everywhere(photographs: Path) -> None:
    every = find_photographs(photographs)
    kept = find_photographs(photographs, ["sha256<128"])
    assert 0 < len(kept) < len(every)
    assert {p.path for p in kept} == {p.path for p in every if first_byte(p.path) >= 128}
    assert find_photographs(photographs, ["sha256<0"]) == every
    for wrong in ("sha256<", "sha256<x", "sha256<-1", "sha256<256"):
        with pytest.raises(EdgeError, match=rf"^exclude names {wrong}, which is .* no number of 0 to 255"):
            find_photographs(photographs, [wrong])


def test_a_scan_is_all_field(tmp_path: Path) -> None:
    """Also where a finder of discs would see one."""
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "1.png"), make_retina(3, 128).image)
    (scan,) = find_photographs(tmp_path, modality="octa")
    assert scan.source == tmp_path.name
    square = load_square(scan, 96)
    assert square is not None
    assert square.field.all()


def test_a_missing_folder_and_an_empty_one_are_said(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="not a folder"):
        find_photographs(tmp_path / "nowhere")
    with pytest.raises(EdgeError, match=r"holds no|no image"):
        find_photographs(tmp_path)


def test_both_eyes_of_a_subject_are_held_out_together(photographs: Path) -> None:
    drawn = [p for p in find_photographs(photographs) if p.vessels]
    kept = {p.path.stem for p in drawn if is_held_out(p, drawn, 4)}
    assert kept == {"03L", "03R"}
    assert not any(is_held_out(p, drawn, 0) for p in drawn)


def test_a_set_that_comes_with_a_part_for_testing_is_taught_whole(tmp_path: Path) -> None:
    (tmp_path / "drive/test").mkdir(parents=True)
    of_sets = [
        [Photograph(tmp_path / name / f"images/{n}.png", tmp_path / "x") for n in range(8)]
        for name in ("drive/train", "other/train")
    ]
    kept = [[is_held_out(p, photographs, 4) for p in photographs] for photographs in of_sets]
    assert not any(kept[0])
    assert sum(kept[1]) == 2


@pytest.mark.parametrize(
    ("path", "name"),
    [("hrf/images/1.jpg", "hrf"), ("drive/test/images/1.tif", "drive/test"), ("a/b/train/images/1.png", "b/train")],
)
def test_a_set_is_called_after_its_folder(path: str, name: str) -> None:
    assert set_name(Path("data") / path) == name


def test_a_square_holds_picture_field_and_vessels_in_register(photographs: Path) -> None:
    square = load_square(find_photographs(photographs / "set")[0], 160)
    assert square is not None
    assert square.vessels is not None
    assert square.picture.shape == (160, 160, 3)
    assert square.field.shape == square.vessels.shape == (160, 160)
    assert square.vessels[~square.field].max() == 0
    green = square.picture[:, :, 1].astype(float)
    inner = cv2.erode(square.field.astype(np.uint8), np.ones((15, 15))) > 0
    near = cv2.GaussianBlur(green, (0, 0), 6)
    assert (green - near)[(square.vessels > 0.8) & inner].mean() < (green - near)[(square.vessels < 0.1) & inner].mean()


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Retina]:
    """An eye off the middle of its frame, its disc in discs.csv, its vessels in the colours of arteries and veins."""
    data = tmp_path_factory.mktemp("marked")
    seed = next(s for s in range(50) if abs((eye := make_retina(s, 64)).disc[0] - 31.5) > 2.5 * eye.disc_radius)
    retina = make_retina(seed, 240)
    vessels = np.where((retina.vessels > 0.5)[:, :, None], np.array([255, 0, 0]), 0).astype(np.uint8)
    vessels[:120] = vessels[:120, :, ::-1]
    for folder, picture in (("images", retina.image), ("vessels", vessels)):
        (data / "set" / folder).mkdir(parents=True)
        cv2.imwrite(str(data / f"set/{folder}/1.png"), cv2.copyMakeBorder(picture, 0, 0, 90, 10, cv2.BORDER_CONSTANT))
    (x, y), wide = retina.disc, 2 * retina.disc_radius
    lines = [f"images/1.png,{x + 90},{y},{wide},{wide}", "images/2.png,,,,"]
    (data / "set/discs.csv").write_text("\n".join(["path,disc_cx,disc_cy,disc_w,disc_h", *lines]))
    return data, retina


def test_vessels_in_the_colours_of_arteries_and_veins_are_all_vessels(marked: tuple[Path, Retina]) -> None:
    square = load_square(find_photographs(marked[0])[0], 160)
    assert square is not None
    assert square.vessels is not None
    drawn = float((marked[1].vessels > 0.5).sum() / (marked[1].field > 0).sum())
    for half in (slice(0, 80), slice(80, 160)):
        assert square.vessels[half].max() > 0.9
    assert square.vessels.sum() / square.field.sum() == pytest.approx(drawn, rel=0.1)


def test_a_marked_disc_becomes_regions_where_the_picture_shows_them(marked: tuple[Path, Retina]) -> None:
    data, retina = marked
    (photograph,) = find_photographs(data)
    assert photograph.disc is not None
    square = load_square(photograph, 160)
    assert square is not None
    assert square.regions is not None
    inner = cv2.erode(square.field.astype(np.uint8), np.ones((15, 15)), borderValue=0) > 0
    disc, macula = ((square.regions[:, :, n] == 255) & inner for n in range(2))
    green = square.picture[:, :, 1].astype(float)
    assert green[disc].mean() > 1.1 * green[inner & ~disc].mean()
    left = np.flatnonzero(macula.any(axis=0)).mean() < np.flatnonzero(disc.any(axis=0)).mean()
    assert left == (retina.macula[0] < retina.disc[0])


@pytest.mark.parametrize("disc", [(2000.0, 100.0, 20.0), (250.0, 100.0, 400.0), (250.0, -90.0, 20.0)])
def test_of_a_disc_that_was_marked_elsewhere_nothing_is_known(
    marked: tuple[Path, Retina], disc: tuple[float, float, float], caplog: pytest.LogCaptureFixture
) -> None:
    """As on a copy at another size: that there is none would be wrong."""
    caplog.set_level("INFO")
    (photograph,) = find_photographs(marked[0])
    square = load_square(dataclasses.replace(photograph, disc=disc), 160)
    assert square is not None
    assert square.regions is None
    # A disc so wide that nobody knows on which side the macula is needs no word.
    assert ("outside the field of view" in caplog.text) == (disc[2] < 100)


def test_without_a_mark_nothing_is_known_of_regions(photographs: Path) -> None:
    square = load_square(find_photographs(photographs / "loose")[0], 160)
    assert square is not None
    assert square.regions is None


def test_a_table_of_discs_that_is_garbage_stops_before_anything_is_trained(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes((photographs / "loose/0.png").read_bytes())
    (tmp_path / "discs.csv").write_text("what is this?\nnobody knows\n")
    with pytest.raises(EdgeError, match=r"discs\.csv cannot be read as path,disc_cx"):
        find_photographs(tmp_path)


def test_masks_of_0_and_1_are_as_good_as_those_of_0_and_255(photographs: Path, tmp_path: Path) -> None:
    photograph = find_photographs(photographs / "set")[0]
    square = load_square(photograph, 160)
    mask = cv2.imread(str(photograph.vessels), cv2.IMREAD_GRAYSCALE)
    assert square is not None
    assert mask is not None
    cv2.imwrite(str(tmp_path / "mask.png"), (mask >= 128).astype(np.uint8))
    again = load_square(Photograph(photograph.path, tmp_path / "mask.png"), 160)
    assert again is not None
    assert again.vessels is not None
    assert square.vessels is not None
    np.testing.assert_allclose(again.vessels, square.vessels, atol=0.51)
    assert again.vessels.sum() == pytest.approx(square.vessels.sum(), rel=0.1)


def test_a_mask_of_another_size_is_said(tmp_path: Path, photographs: Path) -> None:
    photograph = find_photographs(photographs / "set")[0]
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), np.zeros((50, 60), np.uint8))
    with pytest.raises(EdgeError, match="60x50 pixels"):
        load_square(Photograph(photograph.path, small), 160)


def test_a_file_that_cannot_be_read_is_left_out(
    tmp_path: Path, photographs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"not a picture")
    good = find_photographs(photographs / "loose")[0]
    caplog.set_level("INFO")
    assert [s.path for s in load_squares([Photograph(bad, None), good], 64)] == [good.path]
    assert "bad.jpg" in caplog.text
    with pytest.raises(EdgeError, match="none of the photographs"):
        load_squares([Photograph(bad, None)], 64)


def test_a_folder_above_the_data_may_be_called_anything(tmp_path: Path, photographs: Path) -> None:
    data = tmp_path / "fov" / "vessels"
    data.mkdir(parents=True)
    (data / "a.png").write_bytes((photographs / "loose" / "0.png").read_bytes())
    assert [p.path.name for p in find_photographs(data)] == ["a.png"]


def test_only_a_few_are_read_ahead() -> None:
    """Full-size photographs by the hundred do not fit into memory."""
    begun: list[int] = []
    results = in_threads(lambda n: begun.append(n) or n, range(100), "reading", threads=2)  # type: ignore[func-returns-value]
    assert next(iter(results)) == 0
    assert len(begun) <= 6
    results.close()  # type: ignore[attr-defined]
