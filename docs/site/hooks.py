"""What MkDocs does not do: files outside of docs/ that a page links to become pages, and there is llms.txt."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, InclusionLevel

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.nav import Navigation, Section
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCED = re.compile(r"^(```.*?^```)", re.M | re.S)
_LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(?=[)#])")
_LANGUAGES = {".py": "python", ".c": "c", ".h": "c", ".cpp": "cpp", ".yaml": "yaml", ".html": "html"}
_origins: dict[str, Path] = {}  # pages by their place in the site: the file that each is made of
_texts: dict[str, str] = {}
_menu: list[Navigation] = []


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Every file that a page links to, and every file that such a page links to."""
    _origins.update({each.src_uri: DOCS / each.src_uri for each in files})
    waiting = [ROOT / "README.md", *(DOCS / each.src_uri for each in files.documentation_pages())]
    while waiting:
        page = waiting.pop()
        for link in _links(page.read_text(encoding="utf-8")):
            path = _led_to(page, link)
            place = _place(path)
            if path.is_file() and place not in _origins:
                _origins[place] = path
                text = _page(path)
                files.append(File.generated(config, place, content=text, inclusion=InclusionLevel.NOT_IN_NAV))
                if path.suffix == ".md":
                    waiting.append(path)
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """Kept for llms.txt."""
    _menu[:] = [nav]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they are between the pages of the site."""
    place = page.file.src_uri
    if place.startswith("source/"):
        return markdown
    origin = _origins[place]

    def placed(link: re.Match[str]) -> str:
        return os.path.relpath(_place(_led_to(origin, link[1])), Path(place).parent).replace(os.sep, "/")

    parts = _FENCED.split(markdown)
    _texts[place] = "".join(part if part.startswith("```") else _LINK.sub(placed, part) for part in parts)
    return _texts[place]


def on_post_build(config: MkDocsConfig) -> None:
    """llms.txt (llmstxt.org): what there is to read, for programs; beside each page lies its Markdown."""
    site = Path(config.site_dir)
    lines = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    for each in _menu[0].items:
        lines += ["", f"## {each.title}", ""] if each.is_section else []
        for page in _pages(each):
            text = _texts[page.file.src_uri]
            (site / page.file.src_uri).parent.mkdir(parents=True, exist_ok=True)
            (site / page.file.src_uri).write_text(text, encoding="utf-8")
            lines.append(f"- [{page.title}]({page.file.src_uri}): {_first_sentence(text)}")
    (site / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _pages(entry: Section | Page) -> list[Page]:
    return [entry] if entry.is_page else [page for each in entry.children for page in _pages(each)]


def _links(text: str) -> list[str]:
    return _LINK.findall(_FENCED.sub("", text))


def _led_to(page: Path, link: str) -> Path:
    path = Path(os.path.normpath(page.parent / link))
    return path / "README.md" if path.is_dir() else path


def _place(path: Path) -> str:
    """Where a file of the repository is in the site."""
    if path == ROOT / "README.md":
        return "index.md"
    if path.is_relative_to(DOCS) and path.suffix not in _LANGUAGES:
        return path.relative_to(DOCS).as_posix()
    name = path.relative_to(ROOT).as_posix()
    return f"project/{name}" if path.suffix == ".md" else f"source/{name}.md"


def _page(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    name, language = path.relative_to(ROOT).as_posix(), _LANGUAGES.get(path.suffix, "text")
    head = "---\nhide: [toc]\nsearch:\n  exclude: true\n---\n"
    return f"{head}\n# {path.name}\n\n`{name}`\n\n````{language}\n{text}\n````\n"


def _first_sentence(text: str) -> str:
    """Of the first paragraph that is prose."""
    for paragraph in _FENCED.sub("", text).split("\n\n"):
        words = re.sub(r"^\*\*[^*]+\.\*\* ", "", " ".join(paragraph.split()))
        if words and not re.match(r"[#|!<>]|[-*] ", words):
            plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", words)
            return re.split(r"(?<=[.:]) ", plain)[0].rstrip(":")
    return ""
