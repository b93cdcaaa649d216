"""What a modality teaches with: how its pictures vary, how they fail, and what shows none of its anatomy."""

from trainer.modality.description import Modality
from trainer.modality.named import modality_of

__all__ = ["Modality", "modality_of"]
