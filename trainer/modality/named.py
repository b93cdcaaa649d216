"""The modalities by their names."""

from __future__ import annotations

from edge.bundle.manifest import ModalityName
from trainer.modality.description import Modality
from trainer.modality.fundus import FUNDUS
from trainer.modality.octa import OCTA

MODALITIES: dict[ModalityName, Modality] = {"fundus": FUNDUS, "octa": OCTA}


def modality_of(name: ModalityName) -> Modality:
    """The description by its name."""
    return MODALITIES[name]
