"""Images from their derivatives: `solve_poisson`, section 3.3 of the paper.

From a gradient or a Laplacian, by kernels or by exact derivatives, with conditions on the mean and on the border.
"""

from siren_sr.poisson.options import PoissonOptions
from siren_sr.poisson.task import solve_poisson

__all__ = ["PoissonOptions", "solve_poisson"]
