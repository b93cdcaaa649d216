"""Object storage and web servers, which fail, redirect, and hold what was not asked for."""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.grading import find_inputs
from edge.sources import patience, redirects
from edge.sources.elsewhere import How, source_of
from edge.sources.remote import RemoteFile, remote_files
from edge.sources.shared import Shared
from edge.sources.shown import without_secrets
from edge.sources.source import Trouble, held

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")


class Server:
    """Serves bytes by path; ``ways`` answers in their place, one after the other."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ways: list[Callable[[http.server.BaseHTTPRequestHandler], None]] = []
        self.asked: list[tuple[str, str]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.command, self.path))
                if server.ways:
                    server.ways.pop(0)(self)
                    return
                data = server.files.get(self.path.partition("?")[0])
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.send_header("ETag", f'"{hash(data)}"')
                self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "image/png")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data or b"")

            do_HEAD = do_GET  # noqa: N815 (as it is called)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(patience, "LONGEST_S", 1.0)
    monkeypatch.setattr(patience, "FIRST_S", 1.0)


@pytest.fixture
def bucket(photographs: dict[str, bytes]) -> Iterator[str]:
    system = fsspec.filesystem("memory")
    others = {"notes.txt": b"x", "raw.cr2": b"x", ".hidden.png": b"x", ".git/0.png": b"x"}
    for name, data in {**photographs, **others}.items():
        system.pipe(f"/bucket/{name}", data)
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


def found(url: str) -> tuple[list[RemoteFile], list[str], list[str]]:
    """Photographs, troubles, and what was passed over."""
    passed: list[str] = []
    both = list(remote_files(url, lambda name, head: passed.append(name), Shared()))
    files = [each for each in both if isinstance(each, RemoteFile)]
    return files, [each.words for each in both if isinstance(each, Trouble)], passed


def says(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Callable[[Any], None]:
    def way(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return way


def hangs_up(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@pytest.mark.parametrize("end", ["", "/"])
def test_a_bucket_is_a_folder(bucket: str, photographs: dict[str, bytes], content: Any, end: str) -> None:
    files, troubles, passed = found(bucket + end)
    assert troubles == []
    assert {each.name: content(each) for each in files} == {f"{bucket}/{n}": data for n, data in photographs.items()}
    assert {each.root for each in files} == {bucket}
    assert passed == [f"{bucket}/notes.txt", f"{bucket}/raw.cr2"]
    assert [each.look(Shared())[0] for each in files] == [len(data) for data in photographs.values()]


def test_a_pattern_and_one_file(bucket: str, photographs: dict[str, bytes], content: Any) -> None:
    assert [each.name for each in found(f"{bucket}/*/[13].png")[0]] == [
        f"{bucket}/north/1.png",
        f"{bucket}/south/3.png",
    ]
    assert {each.root for each in found(f"{bucket}/*/[13].png")[0]} == {bucket}
    ((file,), _, _) = found(f"{bucket}/north/1.png")
    assert content(file) == photographs["north/1.png"]
    assert found(f"{bucket}/*.bmp")[1] == [f"{bucket}/*.bmp matches nothing: check the pattern, and quote it."]
    assert found(f"{bucket}/none.png")[1] == [f"{bucket}/none.png does not exist: check the address."]


def test_a_changed_file_has_another_change(bucket: str) -> None:
    before = {each.name: each.look(Shared())[1] for each in found(bucket)[0]}
    time.sleep(0.01)
    fsspec.filesystem("memory").pipe("/bucket/north/0.png", b"other")
    after = {each.name: each.look(Shared())[1] for each in found(bucket)[0]}
    assert None not in before.values()
    assert [name for name in after if before[name] != after[name]] == [f"{bucket}/north/0.png"]


def test_a_photograph_on_a_web_server(server: Server, photographs: dict[str, bytes], content: Any) -> None:
    server.files["/a.png"] = photographs["north/0.png"]
    ((file,), troubles, _) = found(f"{server.url}/a.png?id=3&token=tell-nobody")
    assert troubles == []
    assert file.name == f"{server.url}/a.png?id=3"
    assert "tell-nobody" not in repr(file)
    assert content(file) == photographs["north/0.png"]
    assert server.asked == [("GET", "/a.png?id=3&token=tell-nobody")]
    size, change = file.look(Shared())
    assert size == len(photographs["north/0.png"])
    server.files["/a.png"] += b"more"
    assert file.look(Shared())[1] not in (None, change)


def test_a_folder_on_a_web_server_is_what_its_page_links_below_it(
    server: Server, photographs: dict[str, bytes]
) -> None:
    links = ("a.png", "sub/", "?C=N;O=D", "../", "/up.png", "http://elsewhere.example/c.png", "notes.txt")
    server.files["/d/"] = "".join(f'<a href="{link}">x</a>' for link in links).encode()
    server.files["/d/sub/"] = b'<a href="b.png">b</a><a href="/d/">up</a>'
    files, troubles, passed = found(f"{server.url}/d/")
    assert troubles == []
    assert [each.name for each in files] == [f"{server.url}/d/a.png", f"{server.url}/d/sub/b.png"]
    assert passed == [f"{server.url}/d/notes.txt"]


def test_what_fails_for_a_while_is_tried_again(
    server: Server, photographs: dict[str, bytes], content: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FIRST_S", "LONGEST_S"):
        monkeypatch.setattr(patience, name, 300.0)  # for five failures in a row, on a machine that halts between them
    server.files["/a.png"] = photographs["north/0.png"]
    ((file,), _, _) = found(f"{server.url}/a.png")
    cut = says(200, {"Content-Length": "5000"}, b"only this")
    server.ways = [says(503), hangs_up, cut, says(429), says(500)]
    assert content(file) == photographs["north/0.png"]
    server.ways = [says(503), says(503), hangs_up]
    assert file.look(Shared())[0] == len(photographs["north/0.png"])


def test_what_fails_for_long_is_given_up_together(
    server: Server, photographs: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(patience, "_QUIET_S", 0.3)
    files = [RemoteFile(f"{server.url}/{number}.png", server.url) for number in range(5)]
    server.ways, shared = [says(503)] * 1000, Shared()
    for number, file in enumerate(files):
        tries = len(server.asked)
        with pytest.raises(EdgeError, match=r"/\d.png cannot be read \(it answers 503\): check the address"):
            held(file, shared).__enter__()
        assert (len(server.asked) - tries > 1) == (number == 0)  # the others are tried once
    assert [record.getMessage() for record in caplog.records] == [
        f"{server.url} fails and is waited for, 1 seconds at most"
    ]
    server.ways = []
    server.files["/0.png"] = photographs["north/0.png"]
    for _ in range(2):
        with held(files[0], shared) as bytes_of:
            assert bytes_of.path.read_bytes() == photographs["north/0.png"]
        server.ways = [says(503)]  # patient again


def test_a_server_that_is_not_there_is_told_of_soon(server: Server, content: Any) -> None:
    server.close()
    with pytest.raises(EdgeError, match=r"a.png cannot be read \(Connection refused\): check the address"):
        content(RemoteFile(f"{server.url}/a.png", server.url))


def test_waits_end_with_the_run(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_S", 300.0)
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 100.0)
    server.ways = [says(503)] * 9
    said: list[str] = []

    def read() -> None:
        try:
            with held(RemoteFile(f"{server.url}/a.png", server.url), shared):
                pass
        except EdgeError as error:
            said.append(str(error))

    shared, thread = Shared(), threading.Thread(target=read)
    with shared:
        thread.start()
        while not server.asked:
            time.sleep(0.01)
        time.sleep(0.2)
    thread.join(60)  # of the 100 that it would wait
    assert len(said) == 1


@pytest.mark.parametrize("sends", [0, 1])
def test_a_server_that_gives_no_end_is_left_with_the_run(server: Server, sends: int) -> None:
    over = threading.Event()

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        with contextlib.suppress(OSError):
            for _ in range(6000):
                if sends:
                    handler.end_headers()
                    handler.wfile.write(b"x")
                if over.wait(0.05):
                    break
        handler.close_connection = True

    def read() -> None:
        with pytest.raises(EdgeError, match="the run has ended"), held(RemoteFile(f"{server.url}/a.png", ""), shared):
            pass

    server.ways = [drip] * 9
    shared, thread = Shared(), threading.Thread(target=read)
    with shared:
        thread.start()
        while not server.asked:
            time.sleep(0.01)
        time.sleep(0.2)
    thread.join(60)
    left = thread.is_alive()
    over.set()
    thread.join()
    assert not left


def test_what_is_no_file_at_an_address_is_not_opened(content: Any) -> None:
    with pytest.raises(EdgeError, match="is a device or a pipe"):
        content(RemoteFile("file:///dev/null", ""))


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_is_refused_is_not_tried_again(server: Server, content: Any, status: int) -> None:
    server.ways = [says(status)] * 3
    with pytest.raises(EdgeError, match="does not exist" if status == 404 else f"it answers {status}"):
        content(RemoteFile(f"{server.url}/a.png", server.url))
    assert len(server.asked) == 1


def test_a_redirection_to_another_host_is_not_followed(
    server: Server, photographs: dict[str, bytes], content: Any
) -> None:
    server.files["/b.png"] = photographs["north/0.png"]
    file = RemoteFile(f"{server.url}/a.png", server.url)
    server.ways = [says(302, {"Location": "/b.png"})]
    assert content(file) == photographs["north/0.png"]
    server.ways = [says(302, {"Location": f"http://localhost:{server.port}/b.png"})]
    with pytest.raises(EdgeError, match="redirected to another host, http://localhost: give that address"):
        content(file)
    server.ways = [says(302, {"Location": f"http://localhost:{server.port}/b.png"})] * 2
    assert "redirected to another host" in found(f"{server.url}/a/")[1][0]


@pytest.mark.parametrize("name", ["folder/", "a.zip"])
def test_an_answer_without_an_end_takes_no_memory(server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(redirects, "_LONGEST", 1 << 20)
    sent: list[int] = []

    def flood(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        if handler.command == "GET":
            with contextlib.suppress(OSError):
                for number in range(256):
                    handler.wfile.write(bytes(1 << 20))
                    sent.append(number)
            handler.close_connection = True

    server.ways[:] = [flood] * 9
    trouble, *_ = find_inputs([f"{server.url}/{name}"], True)
    assert "answers with more than 1 MiB where little was asked for" in trouble.error
    assert len(sent) < 100


def test_bytes_without_an_end_are_refused(server: Server, content: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from edge.sources import source

    monkeypatch.setattr(source, "MOST_BYTES", 1 << 20)
    server.ways = [says(200, {"Content-Length": str(1 << 30)}, bytes(4 << 20))]
    with pytest.raises(EdgeError, match="has more than the 1 MiB"):
        content(RemoteFile(f"{server.url}/a.png", server.url))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://me:secret@host.example/a.png", "https://host.example/a.png was given with a user or password"),
        ("simplecache::s3://bucket/a.png", "is one file system in another"),
        ("filecache://bucket/a.png", "is one file system in another"),
        ("nothing-like-it://bucket/a.png", "nothing-like-it:// is no kind of address that fsspec knows"),
        ("https://host.example/a.zip?sig=1", "is an archive or a list at a signed address"),
        ("s3:///a.png", "names no host or bucket"),
    ],
)
def test_addresses_that_are_not_taken(url: str, words: str) -> None:
    files, (told,), _ = found(url)
    assert files == []
    assert words in told
    assert "secret" not in told


def test_a_missing_package_is_one_sentence() -> None:
    if importlib.util.find_spec("s3fs") is None:
        assert found("s3://bucket/a")[1] == ["s3://bucket needs s3fs: pip install s3fs."]
    code = (
        "import sys; sys.modules['fsspec'] = None; from edge.sources.remote import remote_files as f\n"
        "from edge.sources.shared import Shared\n"
        "print([each.words for each in f('s3://bucket/a', print, Shared())])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert run.stdout.strip() == """['s3://bucket needs fsspec: pip install "efiqa-edge[remote]".']"""


def test_one_address_of_a_list_is_asked_only_when_it_is_read(server: Server) -> None:
    file = source_of(f"{server.url}/a.png?sig=abc", How(), Shared())
    assert file is not None
    assert file.name == f"{server.url}/a.png"
    assert server.asked == []
    with pytest.raises(EdgeError, match="user or password"):
        source_of("https://me:secret@host.example/a.png", How(), Shared())


def test_nothing_is_written_to_a_disk(server: Server, photographs: dict[str, bytes], tmp_path: Path) -> None:
    server.files["/a.png"] = photographs["north/0.png"]
    code = (
        "import os, sys; sys.addaudithook(lambda name, args: name == 'open' and isinstance(args[1], str) and "
        "set(args[1]) & set('wax+') and print('WROTE', args))\n"
        "from edge.sources.remote import RemoteFile; from edge.sources.source import held\n"
        "from edge.sources.shared import Shared\n"
        f"with held(RemoteFile('{server.url}/a.png', ''), Shared()) as found: print(found.size)"
    )
    run = subprocess.run(
        [sys.executable, "-B", "-c", code],
        capture_output=True, text=True, check=True, cwd=tmp_path, env={"PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert run.stdout.strip() == str(len(photographs["north/0.png"]))
    assert list(tmp_path.iterdir()) == []


@given(
    st.sampled_from(["https", "http", "s3", "abfs"]),
    st.text("ab:@.-", max_size=8),
    st.text(max_size=12),
    st.sampled_from(["X-Amz-Signature", "sig", "token", "access_token", "AWSAccessKeyId"]),
)
def test_a_shown_address_holds_no_secret(scheme: str, host: str, path: str, key: str) -> None:
    shown = without_secrets(f"{scheme}://user:tell-nobody@{host}/{path}")
    assert "tell-nobody" not in shown
    assert without_secrets(shown) == shown
    if scheme in ("https", "http"):
        assert "tell-nobody" not in without_secrets(f"{scheme}://host/{path.replace('#', '')}?a=1&{key}=tell-nobody")
