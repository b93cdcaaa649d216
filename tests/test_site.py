"""The site: built with warnings as errors, whole, legible, and without a request to anybody."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[1]
if importlib.util.find_spec("material") is None or importlib.util.find_spec("mkdocs") is None:
    pytest.skip("mkdocs-material is not installed (the extra `site`): THE SITE WAS NOT BUILT", allow_module_level=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    own = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Page(HTMLParser):
    """What a page loads, where it links to, its anchors, and its paragraphs as text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.loads, self.links, self.anchors, self.paragraphs = path, [], [], set(), []  # type: ignore
        self._reading = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given.get("id", ""), given.get("name", "")}
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif "src" in given or (tag == "link" and given.get("rel") not in ("canonical", "next", "prev")):
            self.loads.append(given.get("src") or given.get("href", ""))
        if tag == "p":
            self._reading = True
            self.paragraphs.append("")
        elif tag in ("code", "table", "ul"):
            self._reading = False

    def handle_endtag(self, tag: str) -> None:
        self._reading = self._reading and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._reading:
            self.paragraphs[-1] += data


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_page_of_docs_is_in_it(site: Path, pages: dict[Path, Page]) -> None:
    names = {path.relative_to(site).with_suffix("").as_posix() for path in pages}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= names
    assert {"project/SECURITY", "project/MODEL_CARD", "source/edge/native/example/grade.c"} <= names
    assert "source/docs/examples/plain_loop.py" in names


def test_every_link_and_anchor_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link) or path.name == "404.html":
                continue
            if link == "try/index.html":  # the page of make try, which make site puts there
                continue
            target, _, anchor = unquote(link).partition("#")
            file = (path.parent / target).resolve() if target else path
            file = file / "index.html" if file.is_dir() else file
            if not file.exists() or (anchor and file in pages and anchor not in pages[file].anchors):
                lost.append(f"{path.relative_to(site)}: {link}")
    assert not lost


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert not [each for each in page.loads if re.match(r"(https?:)?//", each)], path
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(['\"]?|@import\s+['\"])(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_tables_and_lists_are_no_plain_text(site: Path, pages: dict[Path, Page]) -> None:
    """GitHub takes more for a list or a table than Python-Markdown does: what reads well there must here."""
    wrong = [
        f"{path.relative_to(site)}: {text[:80]}"
        for path, page in pages.items()
        for text in page.paragraphs
        if re.search(r"^\s*([-*|]|\d+\.) ", text, re.M) or re.search(r"\]\(|```|^#+ ", text, re.M)
    ]
    assert not wrong
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
        assert not re.search(r"^ {1,3}([-*]|\d+\.) ", text, re.M), f"{path}: a list in a list wants four spaces here"


def test_programs_find_every_page_as_text(site: Path) -> None:
    lines = (site / "llms.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# efiqa-edge"
    assert lines[2].startswith("> ")
    listed = [re.fullmatch(r"- \[.+\]\((.+\.md)\): \S.*", line) for line in lines if line.startswith("- ")]
    assert all(listed), [line for line, found in zip(lines, listed, strict=False) if not found]
    names = [found[1] for found in listed if found]
    assert {f"{path.stem}.md" for path in (ROOT / "docs").glob("*.md")} <= set(names)
    assert "python docs/examples/synthetic_photos.py photos" in (site / "tutorial.md").read_text(encoding="utf-8")
    assert all((site / name).is_file() for name in names)


def test_hints_of_the_operator_s_page_are_those_of_the_program() -> None:
    hints = yaml.safe_load((ROOT / "edge" / "guidance" / "hints.yaml").read_text(encoding="utf-8"))["hints"]
    page = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    said = re.findall(r"^\| ([A-Z].*?) \| ", page[page.index("| it says") : page.index("**Blue")], re.M)
    for code, hint in hints.items():
        texts = [each["en"].replace("{clock}", "#") for each in (hint["text"], hint.get("text_at")) if each]
        rows = [re.sub(r"\d+", "#", row) for row in said]
        assert any(text.startswith(row) for text in texts for row in rows), code
    assert len(said) == len(hints)


def test_it_is_read_and_searched_from_a_disk(site: Path, open_chromium: Callable[..., Any]) -> None:
    browser = open_chromium(1280, 900)
    browser.get((site / "index.html").as_uri())
    WebDriverWait(browser, 60).until(lambda it: it.find_elements(By.CSS_SELECTOR, "[data-md-component=search-query]"))
    browser.execute_script("document.querySelector('#__search').click()")
    field = browser.find_element(By.CSS_SELECTOR, "[data-md-component=search-query]")
    WebDriverWait(browser, 60).until(lambda _: field.is_displayed())
    field.send_keys("golden frames")
    found = WebDriverWait(browser, 60).until(lambda it: it.find_elements(By.CSS_SELECTOR, ".md-search-result__link"))
    assert any("edge-compile" in each.get_attribute("href") for each in found)
    assert not browser.get_log("browser")


def test_no_page_asks_anybody_but_its_server(site: Path, open_chromium: Callable[..., Any]) -> None:
    """And on a phone every picture is there, and nothing is wider than the screen."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser = open_chromium(500, 900)
    whole = "return [...document.images].every(each => each.complete && each.naturalWidth)"
    loaded = "return performance.getEntriesByType('resource').map(each => each.name)"
    own = f"http://127.0.0.1:{server.server_port}/"
    for page in ("index", "how-it-works", "tutorial", "edge-grade"):
        browser.get(f"{own}{page}.html")
        WebDriverWait(browser, 60).until(lambda it: it.execute_script(whole))
        used = browser.execute_script(loaded)
        assert used
        assert all(name.startswith((own, "data:", "blob:")) for name in used), used
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), page
    server.shutdown()
    server.server_close()


def test_twelve_questions_have_an_answer_that_leads_on() -> None:
    page = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
    _, *answers = re.split(r"^### .*\?$", page, flags=re.M)
    assert len(answers) == 12
    assert all(re.search(r"\]\([^)]+\.md[^)]*\)", answer) for answer in answers)


def test_make_site_puts_the_page_that_runs_the_model_beside_it() -> None:
    done = subprocess.run(["make", "-n", "site"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "docs/try/build.py site/try" in done.stdout
