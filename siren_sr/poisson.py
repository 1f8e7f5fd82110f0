"""Images from their derivatives: section 3.3 of the paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import omega
from siren_sr.derivatives.inverse import laplacian_of_gradient
from siren_sr.fitting.fit import Fit
from siren_sr.fitting.task import check_steps, default_generator
from siren_sr.init import Initializer
from siren_sr.network.layers import Activation
from siren_sr.network.siren import Siren
from siren_sr.signals import Kind, check_device, native
from siren_sr.training import objectives, recipes
from siren_sr.training.evaluation import Grid, evaluate
from siren_sr.training.field import weighted
from siren_sr.training.loop import Stage, final_score, train
from siren_sr.training.optimizers import OptimizerFactory, SchedulerFactory, adam, reduce_on_plateau
from siren_sr.training.progress import Callback
from siren_sr.training.recipes import Recipe


def _paper(name: str, method: str, activation: str | Activation, hidden_layers: int) -> Recipe:
    """Section 5.4: 5000 epochs, Adam 5e-4 (analytical or not sine: 1e-4), ReduceLROnPlateau."""
    lr = 5e-4 if method == "numerical" and activation == "sine" else 1e-4
    return Recipe(5000, adam(lr), lambda steps: reduce_on_plateau(patience=10 * hidden_layers))


def _fast(name: str, method: str, activation: str | Activation, hidden_layers: int) -> Recipe:
    """The library's default: SOAP with a cosine decay; exact derivatives are learned from batches of points."""
    if method == "analytical":
        return recipes.fast(dims=2, hidden_layers=hidden_layers, activation=activation)
    recipe = recipes.whole(dims=2, hidden_layers=hidden_layers, activation=activation)
    # A Laplacian is matched in the image's norm, which is learned much faster (docs/poisson.md).
    return replace(recipe, steps=150) if name == "laplacian" else recipe


RECIPES = {"fast": _fast, "paper": _paper}


def solve_poisson(
    *,
    gradient: Any = None,
    laplacian: Any = None,
    mean: Any = None,
    mean_gradient: Any = None,
    boundary: Any = None,
    method: str = "numerical",
    omega_0: float | None = None,
    hidden_omega_0: float = 30.0,
    hidden_features: int = 256,
    hidden_layers: int = 2,
    activation: str | Activation = "sine",
    first_init: str | Initializer = "sitzmann",
    hidden_init: str | Initializer = "sitzmann",
    recipe: str = "fast",
    steps: int | None = None,
    optimizer: OptimizerFactory | None = None,
    scheduler: SchedulerFactory | None = None,
    align_corners: bool = False,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    callback: Callback | None = None,
    return_fit: bool = False,
) -> Any:
    """The image whose gradient or Laplacian is given.

    Targets are those of the paper, in units of an image in [0, 1]: Sobel's gradient and the 3×3 Laplacian, as
    `siren_sr.derivatives.image_gradient` and `siren_sr.derivatives.image_laplacian` compute them.

    Args:
        gradient: (C, 2, H, W) or (2, H, W), tensor or array; index 0 is along x. Give this or ``laplacian``.
        laplacian: (C, H, W) or (H, W), tensor or array.
        mean: Cauchy condition of equation (12): the image's mean, a number or one per channel, in [0, 1]. Met
            exactly. Without it the mean is arbitrary, since derivatives do not see it.
        mean_gradient: Cauchy condition of equation (13): the mean Sobel gradient, (C, 2) or (2,). A penalty.
        boundary: Values on the image's border, in [0, 1]: an image (C, H, W), or (H, W) for a target without channels,
            of which only the outermost ring of samples is read. A penalty; it settles the mean too, so that ``mean``
            is not needed with it. If both are given the mean is met exactly, and the ring up to that constant.
        method: "numerical" applies the same kernels to the network's output; "analytical" compares the network's
            exact derivatives, times the factor derived in `siren_sr.derivatives`. The kernels smooth as they
            differentiate and the network does not, so that what is found is a smoothed image, about 30 dB from the
            original for Sobel's gradient (the guide on speed has the measurement). Exact derivatives are also compared
            at the samples only: a network of high ω0 can meet them there and be wrong in between.
        omega_0: ω0 of the first layer (default: ω0*, equation 7, of the image that the target belongs to; a quarter
            of it for "analytical").
        hidden_omega_0: ω0 of the other layers.
        hidden_features: Width.
        hidden_layers: Sine layers after the first.
        activation: "sine", "relu" or a callable.
        first_init: Initializer of the first layer.
        hidden_init: Initializer of the hidden layers.
        recipe: "paper" (section 5.4) or "fast": SOAP, 500 steps for a gradient and 150 for a Laplacian, whose misfit is
            measured in the image's norm (`siren_sr.training.objectives.laplacian`); 100 passes of Adam for
            "analytical".
        steps: Number of steps (default: the recipe's).
        optimizer: Factory, parameters -> optimizer.
        scheduler: Factory, optimizer -> scheduler.
        align_corners: Corner-aligned grid, as in the paper, instead of pixel centres.
        generator: CPU generator of the initial weights (default: seed 0; the global random state is never touched).
        device: Where to compute (default: where the target is, or the CPU).
        callback: Called after every step; returning True stops. Its PSNR is that of the derivative that is matched.
        return_fit: Return the `Fit` instead of the image.

    Returns:
        The image, (C, H, W) or (H, W), a float tensor or array as the target was, in units of [0, 1] but not clipped.

    Raises:
        ValueError: Both or none of the targets, wrong shapes, NaN, an unknown method, recipe or device, divergence.
        TypeError: A target that is neither tensor nor array.

    Examples:
        >>> from siren_sr import derivatives
        >>> ramp = torch.linspace(0, 1, 8).expand(1, 8, 8)
        >>> g = derivatives.image_gradient(ramp)
        >>> solve_poisson(gradient=g, mean=0.5, hidden_features=16, steps=2).shape
        torch.Size([1, 8, 8])
    """
    if torch.is_inference_mode_enabled():
        options = locals()
        with torch.inference_mode(False):
            return solve_poisson(**options)
    if (gradient is None) == (laplacian is None):
        raise ValueError("give either gradient= or laplacian=, exactly one of them")
    if recipe not in RECIPES:
        raise ValueError(f"recipe={recipe!r} is unknown: use one of {sorted(RECIPES)}")
    name = "laplacian" if gradient is None else "gradient"
    given = laplacian if gradient is None else gradient
    target, kind, origin = _target(name, given, device)
    channels, shape = target.shape[0], tuple(target.shape[-2:])
    chosen = RECIPES[recipe](name, method, activation, hidden_layers)
    steps = check_steps(chosen.steps if steps is None else steps)
    if omega_0 is None:
        omega_0 = _omega_of(name, target) if activation == "sine" else 30.0
        if method == "analytical" and activation == "sine":
            omega_0 = max(omega.MINIMUM, omega_0 / 4)
    model = Siren(
        2,
        channels,
        hidden_features=hidden_features,
        hidden_layers=hidden_layers,
        first_omega_0=omega_0,
        hidden_omega_0=hidden_omega_0,
        activation=activation,
        first_init=first_init,
        hidden_init=hidden_init,
        generator=default_generator(generator),
        device=target.device,
        dtype=target.dtype,
    )
    # The network's range [-1, 1] is twice as long as the image's [0, 1]: so are its derivatives.
    match = {"gradient": objectives.gradient, "laplacian": objectives.laplacian}[name](2 * target, method=method)
    # A Laplacian's own misfit weighs frequencies by |k|⁴, and what is slow is hardly learned.
    by_image = name == "laplacian" and method == "numerical" and recipe == "fast"
    terms = [(1.0, objectives.laplacian(2 * target, norm="image") if by_image else match)]
    if mean_gradient is not None:
        terms.append(
            (1.0, objectives.mean_gradient(2 * _condition("mean_gradient", mean_gradient, (channels, 2), target)))
        )
    if boundary is not None:
        terms.append((1.0, objectives.boundary(2 * _ring(boundary, target, channels, kind) - 1)))
    wanted_mean = None if mean is None else _condition("mean", mean, (channels,), target)

    stage = Stage(
        objective=weighted(terms),
        steps=steps,
        shape=shape,
        optimizer=optimizer or chosen.optimizer,
        scheduler=scheduler or chosen.scheduler(steps),
        score=match,
        align_corners=align_corners,
        name=f"poisson ({name}, {method})",
        # These conditions need the whole grid.
        batch=chosen.batch if optimizer is None and mean_gradient is None and boundary is None else None,
    )
    history = train(model, [stage], callback=callback)
    if wanted_mean is not None:
        _set_mean(model, stage, 2 * wanted_mean - 1)
    fit = Fit(
        model=model.eval(),
        history=history,
        psnr=final_score(model, stage),
        shape=shape,
        low=0.0,
        high=1.0,
        kind=kind,
        align_corners=align_corners,
        device=origin,
        stopped=len(history) < steps,
    )
    return fit if return_fit else fit.reconstruction


@torch.no_grad()
def _set_mean(model: Siren, stage: Stage, mean: Tensor) -> None:
    """Meet the mean condition exactly: derivatives do not see the output's bias, so it is free to do so."""
    grid = Grid(stage.shape, align_corners=stage.align_corners, like=mean)
    found = evaluate(model, grid, lambda field: field.values.flatten(1).mean(1))
    model.output.bias.add_(mean - found)


def _target(name: str, given: Any, device: Any) -> tuple[Tensor, Kind, torch.device | None]:
    """The target as (C, 2, H, W) or (C, H, W), how to give the image back, and where."""
    tensor = _tensor(name, given)
    if not tensor.dtype.is_floating_point:
        raise TypeError(f"{name} must be floating point (derivatives have signs), got {tensor.dtype}")
    full, wanted = (4, "(C, 2, H, W) or (2, H, W)") if name == "gradient" else (3, "(C, H, W) or (H, W)")
    if tensor.ndim not in (full - 1, full) or (name == "gradient" and tensor.shape[-3] != 2) or 0 in tensor.shape:
        raise ValueError(f"{name} must have shape {wanted} with at least one pixel, got {tuple(tensor.shape)}")
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"{name} has NaN or infinite values: replace them first")
    has_channels = tensor.ndim == full
    # An array's image is laid out like its target, channels first.
    container = "tensor" if isinstance(given, Tensor) else "planar array"
    kind = Kind(container, str(tensor.dtype).removeprefix("torch."), has_channels, 2, clip=False)
    compute = torch.float64 if tensor.dtype == torch.float64 and container == "tensor" else torch.float32
    origin = tensor.device if container == "tensor" else None
    tensor = tensor.to(device=check_device(device) or tensor.device, dtype=compute)
    return (tensor if has_channels else tensor[None]), kind, origin


def _tensor(name: str, given: Any) -> Tensor:
    """A user's tensor or array as a tensor without a graph."""
    if not isinstance(given, (Tensor, np.ndarray)):
        raise TypeError(f"{name} must be a tensor or an array, got {type(given).__name__}")
    return given.detach() if isinstance(given, Tensor) else torch.from_numpy(native(given))


def _condition(name: str, given: Any, shape: tuple[int, ...], like: Tensor) -> Tensor:
    try:
        value = torch.as_tensor(given, dtype=like.dtype, device=like.device)
        value = value.detach().expand(shape)
    except (RuntimeError, TypeError, ValueError):
        raise ValueError(f"{name} must be a number or have shape {shape}, got {given!r}") from None
    if not bool(torch.isfinite(value).all()):
        raise ValueError(f"{name} must be finite, got {given!r}")
    return value


def _ring(given: Any, like: Tensor, channels: int, kind: Kind) -> Tensor:
    """The image (C, H, W) whose outermost ring is the boundary; its other samples may be anything."""
    shape = (channels, *like.shape[-2:])
    tensor = _tensor("boundary", given)
    wanted = shape if kind.channels else shape[1:]
    if tuple(tensor.shape) != wanted:
        raise ValueError(f"boundary must have shape {wanted}, as the image, got {tuple(tensor.shape)}")
    if not tensor.dtype.is_floating_point:
        raise TypeError(f"boundary must be floating point in [0, 1], got {tensor.dtype}: divide by its maximum")
    tensor = tensor.to(device=like.device, dtype=like.dtype).reshape(shape)
    if not bool(torch.isfinite(objectives.outermost(tensor)).all()):
        raise ValueError("boundary has NaN or infinite values on its outermost ring: replace them first")
    return tensor


def _omega_of(name: str, target: Tensor) -> float:
    """Equation (7) for the image that a target belongs to, without the image."""
    laplacian = target if name == "laplacian" else laplacian_of_gradient(target)
    return max(omega.MINIMUM, omega.FACTOR * float(laplacian.std())) if laplacian.numel() > 1 else omega.MINIMUM
