"""Pages from templates, tables in Markdown, and their place in a page that people write."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.errors import EdgeError
from edge.files.given import read_given
from edge.files.output import write_output


def check_report(what: str) -> None:
    """Check before the work, not after it; nothing is imported, which would count as memory of what is measured.

    Raises:
        EdgeError: the packages that pages and charts need are not installed.
    """
    for package in ("jinja2", "matplotlib"):
        if importlib.util.find_spec(package) is None:
            raise EdgeError(f'{what} needs {package}: pip install "efiqa-edge[report]"')


def render(template: Path, **given: object) -> str:
    """A template filled with values; in HTML every value is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(given).strip() + "\n"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], right: bool = False) -> str:
    """A table in Markdown, also where no template engine is installed.

    Args:
        head: names of the columns.
        rows: their cells.
        right: all columns but the first are flush right.
    """
    rule = ["---", *["---:" if right else "---"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def split_page(page: Path, begin: str, end: str) -> tuple[str, str]:
    """The text before and after the two comments of a Markdown page.

    Raises:
        EdgeError: it cannot be read, or has not each of them once and in this order.
    """
    try:
        text = read_given(page, 8).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EdgeError(f"{page} cannot be read ({error}): name a Markdown page.") from error
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed or text.count(begin) > 1 or text.count(end) > 1:
        raise EdgeError(f"{page} has no place for the tables: put the lines '{begin}' and '{end}' where they belong.")
    return before, after


def put_between(page: Path, begin: str, end: str, tables: str) -> None:
    """Replace the text between the comments, and leave the rest as it is now.

    Raises:
        EdgeError: as ``split_page``, or the page cannot be written.
    """
    before, after = split_page(page, begin, end)
    try:
        write_output(page, f"{before}{begin}\n\n{tables.strip()}\n\n{end}{after}".encode())
    except OSError as error:
        raise EdgeError(f"{page} cannot be written ({error.strerror}): close it, or free the disk.") from error
