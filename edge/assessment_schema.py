"""What ``Assessment.to_dict`` returns, field by field, and its published JSON Schema.

``python -m edge.assessment_schema`` prints the schema, which is kept in ``edge/assessment.schema.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from edge.assessment import SCHEMA, Verdict
from edge.files.published import schema_of
from edge.findings.cause import CauseCode
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

Place = Annotated[float, Field(ge=-1, le=1)]
Pixels = Annotated[int, Field(description="Pixels of the frame.")]
Milliseconds = Annotated[float, Field(ge=0, description="Milliseconds.")]
Apart = Annotated[
    tuple[float, float],
    Field(
        description="Disc diameters from the middle of the field: x to the right, y down; null where it is not seen."
    ),
]


def _share(description: str) -> Any:
    return Field(ge=0, le=1, description=description)


@dataclass(frozen=True)
class CauseRecord:
    """Why a part of the field is lost: an estimate from light, colour and contrast, not a finding of an expert."""

    code: CauseCode
    share: Annotated[float, _share("Share of the field that it took; what none of the causes took is in no share.")]
    clock: Annotated[
        int | None,
        Field(ge=1, le=12, description="Hour at which the middle of that part lies; null in the middle of the field."),
    ]
    radius: Annotated[
        float, Field(ge=0, description="How far that is from the middle of the field, in radii of the field.")
    ]


@dataclass(frozen=True)
class FieldDefinitionRecord:
    """What the photograph is centred on; distances in disc diameters, null where no disc gives the scale."""

    kind: Annotated[FieldKind, Field(description="What lies near the middle of the field.")]
    fovea: Apart | None
    disc: Apart | None
    width: Annotated[float | None, Field(gt=0, description="Width of the field, in disc diameters.")]
    disc_to_edge: Annotated[
        float | None,
        Field(
            description="From the rim of the disc to the nearest edge of the field, in disc diameters; negative where "
            "the edge cuts the disc."
        ),
    ]


@dataclass(frozen=True)
class LandmarkRecord:
    """Where the disc or the macula is."""

    x: Annotated[Place, Field(description="Its centre, in radii of the field from the middle, to the right.")]
    y: Annotated[Place, Field(description="The same, down.")]
    diameter: Annotated[float, Field(ge=0, description="In radii of the field.")]
    chance: Annotated[float, _share("Probability of its surest cell.")]
    seen: Annotated[bool, Field(description="Surely enough to be followed from frame to frame.")]


@dataclass(frozen=True)
class LandmarkRecords:
    """Disc and macula, also where they are hardly seen; null where the model finds none."""

    disc: LandmarkRecord | None
    macula: LandmarkRecord | None


@dataclass(frozen=True)
class CropRecord:
    """The square of the frame that the field of view fills; a part of it may lie outside the frame."""

    x: Annotated[Pixels, Field(description="Left edge, pixels of the frame.")]
    y: Annotated[Pixels, Field(description="Upper edge, pixels of the frame.")]
    side: Annotated[int, Field(ge=1, description="Pixels of the frame.")]


@dataclass(frozen=True)
class TimingsRecord:
    """Milliseconds spent on the frame."""

    frame_ms: Annotated[Milliseconds, Field(description="To find the field, crop, resample and normalise.")]
    inference_ms: Annotated[Milliseconds, Field(description="In the network.")]
    post_ms: Annotated[Milliseconds, Field(description="To pool the map and decide.")]


@dataclass(frozen=True)
class AssessmentRecord:
    """The quality of one photograph, and what explains it; the maps are left out.

    Programs may add fields of their own beside these, as edge-grade --details does with path, error and criterion.
    """

    schema: Annotated[Literal[1], Field(description="Version of this schema.")]
    score: Annotated[float, _share("Quality score, 1 is best; 0 where the verdict is no_fundus or no_anatomy.")]
    verdict: Annotated[Verdict, Field(description="By the thresholds of the model.")]
    coverage: Annotated[float, _share("Share of the field that is lit; 0 without a field.")]
    cause: Annotated[CauseCode | None, Field(description="Code of the first of causes; null without one.")]
    causes: Annotated[
        tuple[CauseRecord, ...], Field(description="The likeliest to have taken most of the frame first.")
    ]
    eye: Annotated[Eye | None, Field(description="Which eye, if the photograph is upright; null where that is unsure.")]
    eye_probability: Annotated[float, Field(ge=0.5, le=1, description="Probability of the likelier eye.")]
    field_definition: Annotated[
        FieldDefinitionRecord | None, Field(description="Null where the modality has none, as OCT angiograms.")
    ]
    landmarks: LandmarkRecords
    focus: Annotated[
        float | None,
        Field(
            ge=0,
            description="Contrast of fine structure over that of coarse, larger when sharper; to be compared among "
            "photographs of one camera; null without a field.",
        ),
    ]
    crop: CropRecord | None
    timings: TimingsRecord


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of ``Assessment.to_dict``, which also holds for a graded line of edge-grade --details."""
    return {**schema_of(AssessmentRecord, f"An assessment, version {SCHEMA}"), "additionalProperties": True}


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
