"""What a screening programme asks of a photograph, read from a file: no programme has approved any of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from edge.bundle.plain_yaml import fault_of, load_plain
from edge.errors import EdgeError
from edge.files.checked import read_fields

Share = Annotated[float, Field(ge=0, le=1)]
MOST_DIAMETERS = 20  # no field is so wide
Diameters = Annotated[float, Field(ge=0, le=MOST_DIAMETERS)]
LONGEST = 400  # characters of a text
Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]

_FOLDER = Path(__file__).parent
_ALWAYS = ("clear", "coverage", "score")  # can be measured of every photograph of a retina
_LARGEST = 64 * 1024  # bytes of a criterion
_REMEDY = "correct it, or name one that ships: "


@dataclass(frozen=True)
class Requirements:
    """What one kind of field must reach; None where a programme asks for nothing.

    Attributes:
        fovea_from_centre: at most so far, in disc diameters.
        disc_to_edge: from the rim of the whole disc to the nearest edge, at least, in disc diameters.
        clear_near_fovea: share within one disc diameter of the fovea whose anatomy is visible, at least.
        clear_at_disc: the same within half a disc diameter of the middle of the disc.
        clear: the same of the whole field.
        coverage: share of the field that is lit, at least.
        score: at least.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    fovea_from_centre: Diameters | None
    disc_to_edge: Diameters | None
    clear_near_fovea: Share | None
    clear_at_disc: Share | None
    clear: Share | None
    coverage: Share | None
    score: Share | None


@dataclass(frozen=True)
class Criterion:
    """A programme's requirements, by the field that a photograph shows.

    Attributes:
        name: as ``--criterion`` takes it.
        title: of the programme.
        source: the document, with its address.
        date: of the document.
        verified: whether these numbers were compared with that document.
        macula, disc, other: for photographs centred on the macula, on the disc, and on neither; None: such a
            photograph is never adequate.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Text
    title: Text
    source: Text
    date: Text
    verified: bool
    macula: Requirements | None
    disc: Requirements | None
    other: Requirements | None

    @property
    def shown(self) -> str:
        """The name as people read it, such as ``nhs-desp (unverified)``."""
        return shown_name(self.name, self.verified)


def shown_name(name: str, verified: bool) -> str:
    """The name of a criterion, marked where its numbers were not compared with its source."""
    return name if verified else f"{name} (unverified)"


def shipped_criteria() -> tuple[str, ...]:
    """Names of the criteria that ship."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def read_criterion(name: str | Path) -> Criterion:
    """A criterion that ships, by its name, or any other, by its file.

    A setting of ``macula``, ``disc`` or ``other`` that the file leaves out is asked for by nobody.

    Raises:
        EdgeError: there is none, or the file holds something unknown or impossible.
    """
    path, remedy = criterion_path(name), _REMEDY + ", ".join(shipped_criteria())
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise EdgeError(f"the criterion {path} cannot be read ({error.strerror}): {remedy}") from None
    if len(data) > _LARGEST:
        raise EdgeError(f"the criterion {path} is larger than {_LARGEST >> 10} KiB: {remedy}")
    if not data.strip():
        raise EdgeError(f"the criterion {path} is empty: {remedy}")
    try:
        tree = load_plain(data)
    except ValueError as error:
        raise EdgeError(f"the criterion {path} is not YAML ({fault_of(error)}): {remedy}") from None
    criterion = read_fields(Criterion, _with_none(tree), f"the criterion {path}", remedy)
    asked = [each for each in (criterion.macula, criterion.disc, criterion.other) if each is not None]
    if not asked or not all(map(_refuses_some, asked)):
        raise EdgeError(f"the criterion {path} asks for nothing, so that everything would be adequate: {remedy}")
    texts = criterion.name, criterion.title, criterion.source, criterion.date
    if not all(text.isprintable() and text.strip() for text in texts):
        raise EdgeError(f"the criterion {path} holds a text that is blank or cannot be printed in one line: {remedy}")
    known = criterion.name.strip().casefold()
    if known in shipped_criteria() and path.parent != _FOLDER and criterion != read_criterion(known):
        raise EdgeError(f"the criterion {path} has the name of {known}, which ships and is another: give it its own.")
    return criterion


def _refuses_some(wanted: Requirements) -> bool:
    """Whether any photograph can fail: every one has a clear share, a lit share and a score of 0 at least."""
    limits = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    return any(limit is not None and (limit > 0 or name not in _ALWAYS) for name, limit in limits.items())


def criterion_path(name: str | Path) -> Path:
    """The file of a criterion.

    Raises:
        EdgeError: there is none.
    """
    if str(name) in shipped_criteria():
        return _FOLDER / f"{name}.yaml"
    shown = "".join(letter if letter.isprintable() else "?" for letter in str(name)) or "without a name"
    problem = f"there is no criterion {shown}"
    try:
        if Path(name).is_file():
            return Path(name)
        if str(name) and Path(name).is_dir():
            problem = f"{shown} is a folder and no criterion"
    except (OSError, ValueError):  # too long, or with a zero byte
        pass
    raise EdgeError(f"{problem}: name a file, or one of {', '.join(shipped_criteria())}.")


def _with_none(tree: object) -> object:
    """With None for what the file leaves out, so that only what is unknown or wrong is refused."""
    if not isinstance(tree, dict):
        return tree
    whole = {"macula": None, "disc": None, "other": None, **tree}
    for kind in ("macula", "disc", "other"):
        if isinstance(whole[kind], dict):
            whole[kind] = {**{field.name: None for field in fields(Requirements)}, **whole[kind]}
    return whole
