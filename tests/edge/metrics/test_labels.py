from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.metrics.labels import Quality, Ratings, choose_truth, key_of, labels_from_folders, read_labels, read_truth


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "sub/c.png", "d, e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(text.encode())
    return path


def test_words_paths_and_forms(folder: Path) -> None:
    text = (
        "\ufeffQuality,path,note\r\n Good ,a.png,x\r\n0,./sub/../b.png,\r\n\r\n"
        'usable,sub/c.png,y\r\nbad,"d, e.png",\r\n'
    )
    assert read_labels(write(folder, text)) == {
        key_of(folder / "a.png"): "good",
        key_of(folder / "b.png"): "reject",
        key_of(folder / "sub/c.png"): "usable",
        key_of(folder / "d, e.png"): "reject",
    }


def test_what_spreadsheets_and_programs_leave_is_understood(folder: Path) -> None:
    """Blanks around a path, rows of commas below the table, and numbers as programs write them."""
    text = "path , quality\n a.png , good\nb.png,0.0,\nsub/c.png,1.0\n,\n,,\n"
    said = read_labels(write(folder, text))
    assert said == {
        key_of(folder / "a.png"): "good",
        key_of(folder / "b.png"): "reject",
        key_of(folder / "sub/c.png"): "good",
    }


@pytest.mark.parametrize("text", ["path,score\na.png,1,5\nb.png,2,5\n", "path,quality\nd, e.png,good\n"])
def test_more_cells_than_columns_are_not_dropped(folder: Path, text: str) -> None:
    """A decimal comma, or a path with a comma and no quotes: what is read would be another thing than was meant."""
    with pytest.raises(EdgeError, match=r"line 2: there are more cells than columns"):
        read_truth(write(folder, text))


def test_the_same_label_twice_is_one(folder: Path) -> None:
    assert len(read_labels(write(folder, "path,quality\na.png,bad\nsub/../a.png,reject\n"))) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column path"),
        ("path;quality\na.png;good\n", "no column path"),
        ("path,grade\na.png,good\n", "no column quality"),
        ("path,quality\n", "holds no labels"),
        ("path,quality\na.png,fine\n", "line 2: unknown quality 'fine'"),
        ("path,quality\na.png\n", "line 2: unknown quality ''"),
        (
            "path,quality\na.png,good\ngone.png,bad\nfar.png,bad\n",
            "names 2 of 3 images that do not exist, first .*gone",
        ),
        ("path,quality\n,good\n", "do not exist"),
        ("path,quality\na.png,good\n./a.png,bad\n", "line 3: ./a.png has two different labels"),
        ('path,quality\n"a.png,good\n', "not a CSV"),
        ("path,quality\na.png,good\nb.png,0.7\nsub/c.png,0.2\n", "line 3: unknown quality '0.7'; .*graded score"),
        ("path,quality\na.png,2\nb.png,1\n", "line 2: unknown quality '2'; .*graded score"),
        (f"path,quality\n{'long' * 100}.png,good\n", "names 1 of 1 images that do not exist"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(folder: Path, text: str, words: str) -> None:
    path = write(folder, text)
    with pytest.raises(EdgeError, match=words) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


def test_files_that_are_no_csv(folder: Path) -> None:
    (folder / "latin.csv").write_bytes(b"path,quality\n\xe9.png,good\n")
    for path, words in ((folder / "latin.csv", "UTF-8"), (folder, "cannot be read"), (folder / "no.csv", "not exist")):
        with pytest.raises(EdgeError, match=words):
            read_labels(path)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda column, text: f"path,{column}\n{text}".encode(),
            st.sampled_from(["quality", "score"]),
            st.one_of(st.text(max_size=100), st.text("a.pngb0123,-e_\n", max_size=100)),
        ),
    )
)
def test_any_bytes_are_labels_or_an_edge_error(folder: Path, data: bytes) -> None:
    path = folder / "any.csv"
    path.write_bytes(data)
    try:
        truth = read_truth(path)
    except EdgeError:
        return
    assert truth.of if isinstance(truth, Ratings) else truth


IMAGES = ("a.png", "b.png", "sub/c.png", "d, e.png")
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def table(column: str, cells: list[str]) -> str:
    return "\n".join([f"{column},path", *(f'{cell},"{name}"' for cell, name in zip(cells, IMAGES, strict=False))])


@given(scores=st.lists(FINITE, min_size=1, max_size=4))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_score_column_is_read_as_it_was_written(folder: Path, scores: list[float]) -> None:
    path = write(folder, table("Score", [repr(score) for score in scores]))
    truth = read_truth(path)
    assert truth == Ratings({key_of(folder / name): score for name, score in zip(IMAGES, scores, strict=False)})
    with pytest.raises(EdgeError, match="holds a graded score, not labels"):
        read_labels(path)


@given(scores=st.lists(FINITE, min_size=3, max_size=4, unique=True))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_quality_column_of_three_numbers_is_a_graded_score(folder: Path, scores: list[float]) -> None:
    cells = [repr(score) for score in scores]
    truth = read_truth(write(folder, table("quality", cells)))
    assert truth == read_truth(write(folder, table("score", cells)))


@given(
    words=st.lists(st.sampled_from(["0", "1", "good", "usable", "reject", "bad", "outlier"]), min_size=1, max_size=4)
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_words_and_0_and_1_are_labels_never_a_graded_score(folder: Path, words: list[str]) -> None:
    meant: dict[str, Quality] = {
        "0": "reject", "1": "good", "good": "good", "usable": "usable", "reject": "reject", "bad": "reject",
        "outlier": "outlier",
    }  # fmt: skip
    path = write(folder, table("quality", words))
    assert read_truth(path) == {key_of(folder / name): meant[word] for name, word in zip(IMAGES, words, strict=False)}


@given(
    column=st.sampled_from(["score", "quality"]),
    place=st.integers(0, 3),
    cell=st.one_of(
        st.sampled_from(["nan", "-NaN", "inf", "-Infinity", "1e999", "", " ", "3 of 5", "fine"]),
        st.text(st.characters(codec="ascii", categories=["L"]), max_size=8),
    ),
)
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_no_number_among_numbers_is_refused_by_its_line(
    folder: Path, column: str, place: int, cell: str
) -> None:
    cells = ["0.5", "-2", "7e3"]
    cells.insert(place, cell)
    path = write(folder, table(column, cells))
    with pytest.raises(EdgeError, match=r"line \d: .*") as caught:
        read_truth(path)
    said = str(caught.value)
    if cell.lower() not in ("good", "usable", "reject", "bad", "outlier") or column == "score":
        assert said.startswith(f"{path}, line {place + 2}: the score '{cell.strip()}' is not a finite number")


def test_quality_counts_where_both_columns_are_there(folder: Path) -> None:
    path = write(folder, "path,score,quality\na.png,0.1,good\nb.png,nothing,bad\n")
    assert list(read_labels(path).values()) == ["good", "reject"]


def test_two_scores_of_one_image_are_refused(folder: Path) -> None:
    with pytest.raises(EdgeError, match=r"line 3: \./a\.png has two different labels"):
        read_truth(write(folder, "path,score\na.png,1\n./a.png,2\n"))
    assert read_truth(write(folder, "path,score\na.png,1\n./a.png,1.0\n")) == Ratings({key_of(folder / "a.png"): 1})


def test_a_graded_score_must_give_the_images_an_order(folder: Path) -> None:
    images = [folder / name for name in IMAGES]
    path = write(folder, table("score", ["3", "3", "3", "5"]))
    for graded, words in (
        (images[:3], "all have the same graded score"),
        (images[2:], "needs 3 images or more, not 2"),
        ([images[3]] * 5, "needs 3 images or more, not 1"),  # one image, however often it is given
        ([folder / "labels.csv"], "labels none of the images"),
    ):
        with pytest.raises(EdgeError, match=words) as caught:
            choose_truth(path, graded)
        assert str(caught.value).startswith(str(path))
    truth = choose_truth(path, images[1:])
    assert isinstance(truth, Ratings)
    assert sorted(truth.of.values()) == [3, 3, 3, 5]


def test_folder_names_are_labels(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("Good/1.png", "bad/2.png", "usable/3.png", "outlier/4.png")]
    labels = labels_from_folders(paths)
    assert labels is not None
    assert [labels[key_of(path)] for path in paths] == ["good", "reject", "usable", "outlier"]
    assert labels_from_folders([*paths, tmp_path / "other/5.png"]) is None
    assert labels_from_folders(paths[:1]) is None
    assert labels_from_folders([paths[0], paths[3]]) is None
    assert labels_from_folders([]) is None


def test_labels_must_fit_the_images(folder: Path) -> None:
    images = [folder / "a.png", folder / "b.png"]
    path = write(folder, "path,quality\na.png,good\nb.png,usable\nsub/c.png,bad\n")
    with pytest.raises(EdgeError, match="as good and usable only"):
        choose_truth(path, images)
    with pytest.raises(EdgeError, match="labels none of the images"):
        choose_truth(path, [folder / "d, e.png"])
    labels = choose_truth(path, [*images, folder / "sub/c.png"])
    assert isinstance(labels, dict)
    assert labels[key_of(folder / "sub/c.png")] == "reject"
    assert choose_truth(None, images) is None
