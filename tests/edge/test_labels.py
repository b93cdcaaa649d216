from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.labels import choose_labels, key_of, labels_from_folders, read_labels


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
    data=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: f"path,quality\n{text}".encode()))
)
def test_any_bytes_are_labels_or_an_edge_error(folder: Path, data: bytes) -> None:
    path = folder / "any.csv"
    path.write_bytes(data)
    try:
        labels = read_labels(path)
    except EdgeError:
        return
    assert labels


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
        choose_labels(path, images)
    with pytest.raises(EdgeError, match="labels none of the images"):
        choose_labels(path, [folder / "d, e.png"])
    labels = choose_labels(path, [*images, folder / "sub/c.png"])
    assert labels is not None
    assert labels[key_of(folder / "sub/c.png")] == "reject"
    assert choose_labels(None, images) is None
