"""What `solve_poisson` may be asked for: defaults, help and checks of every option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from siren_sr import arguments
from siren_sr.arguments import option
from siren_sr.fitting.options import NetworkOptions
from siren_sr.training.objectives import Method

Kind = Literal["gradient", "laplacian"]


@dataclass(frozen=True, kw_only=True)
class PoissonOptions(NetworkOptions):
    """The options of `solve_poisson`, which says what each one means; errors as in `NetworkOptions`."""

    mean: Any = option(help="mean value in [0, 1]")
    mean_gradient: Any = option()
    boundary: Any = option()
    method: Method = option("numerical", "numerical or analytical")
    return_fit: bool = option(False)

    def __post_init__(self) -> None:
        """Check every option; conditions are checked against the target."""
        super().__post_init__()
        arguments.choice("method", self.method, ("numerical", "analytical"))
        arguments.settle(self, return_fit=arguments.flag("return_fit", self.return_fit))
