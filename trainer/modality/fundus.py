"""Colour photographs of the retina."""

from __future__ import annotations

from numpy.random import Generator

from trainer.modality.description import Modality, Picture
from trainer.synthesis import augment, degrade
from trainer.synthesis.lesions import add_lesions


def _spoil(picture: Picture, rng: Generator) -> tuple[Picture, None]:
    return degrade.spoil(picture, rng), None


FUNDUS = Modality(
    name="fundus",
    another_camera=augment.another_camera,
    store=degrade.store,
    invisible=augment.without_anatomy,
    elsewhere=augment.without_anatomy,
    spoil=_spoil,
    lesions=add_lesions,
    view=augment.random_view,
    smooth=0.0,
    landmarks=True,
    usable=0.77,  # both as labels have it for the model that ships: lower ones called half of the others good
    good=0.95,
)
