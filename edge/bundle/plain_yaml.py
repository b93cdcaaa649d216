"""Untrusted YAML: text, numbers, lists and mappings, and none of the features that make YAML slow or large.

YAML 1.1 has numbers to the base of 60 (``1:1:1``), numbers of megabytes of digits, dates, and aliases that repeat whole
trees; a small file can then take minutes. Here, whatever is not a plain decimal number is text, and every other feature
is an error.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from edge.errors import first_line

_DEEPEST = 6  # a manifest has 3


def _refusal(what: str, where: yaml.Event | yaml.Node) -> yaml.YAMLError:
    line = where.start_mark.line + 1 if where.start_mark else 1
    return yaml.YAMLError(f"it has {what} in line {line}")


class _Plain(yaml.SafeLoader):
    """Resolves a subset of YAML 1.1, enough to read back everything that PyYAML writes."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012, of the class above

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:  # also of an alias
            raise _refusal("an anchor", event)
        if getattr(event, "tag", None) not in (None, "!"):
            raise _refusal("a tag", event)
        if self._depth >= _DEEPEST:
            raise _refusal("lists in lists in lists", event)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(names)) != len(node.value):
            raise _refusal("a name twice, or one that is no text", node)
        return super().construct_mapping(node, deep)


for _tag, _form, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(0|[1-9][0-9]{0,18})", "-0123456789"),
    ("float", r"-?[0-9]{1,40}\.[0-9]{0,40}([eE][-+][0-9]{1,3})?", "-0123456789"),
):
    _Plain.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), list(_first))


def load_plain(data: bytes) -> Any:
    """The tree that YAML describes, of dicts with names for keys, lists, texts, numbers, bools and None.

    Raises:
        ValueError: it is no YAML, or not of this kind.
    """
    try:
        return yaml.load(data, Loader=_Plain)
    # PyYAML lets errors of other kinds through.
    except (yaml.YAMLError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error


def fault_of(error: ValueError) -> str:
    """What ``load_plain`` found wrong, in one line that says where."""
    cause = error.__cause__
    if isinstance(cause, yaml.MarkedYAMLError) and cause.problem and cause.problem_mark:
        return f"{cause.problem} in line {cause.problem_mark.line + 1}"
    return first_line(error)
