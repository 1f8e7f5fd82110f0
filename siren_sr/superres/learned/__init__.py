"""A network whose weights were learned from photographs: it enlarges a picture at any scale, in one pass."""

from siren_sr.superres.learned.conditions import Conditions
from siren_sr.superres.learned.network import LearnedUpscaler
from siren_sr.superres.learned.storage import load, save

__all__ = ["Conditions", "LearnedUpscaler", "load", "save"]
