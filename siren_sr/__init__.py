"""Sinusoidal representation networks: fit signals, solve Poisson problems, super-resolve images.

>>> import torch, siren_sr
>>> small = torch.linspace(0, 1, 36).reshape(1, 6, 6)
>>> siren_sr.super_resolve(small, scale=2, steps=2).shape
torch.Size([1, 12, 12])
"""

from siren_sr import derivatives, fleet, init, metrics, omega
from siren_sr.fitting import Fit, fit_signal
from siren_sr.network import Siren
from siren_sr.poisson import solve_poisson
from siren_sr.superres import super_resolve

__version__ = "0.1.0"

__all__ = [
    "Fit",
    "Siren",
    "__version__",
    "derivatives",
    "fit_signal",
    "fleet",
    "init",
    "metrics",
    "omega",
    "solve_poisson",
    "super_resolve",
]
