"""Bundles changed at random for ``EFIQA_FUZZ_SECONDS`` (60): a bundle or one sentence, in time and in memory."""

from __future__ import annotations

import os
import random
import resource
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from edge.bundle.bundle import Bundle, default_model, read_bundle
from edge.bundle.network.rules import OPERATORS
from edge.errors import EdgeError

SECONDS = float(os.environ.get("EFIQA_FUZZ_SECONDS", "60"))
LONGEST = 10.0  # seconds a bundle may take, all in all
MOST_MIB = 1536
_NUMBERS = (
    -(1 << 63),
    -(1 << 31),
    -1,
    0,
    1,
    2,
    3,
    7,
    8,
    255,
    4096,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    1 << 40,
    (1 << 63) - 1,
)
_MANIFEST_PARTS = (
    b"1:",
    b"[",
    b"{",
    b"- ",
    b"&a ",
    b"*a",
    b"!!int ",
    b"? ",
    b"|\n",
    b"9" * 400,
    b"'",
    b'"\\',
    b"<<: ",
    b"\t",
)


def changed(data: bytes, chance: random.Random, parts: tuple[bytes, ...] = ()) -> bytes:
    """One to a dozen changes of bytes: bits, odd numbers, pieces gone, doubled, or from elsewhere."""
    new = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 12))):
        at = int(len(new) * chance.random() ** chance.choice((1, 1, 4)))
        at = max(0, len(new) - 1 - at) if chance.random() < 0.3 else at
        size = min(chance.choice((1, 2, 4, 16, 64, 1024)), len(new) - at)
        match chance.randrange(7):
            case 0 if new[at : at + 1]:
                new[at] ^= 1 << chance.randrange(8)
            case 1:
                new[at : at + size] = chance.randbytes(size)
            case 2 if size:
                del new[at : at + size]
            case 3:
                new[at:at] = new[at : at + size] * chance.choice((1, 1, 200))
            case 4:
                number = struct.pack("<I", chance.choice(_NUMBERS) & 0xFFFFFFFF)
                new[at : at + 4] = number[: len(new[at : at + 4])]
            case 5 if parts:
                new[at:at] = chance.choice(parts) * chance.choice((1, 1, 3000))
            case 6 if chance.random() < 0.3:
                del new[at:]
    return bytes(new) or b"\0"


def _change_message(message: Any, chance: random.Random, others: list[str]) -> None:
    """One field, somewhere below."""
    while True:
        held = [(field, value) for field, value in message.ListFields() if field.name != "raw_data"]
        if not held:
            return
        field, value = chance.choice(held)
        many = not isinstance(value, (int, float, str, bytes)) and not hasattr(value, "ListFields")
        if field.message_type is not None and chance.random() < 0.9:
            message = chance.choice(list(value)) if many else value
            continue
        break
    if field.message_type is not None:
        if many and len(value):
            match chance.randrange(3):
                case 0:
                    del value[chance.randrange(len(value))]
                case 1:
                    value.append(chance.choice(list(value)))
                case 2:
                    value[chance.randrange(len(value))].CopyFrom(chance.choice(list(value)))
        else:
            message.ClearField(field.name)
        return
    new: Any = chance.choice(_NUMBERS)
    if field.type == field.TYPE_STRING:
        new = chance.choice(others)
    elif field.type == field.TYPE_BYTES:
        new = chance.choice((b"", b"cubic", b"SAME_UPPER", b"\xff" * 9))
    elif field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        new = chance.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    try:
        if many and len(value):
            value[chance.randrange(len(value))] = new
        else:
            setattr(message, field.name, new)
    except (ValueError, TypeError):
        message.ClearField(field.name)


def changed_network(data: bytes, chance: random.Random) -> bytes:
    """Sound as a protocol buffer, and wrong as a network."""
    model = onnx.load_from_string(data)
    graph = model.graph
    others = [name for node in graph.node for name in (*node.input, *node.output)] + sorted(OPERATORS) + ["", "Loop"]
    for _ in range(chance.choice((1, 1, 2, 4))):
        _change_message(model if chance.random() < 0.1 else graph, chance, others)
    for tensor in graph.initializer:
        if chance.random() < 0.05 and tensor.data_type == onnx.TensorProto.INT64 and len(tensor.raw_data) >= 8:
            raw = bytearray(tensor.raw_data)
            at = chance.randrange(len(raw) // 8) * 8
            raw[at : at + 8] = struct.pack("<q", chance.choice(_NUMBERS))
            tensor.raw_data = bytes(raw)
    return bytes(model.SerializeToString())


@pytest.mark.slow
def test_changed_bundles(
    tmp_path: Path,
    networks: dict[str, bytes],
    pack: Callable[..., bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    number = int(os.environ.get("EFIQA_FUZZ_SEED", time.time_ns() % 1_000_000))
    chance, said, slowest = random.Random(number), Counter[str](), 0.0
    path, shipped = tmp_path / "model.efiqa", default_model().read_bytes()
    ends, data = time.monotonic() + SECONDS, b""
    try:
        while time.monotonic() < ends:
            network = networks[chance.choice(sorted(networks))]
            match kind := chance.choice(("zip", "manifest", "bytes", "network", "network")):
                case "zip":
                    data = changed(shipped if chance.random() < 0.5 else pack(network), chance)
                case "manifest":
                    data = pack(network, lambda text: changed(text, chance, _MANIFEST_PARTS))
                case "bytes":
                    data = pack(changed(network, chance))
                case _:
                    data = pack(changed_network(network, chance))
            path.write_bytes(data)
            began = time.monotonic()
            sentence, bundle = "", None
            try:
                bundle = read_bundle(path)
                said[f"{kind} read"] += 1
            except EdgeError as error:
                sentence = str(error)
                said[f"{kind} refused"] += 1
            finally:
                slowest = max(slowest, time.monotonic() - began)
            assert isinstance(bundle, Bundle) or str(path) in sentence, (kind, sentence)
            assert "\n" not in sentence, (kind, sentence)
            assert len(sentence) < len(str(path)) + 400, (kind, sentence)
            assert slowest < LONGEST, f"{kind} took {slowest:.1f} s"
            assert "Traceback" not in sentence
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)
            assert peak < MOST_MIB, f"{kind} took {peak} MiB"
    except BaseException:
        (tmp_path / "failed.efiqa").write_bytes(data)
        raise
    else:
        assert said["manifest read"] > 0, "a change of the manifest that matters to nobody should be read"
    finally:
        with capsys.disabled():
            count = sum(said.values())
            print(f"\nseed {number}: {count} bundles, {dict(said)}, slowest {slowest:.2f} s, peak {peak} MiB")
