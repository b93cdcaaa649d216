"""``signature.yaml`` of a bundle: who signed its manifest and for how long, read as untrusted input."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass

import yaml
from pydantic_core import SchemaValidator
from pydantic_core import core_schema as schemas

from edge.bundle.plain_yaml import fault_of, load_plain
from edge.errors import EdgeError
from edge.files.checked import checked, line_schema, text_schema

SIGNATURE = "signature.yaml"
LARGEST_SIGNATURE = 4 << 10  # bytes; ours have 400
LONGEST_SIGNER = 200  # letters
_SCHEMA = 1
_REMEDY = "have it signed again with edge-calibrate sign"


@dataclass(frozen=True)
class Signature:
    """A signature over the manifest of a bundle, which names the SHA-256 of every other member.

    Attributes:
        signer: who signed, in their own words.
        key: SHA-256 of the raw public key, hexadecimal; names it and proves nothing.
        signed: the day, UTC, as ``2026-11-29``.
        until: the last day on which the bundle may be used; empty for no end.
        signature: Ed25519, 64 bytes, hexadecimal; of ``signed_bytes``.
        schema: version of this layout; a reader refuses any other.
    """

    signer: str
    key: str
    signed: str
    until: str = ""
    signature: str = ""
    schema: int = _SCHEMA


def signed_bytes(signature: Signature, manifest: bytes) -> bytes:
    """What is signed: all fields but the signature itself, a line each, then the manifest byte for byte.

    None of the fields can hold the end of a line, so two different signatures never make the same bytes.
    """
    fields = f"{signature.schema}\n{signature.signer}\n{signature.key}\n{signature.signed}\n{signature.until}\n"
    return b"efiqa-edge bundle\n" + fields.encode() + manifest


def write_signature(signature: Signature) -> bytes:
    """YAML of a signature, UTF-8; ``read_signature`` reads it back."""
    fields = dataclasses.asdict(signature)
    ordered = {"schema": fields.pop("schema"), **fields}
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=300).encode()


def read_signature(data: bytes) -> Signature:
    """Parse a signature and check its form; whether it is right is for ``edge.bundle.trust``.

    Raises:
        EdgeError: it is not YAML, of another schema, or a field is missing, unknown or of another form.
    """
    try:
        tree = load_plain(data)
    except ValueError as error:
        raise EdgeError(f"its {SIGNATURE} is not YAML ({fault_of(error)}); {_REMEDY}") from error
    if isinstance(tree, dict) and type(schema := tree.get("schema")) is int and schema > _SCHEMA:
        raise EdgeError(f"it was signed by a newer version (schema {schema} of {SIGNATURE}); update efiqa-edge")
    signature: Signature = checked(_validator(), tree, f"its {SIGNATURE}", _REMEDY)
    return signature


def _validator() -> SchemaValidator:
    fields = {
        "signer": line_schema(LONGEST_SIGNER, shortest=1),
        "key": text_schema(r"[0-9a-f]{64}"),
        "signed": schemas.no_info_after_validator_function(_day, text_schema(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
        "until": schemas.no_info_after_validator_function(_day, text_schema(r"|[0-9]{4}-[0-9]{2}-[0-9]{2}")),
        "signature": text_schema(r"[0-9a-f]{128}"),
        "schema": schemas.int_schema(strict=True, ge=_SCHEMA, le=_SCHEMA),
    }
    listed = [schemas.dataclass_field(name, each) for name, each in fields.items()]
    arguments = schemas.dataclass_args_schema("Signature", listed, extra_behavior="forbid")
    return SchemaValidator(schemas.dataclass_schema(Signature, arguments, list(fields)))


def _day(value: str) -> str:
    try:
        return value and datetime.date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("should be a day such as 2026-11-29") from None
