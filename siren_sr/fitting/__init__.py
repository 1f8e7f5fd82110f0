"""Fitting a network to a signal: `fit_signal`, and `Fit`, which every task returns.

A large signal becomes tiles of many small networks.
"""

from siren_sr.fitting.degradation import Degradation
from siren_sr.fitting.fit import Fit
from siren_sr.fitting.task import fit_signal
from siren_sr.fitting.tiles import TileRecipe

__all__ = ["Degradation", "Fit", "TileRecipe", "fit_signal"]
