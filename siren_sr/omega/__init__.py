"""Choosing ω0, the frequency of the first layer: by the paper's rules, by measures of the signal, and by prediction.

`choose` does it for any signal; the paper's ω0*, ω_HR and ω_r are `omega_star`, `omega_hr` and `omega_r`.
"""

from siren_sr.omega.measures import MEASURES, Measure
from siren_sr.omega.rules import (
    CALIBRATION,
    FACTOR,
    FIRST_LAYER,
    HR_RATIO,
    MINIMUM,
    REFERENCE_SIDE,
    TANGENT_KERNEL,
    choose,
    omega_hr,
    omega_r,
    omega_star,
    usual_updates,
)

__all__ = [
    "CALIBRATION",
    "FACTOR",
    "FIRST_LAYER",
    "HR_RATIO",
    "MEASURES",
    "MINIMUM",
    "REFERENCE_SIDE",
    "TANGENT_KERNEL",
    "Measure",
    "choose",
    "omega_hr",
    "omega_r",
    "omega_star",
    "usual_updates",
]
