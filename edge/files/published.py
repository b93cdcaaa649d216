"""The JSON Schema of what we write, from the dataclass that says what is in it."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DataclassSchema


class _Published(GenerateJsonSchema):
    """As it is written: a dataclass has every field and no other; its name is its title."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def dataclass_schema(self, schema: DataclassSchema) -> dict[str, Any]:
        made = super().dataclass_schema(schema)
        closed = {"additionalProperties": False, "required": list(made["properties"])}
        return {**made, **closed, "description": inspect.getdoc(schema["cls"])}


def schema_of(kind: type, title: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of a dataclass.

    Args:
        kind: the dataclass; pydantic's ``Field`` on its fields gives bounds and descriptions.
        title: of the schema.
    """
    made = TypeAdapter(kind).json_schema(mode="serialization", schema_generator=_Published)
    return {"$schema": _Published.schema_dialect, **made, "title": title}
