"""Write docs/api.md from the docstrings of what ``edge`` exports: ``python docs/api.py``."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import edge

PAGE = Path(__file__).with_name("api.md")
_SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises|Example):")
_ENTRY = re.compile(r"(\w[\w, ]*): (.*)")
_INNER = {"Assessment.evidence"}  # may change from one version to the next
_HEAD = """# The API

What `import edge` gives; everything else may change from one version to the next. `python docs/api.py` writes this
page.

Images are uint8 BGR, (H, W, 3); tensors float32 RGB, (1, 3, S, S); times milliseconds.
"""


def page() -> str:
    """The page as Markdown."""
    names = sorted((name for name in edge.__all__ if name != "__version__"), key=lambda name: (name[0].islower(), name))
    return _HEAD + "".join(f"\n## {name}\n\n{_of(name, getattr(edge, name))}\n" for name in names)


def _of(name: str, thing: Any) -> str:
    if typing.get_origin(thing) is typing.Literal:
        return "One of " + ", ".join(f"`{each}`" for each in typing.get_args(thing)) + "."
    parts = [_code(name, thing), _text(thing)]
    if inspect.isclass(thing):
        for own, member in _members(thing).items():
            if own.startswith("_") or f"{name}.{own}" in _INNER:
                continue
            called = getattr(member, "__func__", member)
            if inspect.isfunction(called):
                parts += [f"### {name}.{own}", _code(f"{name}.{own}", called), _text(called)]
            elif isinstance(member, property | functools.cached_property):
                getter = member.fget if isinstance(member, property) else member.func
                kind = inspect.signature(getter).return_annotation
                parts += [f"### {name}.{own}", _code_of(f"{name}.{own}: {kind}"), _text(member)]
    return "\n\n".join(part for part in parts if part)


def _members(thing: type) -> dict[str, Any]:
    """What a class has of its own, and of bases that are not shown themselves."""
    shown = {getattr(edge, name) for name in edge.__all__ if inspect.isclass(getattr(edge, name))}
    bases = [each for each in thing.__mro__ if each is thing or (_is_ours(each) and each not in shown)]
    return {own: member for each in bases for own, member in vars(each).items()}


def _is_ours(base: type) -> bool:
    return base.__module__.startswith("edge.capture.")


def _code(name: str, thing: Any) -> str:
    """How it is called; of a class that is no record, where its methods are what is called, nothing."""
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return _code_of(f"class {name}({', '.join(base.__name__ for base in thing.__bases__)})")
    if inspect.isclass(thing) and not dataclasses.is_dataclass(thing):
        return ""
    lines = []
    for each in inspect.signature(thing).parameters.values():
        if each.name not in ("self", "cls"):
            usual = "" if each.default is each.empty else f" = {_shown(each.default)}"
            lines.append(f"    {each.name}: {_kind(each.annotation)}{usual},")
    gives = "" if inspect.isclass(thing) else f" -> {_kind(inspect.signature(thing).return_annotation)}"
    return _code_of("\n".join([f"{name}(", *lines, f"){gives}"] if lines else [f"{name}(){gives}"]))


def _kind(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _shown(usual: Any) -> str:
    if inspect.isfunction(usual) or "factory" in repr(usual):
        return "..."
    return repr(usual)


def _code_of(text: str) -> str:
    return f"```python\n{text}\n```"


def _text(thing: Any) -> str:
    text = "\n".join(_lines(inspect.getdoc(thing) or "")).strip()
    return re.sub("(?<!`)``(?!`)", "`", text)


def _lines(doc: str) -> Iterator[str]:
    """Google's sections as lists."""
    section = ""
    for line in doc.splitlines():
        if head := _SECTION.fullmatch(line):
            section = head[1]
            yield from (f"*{section}*", "") if section != "Example" else ("*Example*", "", "```python")
        elif not section or not line.startswith("    "):
            if section == "Example":
                yield "```"
            section = section if not line else ""
            yield line
        elif section == "Example":
            yield line[4:].removeprefix(">>> ").removeprefix("... ").replace("  # doctest: +SKIP", "")
        elif entry := _ENTRY.fullmatch(line[4:]):
            yield f"- `{entry[1]}`: {entry[2]}"
        else:
            yield "  " + line.strip()
    if section == "Example":
        yield "```"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
