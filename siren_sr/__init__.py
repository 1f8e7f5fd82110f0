"""Sinusoidal representation networks: fit signals, solve Poisson problems, super-resolve images.

>>> import torch, siren_sr
>>> small = torch.linspace(0, 1, 36).reshape(1, 6, 6)
>>> siren_sr.super_resolve(small, scale=2, steps=2).shape
torch.Size([1, 12, 12])
"""

import importlib
from typing import TYPE_CHECKING

from siren_sr.version import __version__

if TYPE_CHECKING:
    from siren_sr import derivatives, fleet, init, metrics, omega
    from siren_sr.export import export_onnx, export_page
    from siren_sr.fitting import Fit, fit_signal
    from siren_sr.network import Siren
    from siren_sr.poisson import solve_poisson
    from siren_sr.superres import super_resolve

__all__ = [
    "Fit",
    "Siren",
    "__version__",
    "derivatives",
    "export_onnx",
    "export_page",
    "fit_signal",
    "fleet",
    "init",
    "metrics",
    "omega",
    "solve_poisson",
    "super_resolve",
]

_ROOMS = {"Fit": "fitting", "fit_signal": "fitting", "Siren": "network"}
_ROOMS |= {"export_onnx": "export", "export_page": "export"}
_ROOMS |= {"solve_poisson": "poisson", "super_resolve": "superres"}

if not TYPE_CHECKING:

    def __getattr__(name):
        """Import a name when it is asked for: the command line is to handle signals before PyTorch is imported."""
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = f"{__name__}.{_ROOMS.get(name, name)}"
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
        globals()[name] = getattr(found, name) if name in _ROOMS else found
        return globals()[name]

    def __dir__():
        return sorted({*globals(), *__all__})
