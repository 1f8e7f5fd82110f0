"""Images from their derivatives: section 3.3 of the paper."""

from __future__ import annotations

import os
from typing import Any, Literal, TypeVar, overload

import torch
from numpy.typing import NDArray
from torch import Tensor

from siren_sr import arguments
from siren_sr.fitting.fit import Fit
from siren_sr.fitting.options import Omega
from siren_sr.init import InitializerLike
from siren_sr.network.layers import ActivationLike
from siren_sr.poisson.options import Kind, Method, PoissonOptions
from siren_sr.poisson.solving import solve
from siren_sr.poisson.targets import is_batch, split
from siren_sr.signals import check_tensor, stacked
from siren_sr.training.checkpoint import open_checkpoint
from siren_sr.training.optimizers import OptimizerFactory, SchedulerFactory
from siren_sr.training.progress import Callback, Monitor
from siren_sr.training.recipes import RecipeLike

Array = TypeVar("Array", Tensor, NDArray[Any])

DEFAULT = PoissonOptions()


@overload
def solve_poisson(
    *,
    gradient: Array,
    laplacian: None = ...,
    mean: Any = ...,
    mean_gradient: Any = ...,
    boundary: Any = ...,
    method: Method = ...,
    omega_0: Omega | None = ...,
    hidden_omega_0: float = ...,
    hidden_features: int = ...,
    hidden_layers: int | None = ...,
    activation: ActivationLike = ...,
    first_init: InitializerLike = ...,
    hidden_init: InitializerLike = ...,
    recipe: RecipeLike | None = ...,
    steps: int | None = ...,
    optimizer: OptimizerFactory | None = ...,
    scheduler: SchedulerFactory | None = ...,
    align_corners: bool = ...,
    generator: torch.Generator | None = ...,
    device: torch.device | str | None = ...,
    callback: Callback | None = ...,
    progress: bool = ...,
    max_memory: float | None = ...,
    checkpoint: str | os.PathLike[str] | None = ...,
    every: float = ...,
    return_fit: Literal[False] = ...,
) -> Array: ...
@overload
def solve_poisson(
    *,
    gradient: None = ...,
    laplacian: Array,
    mean: Any = ...,
    mean_gradient: Any = ...,
    boundary: Any = ...,
    method: Method = ...,
    omega_0: Omega | None = ...,
    hidden_omega_0: float = ...,
    hidden_features: int = ...,
    hidden_layers: int | None = ...,
    activation: ActivationLike = ...,
    first_init: InitializerLike = ...,
    hidden_init: InitializerLike = ...,
    recipe: RecipeLike | None = ...,
    steps: int | None = ...,
    optimizer: OptimizerFactory | None = ...,
    scheduler: SchedulerFactory | None = ...,
    align_corners: bool = ...,
    generator: torch.Generator | None = ...,
    device: torch.device | str | None = ...,
    callback: Callback | None = ...,
    progress: bool = ...,
    max_memory: float | None = ...,
    checkpoint: str | os.PathLike[str] | None = ...,
    every: float = ...,
    return_fit: Literal[False] = ...,
) -> Array: ...
@overload
def solve_poisson(
    *,
    gradient: Tensor | NDArray[Any] | None = ...,
    laplacian: Tensor | NDArray[Any] | None = ...,
    mean: Any = ...,
    mean_gradient: Any = ...,
    boundary: Any = ...,
    method: Method = ...,
    omega_0: Omega | None = ...,
    hidden_omega_0: float = ...,
    hidden_features: int = ...,
    hidden_layers: int | None = ...,
    activation: ActivationLike = ...,
    first_init: InitializerLike = ...,
    hidden_init: InitializerLike = ...,
    recipe: RecipeLike | None = ...,
    steps: int | None = ...,
    optimizer: OptimizerFactory | None = ...,
    scheduler: SchedulerFactory | None = ...,
    align_corners: bool = ...,
    generator: torch.Generator | None = ...,
    device: torch.device | str | None = ...,
    callback: Callback | None = ...,
    progress: bool = ...,
    max_memory: float | None = ...,
    checkpoint: str | os.PathLike[str] | None = ...,
    every: float = ...,
    return_fit: Literal[True],
) -> Fit: ...
def solve_poisson(
    *,
    gradient: Any = None,
    laplacian: Any = None,
    mean: Any = DEFAULT.mean,
    mean_gradient: Any = DEFAULT.mean_gradient,
    boundary: Any = DEFAULT.boundary,
    method: Method = DEFAULT.method,
    omega_0: Omega | None = DEFAULT.omega_0,
    hidden_omega_0: float = DEFAULT.hidden_omega_0,
    hidden_features: int = DEFAULT.hidden_features,
    hidden_layers: int | None = DEFAULT.hidden_layers,
    activation: ActivationLike = DEFAULT.activation,
    first_init: InitializerLike = DEFAULT.first_init,
    hidden_init: InitializerLike = DEFAULT.hidden_init,
    recipe: RecipeLike | None = DEFAULT.recipe,
    steps: int | None = DEFAULT.steps,
    optimizer: OptimizerFactory | None = DEFAULT.optimizer,
    scheduler: SchedulerFactory | None = DEFAULT.scheduler,
    align_corners: bool = DEFAULT.align_corners,
    generator: torch.Generator | None = DEFAULT.generator,
    device: torch.device | str | None = DEFAULT.device,
    callback: Callback | None = DEFAULT.callback,
    progress: bool = DEFAULT.progress,
    max_memory: float | None = DEFAULT.max_memory,
    checkpoint: str | os.PathLike[str] | None = DEFAULT.checkpoint,
    every: float = DEFAULT.every,
    return_fit: bool = DEFAULT.return_fit,
) -> Any:
    """The image whose gradient or Laplacian is given.

    Targets are those of the paper, in units of an image in [0, 1]: Sobel's gradient and the 3×3 Laplacian, as
    `siren_sr.derivatives.image_gradient` and `siren_sr.derivatives.image_laplacian` compute them.

    Args:
        gradient: Tensor (C, 2, H, W) or (2, H, W), or a batch (B, C, 2, H, W); array (H, W, C, 2) or (H, W, 2), or a
            batch (B, H, W, C, 2). Index 0 of the axis of length 2 is along x. Give this or ``laplacian``.
        laplacian: Tensor (C, H, W) or (H, W), or a batch (B, C, H, W); array (H, W, C) or (H, W), or a batch
            (B, H, W, C). Derivatives have signs, so that image files and PIL images, which hold none, are refused.
        mean: Cauchy condition of equation (12): the image's mean, a number or one per channel, in [0, 1]. Met
            exactly. Without it the mean is arbitrary, since derivatives do not see it. For a batch also (B, C).
        mean_gradient: Cauchy condition of equation (13): the mean Sobel gradient, (C, 2) or (2,), for a batch also
            (B, C, 2). It is a penalty.
        boundary: Values on the image's border, in [0, 1]: an image of the target's size and layout, a PIL image or the
            path of an image file, of which only the outermost ring of samples is read; for a batch also a batch. It is
            a penalty; it settles the mean too, so that ``mean`` is not needed with it. If both are given the mean is
            met exactly, and the ring up to that constant.
        method: "numerical" applies the same kernels to the network's output; "analytical" compares the network's
            exact derivatives, times the factor derived in `siren_sr.derivatives`. The kernels smooth as they
            differentiate and the network does not, so that what is found is a smoothed image, about 30 dB from the
            original for Sobel's gradient (the guide on Poisson problems tells more). Exact derivatives are also
            compared at the samples only: a network of high ω0 can meet them there and be wrong in between.
        omega_0: ω0 of the first layer, as for `siren_sr.fit_signal`: a number, "tangent_kernel" or a name in
            ``omega.MEASURES``, or a callable; measures see the image that the target belongs to, found by Fourier
            transform. Default: ω0* (equation 7) of that image, and a quarter of it for "analytical".
        hidden_omega_0: ω0 of the other layers.
        hidden_features: Width.
        hidden_layers: Sine layers after the first (default: 2).
        activation: "sine", "relu" or a callable.
        first_init: Initializer of the first layer.
        hidden_init: Initializer of the hidden layers.
        recipe: As for `siren_sr.fit_signal`. Default, or "fast": SOAP on the whole grid, 500 steps for a gradient and
            150 for a Laplacian; for "analytical", whose objective is a sum over points, 100 passes of Adam on batches.
            "paper" and "published" follow section 5.4. All but these two measure the misfit of a Laplacian in the
            image's norm (`siren_sr.training.objectives.laplacian`).
        steps: Number of steps (default: the recipe's).
        optimizer: Factory, parameters -> optimizer.
        scheduler: Factory, optimizer -> scheduler.
        align_corners: Corner-aligned grid, as in the paper, instead of pixel centres.
        generator: CPU generator of the initial weights (default: seed 0; the global random state is never touched).
        device: Where to compute (default: where the target is, or the CPU).
        callback: Called after every step; returning True stops. Its PSNR is that of the derivative that is matched.
        progress: Whether to show a progress bar, on a terminal or in a notebook; nothing is shown by default.
        max_memory: Bytes that may be used, by a rough estimate (default: those that are free). Work that would need
            more is refused before it begins.
        checkpoint: Path of a .safetensors file that holds what was reached, so that little is lost when the process
            dies: the same call goes on from there, and ends with the same bits on a CPU. A file of another call that
            has not come to its end is refused. The file stays when the call is complete, and the same call then
            returns at once; delete it when the result is safe, or let another call replace it.
        every: Seconds between two writings of it.
        return_fit: Return the `Fit` instead of the image, or a list of them for a batch.

    Returns:
        The image in the layout of the target, (C, H, W), (H, W), (H, W, C) or a batch of them: a float tensor or array
        as the target was, in units of [0, 1] but not clipped.

    Raises:
        ValueError: Both or none of the targets, wrong shapes, NaN, an unknown method, recipe or device, divergence.
        TypeError: A target that is neither tensor nor array.
        KeyboardInterrupt: Ctrl-C. Its attribute ``result`` holds what was reached, just as if the callback had returned
            True then, unless it came before the first step. A second Ctrl-C ends the call at once, without it.

    Examples:
        >>> from siren_sr import derivatives
        >>> ramp = torch.linspace(0, 1, 8).expand(1, 8, 8)
        >>> g = derivatives.image_gradient(ramp)
        >>> solve_poisson(gradient=g, mean=0.5, hidden_features=16, steps=2).shape
        torch.Size([1, 8, 8])
    """
    if (gradient is None) == (laplacian is None):
        raise ValueError("give either gradient= or laplacian=, exactly one of them")
    options = PoissonOptions(
        mean=mean,
        mean_gradient=mean_gradient,
        boundary=boundary,
        method=method,
        omega_0=omega_0,
        hidden_omega_0=hidden_omega_0,
        hidden_features=hidden_features,
        hidden_layers=hidden_layers,
        activation=activation,
        first_init=first_init,
        hidden_init=hidden_init,
        recipe=recipe,
        steps=steps,
        optimizer=optimizer,
        scheduler=scheduler,
        align_corners=align_corners,
        generator=generator,
        device=device,
        callback=callback,
        progress=progress,
        max_memory=max_memory,
        checkpoint=checkpoint,
        every=every,
        return_fit=return_fit,
    )
    kind: Kind = "laplacian" if gradient is None else "gradient"
    given = laplacian if gradient is None else gradient
    if isinstance(given, Tensor):
        check_tensor(given)
        given = given.as_subclass(Tensor)
    monitor = Monitor(callback, open_checkpoint(options, kind, given), bar=options.progress)
    with arguments.undisturbed(), monitor:
        if not is_batch(kind, given):
            result = _shown(solve(kind, given, options, monitor), options)
        else:
            fits = []
            for one, its_options in zip(given, split(options, len(given)), strict=True):
                monitor.restart()
                fits.append(solve(kind, one, its_options, monitor))
            results = [_shown(fit, options) for fit in fits]
            result = results if return_fit else stacked(results, given)
        monitor.end(result)
    return result


def _shown(fit: Fit, options: PoissonOptions) -> Any:
    return fit if options.return_fit else fit.reconstruction
