"""Archives and lists at addresses: in memory, and in a store that speaks S3."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.errors import EdgeError
from edge.grading.inputs import Passed, find_inputs, stream_inputs
from edge.sources import archives
from edge.sources.elsewhere import How, source_of
from edge.sources.manifest import Listing
from edge.sources.shared import Shared

fsspec: Any = pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")


def packed(name: str, photographs: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in photographs.items():
                archive.writestr(member, data)
        return made.getvalue()
    with tarfile.open(fileobj=made, mode="w" if name.endswith(".tar") else "w:gz") as tar:
        for member, data in photographs.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return made.getvalue()


@pytest.fixture
def memory() -> Iterator[str]:
    system = fsspec.filesystem("memory")
    system.mkdir("/far")
    yield "memory://far"
    system.rm("/far", recursive=True)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket of a server of this machine that speaks S3."""
    pytest.importorskip("s3fs", reason="A STORE THAT SPEAKS S3 IS NOT TESTED: s3fs is missing, pip install s3fs")
    server = pytest.importorskip(
        "moto.server", reason='A STORE THAT SPEAKS S3 IS NOT TESTED: moto is missing, pip install "moto[server,s3]"'
    ).ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    before = fsspec.config.conf.get("s3")
    fsspec.config.conf["s3"] = {"endpoint_url": f"http://{host}:{port}", "key": "k", "secret": "s"}
    fsspec.filesystem("s3").mkdir("eyes")
    yield "s3://eyes"
    fsspec.config.conf.pop("s3")
    if before is not None:
        fsspec.config.conf["s3"] = before
    server.stop()


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def put(url: str, data: bytes) -> str:
    with fsspec.open(url, "wb") as file:
        file.write(data)
    return url


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_an_archive_at_an_address_is_read_where_it_lies(
    bucket: str, photographs: dict[str, bytes], content: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_BLOCK", 700)  # a member is several
    url = put(f"{bucket}/{name}", packed(name, photographs))
    inputs = find_inputs([url])
    assert [item.name for item in inputs] == [f"{url}!/{member}" for member in photographs]
    for item, data in zip(inputs, photographs.values(), strict=True):
        assert item.source is not None
        assert content(item.source) == data
    (one,) = find_inputs([f"{url}!/south/2.png"])
    assert one.name == f"{url}!/south/2.png"
    found = source_of(one.name, How(), Shared())
    assert found is not None
    assert content(found) == photographs["south/2.png"]


def test_a_list_at_an_address_names_what_lies_beside_it(
    bucket: str, photographs: dict[str, bytes], content: Any
) -> None:
    for name, data in photographs.items():
        put(f"{bucket}/eyes/{name}", data)
    archive = put(f"{bucket}/eyes/more.zip", packed("more.zip", photographs))
    lines = ["image,who", "north/0.png,7", f"{bucket}/eyes/south/2.png,8", "more.zip!/north/1.png,9"]
    url = put(f"{bucket}/eyes/list.csv", "\n".join(lines).encode())
    how = How(Listing("image", ("who",)))
    found = list(stream_inputs([url], Passed(), how))
    assert [item.error for item in found] == ["", "", ""]
    assert [item.carried for item in found] == [(("who", "7"),), (("who", "8"),), (("who", "9"),)]
    assert [item.name for item in found] == [
        f"{bucket}/eyes/north/0.png",
        f"{bucket}/eyes/south/2.png",
        f"{archive}!/north/1.png",
    ]
    wanted = ["north/0.png", "south/2.png", "north/1.png"]
    for item, name in zip(found, wanted, strict=True):
        assert item.source is not None
        assert content(item.source) == photographs[name]
    (trouble,) = stream_inputs([url], Passed())
    assert trouble.error.startswith(f"{url} has no column 'path'")


def test_a_folder_of_a_bucket_is_read(s3: str, photographs: dict[str, bytes], content: Any) -> None:
    for name, data in photographs.items():
        put(f"{s3}/plain/{name}", data)
    inputs = find_inputs([f"{s3}/plain"])
    assert [item.name for item in inputs] == [f"{s3}/plain/{name}" for name in photographs]
    assert all(item.source is not None and item.source.change is not None for item in inputs)
    for item, data in zip(inputs, photographs.values(), strict=True):
        assert item.source is not None
        assert content(item.source) == data
    before = inputs[0].source
    put(f"{s3}/plain/north/0.png", b"other bytes")
    after = find_inputs([f"{s3}/plain/north/0.png"])[0].source
    assert before is not None
    assert after is not None
    assert after.look(Shared()) != before.look(Shared())


def test_a_cut_archive_and_one_that_is_not_there_are_told_of(bucket: str, photographs: dict[str, bytes]) -> None:
    whole = packed("a.zip", photographs)
    url = put(f"{bucket}/cut.zip", whole[:-30])
    (trouble,) = stream_inputs([url], Passed())
    assert trouble.error == f"{url}: it is no zip, or is cut off: copy it again from its source."
    (trouble,) = stream_inputs([f"{bucket}/none.zip"], Passed())
    assert "does not exist" in trouble.error
    (trouble,) = stream_inputs([f"{bucket}/none.csv"], Passed())
    assert "does not exist" in trouble.error


def test_a_signed_address_names_no_archive(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="at a signed address, not to be read there: copy it here") as refused:
        find_inputs(["https://host/a.zip?X-Amz-Signature=1234"])
    assert "1234" not in str(refused.value)
    with pytest.raises(EdgeError, match="is one file system in another"):
        find_inputs(["simplecache::memory://far/a.zip"])
