"""What the units of networks do, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from siren_sr import arguments
from siren_sr.fitting.fit import Fit
from siren_sr.grids import coordinates
from siren_sr.network.activity import LayerActivity, capture
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import TiledSiren
from siren_sr.plots.style import OKABE_ITO, SMALL, USUAL, axes_of, grid

MAX_BINS = 1 << 16
POINTS = 4096  # at which the units of a fit are looked at
TILES = 64  # the most tiles that are looked at


def activity(layers: Sequence[LayerActivity], *, bins: int = 256) -> Any:
    """Draw histograms of pre-activations and of activations, and spectra of activations, with one row per layer.

    These are the figures of section 4 of the paper.

    Args:
        layers: What `siren_sr.network.activity.capture` returns for points on a line,
            ``torch.linspace(-1, 1, n)[:, None]``.
        bins: Number of bins of a histogram.

    Returns:
        A ``matplotlib.figure.Figure``. A spectrum is that of the sum over units, of which the first 100 bins are drawn,
        as in the paper.

    Raises:
        TypeError: ``layers`` is not what `capture` returns.
        ValueError: ``bins`` is less than 1 or more than `MAX_BINS`.
        ImportError: Matplotlib is not installed.
    """
    if not isinstance(layers, Sequence) or not layers or not all(isinstance(one, LayerActivity) for one in layers):
        raise TypeError(f"layers must be what siren_sr.network.activity.capture returns, got {type(layers).__name__}")
    if arguments.count("bins", bins) > MAX_BINS:
        raise ValueError(f"bins must be at most {MAX_BINS}, got {bins}")
    titles = ("before the activation", "after the activation", "spectrum after")
    figure, axes = grid(len(layers), 3, width=10, height=2.2 * len(layers))
    for i, layer in enumerate(layers):
        before, after = layer.pre_activation.cpu().numpy(), layer.activation.cpu().numpy()
        row = axes[3 * i : 3 * i + 3]
        row[0].hist(before.ravel(), bins=bins, density=True)
        row[1].hist(after.ravel(), bins=bins, density=True)
        row[2].plot(np.abs(np.fft.rfft(after.astype(np.float64).sum(1)))[:100])
        row[0].set_ylabel(layer.name)
        if i == 0:
            for axis, title in zip(row, titles, strict=True):
                axis.set_title(title, fontsize=USUAL)
    return figure


def of_fit(fit: Fit) -> tuple[LayerActivity, ...]:
    """What the layers of a fit's network do at points spread over its grid; of tiles, what they do together.

    Networks of another kind have no layers that are known: the result is empty.
    """
    model = fit.model
    if isinstance(model, Siren):
        per_axis = max(1, int(POINTS ** (1 / len(fit.shape))))
        size = [min(n, per_axis) for n in fit.shape]
        axes = coordinates.axes(fit.shape, size=size, device=model.device, dtype=model.dtype)
        return capture(model, coordinates.points(axes), gradients=False)
    if not isinstance(model, TiledSiren):
        return ()
    count = len(model.networks.weights[0])
    chosen = torch.linspace(0, count - 1, min(count, TILES)).round().long().to(model.device)
    side = max(2, round((POINTS / len(chosen)) ** (1 / model.in_features)))
    points = coordinates.grid([side] * model.in_features, device=model.device, dtype=model.dtype)
    x, layers = points.expand(len(chosen), *points.shape), []
    maps = model.networks.affine_maps()
    with torch.no_grad():
        for i, (weight, bias, omega) in enumerate(maps):
            z = omega * torch.baddbmm(bias[chosen], x, weight[chosen])
            last = i == len(maps) - 1
            x = z if last else torch.sin(z)
            layers.append(
                LayerActivity("output" if last else f"layers.{i}", z.flatten(0, 1), x.flatten(0, 1), None, None)
            )
    return tuple(layers)


def draw_histograms(figure: Any, layers: Sequence[LayerActivity]) -> None:
    """Draw two rows of histograms, before and after the activation, with one column per layer.

    The axes of what stands before the sine tell its multiples of π: where a histogram is much wider than ±π, a unit
    swings several times.
    """
    columns = len(layers)
    axes = axes_of(figure, 2, columns)
    for i, layer in enumerate(layers):
        pairs = ((axes[i], layer.pre_activation, "before"), (axes[columns + i], layer.activation, "after"))
        for (axis, values, when), colour in zip(pairs, OKABE_ITO, strict=False):
            numbers = values.detach().cpu().float().numpy().ravel()
            axis.hist(numbers[np.isfinite(numbers)], bins=80, density=True, color=colour, histtype="stepfilled")
            axis.set_yticks([])
            if i == 0:
                axis.set_ylabel(when, fontsize=SMALL)
        axes[i].set_title(layer.name, fontsize=SMALL)
        if layer.name != "output":
            _in_pi(axes[i])
            axes[columns + i].set_xticks([-1, 0, 1])
        else:
            axes[i].locator_params(axis="x", nbins=4)
            axes[columns + i].locator_params(axis="x", nbins=4)


def _of_pi(count: int) -> str:
    return {0: "0", 1: "π", -1: "−π"}.get(count, f"{count}π".replace("-", "−"))


def _in_pi(axis: Any) -> None:
    """Count the horizontal axis in multiples of π, by steps of 1, 2 or 5 times a power of ten."""
    ends = float(np.abs(axis.get_xlim()).max()) / math.pi
    step = next(m * 10**k for k in range(12) for m in (1, 2, 5) if m * 10**k >= ends / 2.5)
    places = [k * step for k in range(-2, 3) if abs(k * step) <= ends]
    axis.set_xticks([k * math.pi for k in places], [_of_pi(k) for k in places])
