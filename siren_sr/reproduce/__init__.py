"""The paper's figures and tables are reproduced here.

Each is an experiment, a function `Setup` -> `Report`, which puts measured numbers beside the published ones.
``siren-sr reproduce NAME --data DIR`` runs one. Everything here uses the library as its users do.
"""

from __future__ import annotations

from collections.abc import Callable

from siren_sr.reproduce import activations, audio, images, poisson, superres
from siren_sr.reproduce.report import Report, Setup

EXPERIMENTS: dict[str, Callable[[Setup], Report]] = {
    "figure1": poisson.figure1,
    "figure3": activations.figure3,
    "figure4": images.figure4,
    "figure5": activations.figure5,
    "figure6": activations.figure6,
    "figure7": activations.figure7,
    "figure8": images.table4,
    "table1": images.table1,
    "table2": images.table2,
    "table3": audio.table3,
    "table4": images.table4,
    "table5": poisson.table5,
    "table6": poisson.table6,
    "table7": superres.table7,
    "ratio": superres.ratio,
}
"""The experiments by the name of their table or figure; "ratio" is the one of section 3.4."""
