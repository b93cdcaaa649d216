"""How long a network would take on another device: a range, from its data sheet. Never a measurement."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import yaml
from pydantic import ConfigDict, Field

from benchmarks.roofline.known_networks import NETWORKS
from benchmarks.roofline.layers import Layer
from edge.errors import EdgeError, first_line
from edge.files.checked import read_fields
from edge.files.given import read_given

DEVICES = Path(__file__).with_name("devices.yaml")
_FORM = "the form of benchmarks/roofline/devices.yaml"
Words = Annotated[str, Field(pattern=r"\S")]
DataSheet = Annotated[float, Field(gt=0, lt=1e6)]


@dataclass(frozen=True)
class Device:
    """A device by its data sheet: 10^12 operations and 10^9 bytes a second.

    Attributes:
        core_mips: what 7-Zip's benchmark gave one of its cores, published in ``core_source``; None where none is known.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(allow_inf_nan=False)

    title: Words
    int8_tops: DataSheet
    fp16_tflops: DataSheet
    bandwidth_gb_s: DataSheet
    source: Words
    core_mips: DataSheet | None = None
    core_source: str = ""


@dataclass(frozen=True)
class Shares:
    """What a network reaches of a data sheet.

    Attributes:
        matrix, memory: share of the two rates.
        layer_us: what starting a layer costs.
    """

    matrix: float
    memory: float
    layer_us: float


@dataclass(frozen=True)
class FramePrediction:
    """An estimate of a frame in memory to its hint; see ``benchmarks.roofline.cores``.

    Attributes:
        low_ms, high_ms: the range.
        here_ms: what one core of this machine takes for all but the inference, median.
        slower: by how much a core of the device is slower, by 7-Zip on one thread.
        source: where the figure of its core was published.
    """

    low_ms: float
    high_ms: float
    here_ms: float
    slower: float
    source: str


@dataclass(frozen=True)
class Prediction:
    """An estimate of the inference, on the GPU, with float layers in FP16.

    Attributes:
        predicted: always True, to mark the figures as not measured.
        low_ms, middle_ms, high_ms: the range, and its likeliest value.
        off_by: how far the middle was off, at the worst, for the networks whose latency is published: 1.1 is a tenth.
        frame: the whole frame; None where the cores of the device or of this machine are not known.
    """

    device: str
    source: str
    low_ms: float
    middle_ms: float
    high_ms: float
    off_by: float
    predicted: bool = True
    frame: FramePrediction | None = None


@dataclass(frozen=True)
class Check:
    """A published latency and its prediction; ``middle_ms`` and the range as in ``Prediction``."""

    network: str
    precision: str
    published_ms: float
    low_ms: float
    middle_ms: float
    high_ms: float

    @property
    def off_by(self) -> float:
        """The larger of both over the smaller."""
        return max(self.middle_ms / self.published_ms, self.published_ms / self.middle_ms)


def predict(layers: Sequence[Layer], wanted: str) -> Prediction:
    """The latency of a network on a device.

    Args:
        layers: of the network.
        wanted: a name in ``devices.yaml``, or a file of the same form that describes one device.

    Raises:
        EdgeError: there is no such device, or the file does not describe one.
    """
    device = find_device(wanted)
    low, middle, high = (estimate_ms(layers, device, each) for each in _shares())
    return Prediction(device.title, device.source, low, middle, high, max(each.off_by for each in check()))


def estimate_ms(layers: Sequence[Layer], device: Device, shares: Shares) -> float:
    """Each layer takes what its arithmetic or its traffic takes, whichever is more, and a start."""
    seconds = 0.0
    for layer in layers:
        rate = (device.int8_tops if layer.int8 else device.fp16_tflops) * 1e12 * shares.matrix
        traffic = layer.least_bytes(float_bytes=2) / (device.bandwidth_gb_s * 1e9 * shares.memory)
        seconds += max(2 * layer.macs / rate, traffic) + shares.layer_us / 1e6
    return seconds * 1000


def check() -> tuple[Check, ...]:
    """Every published latency and its prediction."""
    published = _read(DEVICES)["published"]
    device = find_device(published["device"])
    rows = []
    for row in published["milliseconds"]:
        layers = _layers(row["network"], row["precision"])
        range_ms = (estimate_ms(layers, device, each) for each in _shares())
        rows.append(Check(row["network"], row["precision"], float(row["ms"]), *range_ms))
    return tuple(rows)


def find_device(wanted: str) -> Device:
    """A device by its name or from a file.

    Raises:
        EdgeError: as ``predict``.
    """
    devices = _read(DEVICES)["devices"]
    if wanted in devices:
        return parse_device(devices[wanted], wanted)
    path, names = Path(wanted), ", ".join(devices)
    if not path.is_file():
        raise EdgeError(f"there is no device '{wanted}': choose {names}, or a file in {_FORM}")
    match _read(path):
        case {"devices": {**listed}} if len(listed) == 1:
            return parse_device(next(iter(listed.values())), str(path))
    raise EdgeError(f"{path} must hold 'devices' with one device in it, in {_FORM}")


def parse_device(given: Any, where: str) -> Device:
    """A device from what YAML yields.

    Raises:
        EdgeError: a field is missing or no sensible number.
    """
    if isinstance(given, dict):
        given = {"core_mips": None, "core_source": ""} | given
    return read_fields(Device, given, f"the device in {where}", f"give the figures of its data sheet, in {_FORM}")


def _shares() -> tuple[Shares, Shares, Shares]:
    """For the low, middle and high end of the latency: the highest shares give the lowest."""
    model = _read(DEVICES)["model"]

    def at(share: str, cost: str) -> Shares:
        return Shares(model["matrix_share"][share], model["memory_share"][share], model["layer_us"][cost])

    return at("high", "low"), at("middle", "middle"), at("low", "high")


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(read_given(path, 8).decode("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise EdgeError(f"{path} cannot be read as YAML ({first_line(error)})") from error


def off_by_unseen(row: Check, rows: Sequence[Check]) -> float:
    """How far off the prediction is where the shares are fitted to the other networks alone; 1.1 is a tenth."""
    device = find_device(_read(DEVICES)["published"]["device"])
    shares = fit([each for each in rows if each.network != row.network], device)
    return math.exp(abs(_log_ratio(row, device, shares)))


def fit(rows: Sequence[Check], device: Device) -> Shares:
    """The shares that fit published latencies best, on a grid: how the ``model`` of ``devices.yaml`` was chosen."""
    matrix, memory, layer_us = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8), (0.7, 0.8, 0.9), (4.0, 6.0, 8.0, 10.0, 12.0)
    grid = [Shares(*each) for each in itertools.product(matrix, memory, layer_us)]
    return min(grid, key=lambda shares: sum(_log_ratio(row, device, shares) ** 2 for row in rows))


def _log_ratio(row: Check, device: Device, shares: Shares) -> float:
    """Logarithm of the predicted latency of a published network over the published one."""
    return math.log(estimate_ms(_layers(row.network, row.precision), device, shares) / row.published_ms)


def _layers(network: str, precision: str) -> tuple[Layer, ...]:
    return NETWORKS[network](precision == "int8")
