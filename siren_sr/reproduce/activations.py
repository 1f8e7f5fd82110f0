"""Figures 3 and 5 to 7 show what an untrained network does to a line of points, for several initializers and ω0."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import Siren
from siren_sr.network.activity import LayerActivity, capture
from siren_sr.reproduce.report import Report, Setup, Table, versions

BINS = 100  # so many bins of a spectrum are drawn, as in the paper's figures
FLAT, ARCSINE = 1.0, 0.5  # the variances that Sitzmann et al. give for what enters a sine and for what leaves it


def figure3(setup: Setup) -> Report:
    """Study the spectrum of the output for ω0 of 1, 30 and 1000."""
    variants = {f"ω0 = {omega:g}": {"first_omega_0": omega} for omega in (1.0, 30.0, 1000.0)}
    return _study(setup, "Figure 3: spectrum of the output by ω0 of the first layer", variants, panels=("output",))


def figure5(setup: Setup) -> Report:
    """Study what enters the first sine, with Xavier's initializer in the first layer."""
    variants = {"Sitzmann": {}, "Xavier": {"first_init": "xavier"}}
    return _study(
        setup, "Figure 5: Xavier initialization of the first layer, before its sine", variants, panels=("first",)
    )


def figure6(setup: Setup) -> Report:
    """Study what enters the first sine and what leaves the network, with He's initializer in the first layer."""
    variants = {"Sitzmann": {}, "He": {"first_init": "he"}}
    return _study(setup, "Figure 6: He initialization of the first layer", variants, panels=("first", "output"))


def figure7(setup: Setup) -> Report:
    """Study hidden layers with the initializers of Xavier and He."""
    variants = {"Sitzmann": {}, "Xavier": {"hidden_init": "xavier"}, "He": {"hidden_init": "he"}}
    return _study(
        setup,
        "Figure 7: Xavier and He initialization of the hidden layers",
        variants,
        panels=("spectrum of layer 1", "second hidden", "output"),
    )


def _study(setup: Setup, title: str, variants: dict[str, dict[str, Any]], *, panels: tuple[str, ...]) -> Report:
    width, points = setup.choose(2048, 512), setup.choose(16384, 4096)
    coords = torch.linspace(-1, 1, points, device=setup.device)[:, None]
    rows, drawn = [], {}
    for name, options in variants.items():
        model = Siren(
            1, 1, hidden_features=width, hidden_layers=2, generator=setup.generator(), device=setup.device, **options
        )
        layers = capture(model, coords)
        setup.tell(f"{name}: {len(layers)} layers")
        rows.append((name, _numbers(layers)))
        drawn[name] = {panel: _panel(layers, panel) for panel in panels}
    columns = (
        "network",
        *(f"variance before sine {i}" for i in (1, 2, 3)),
        *(f"after sine {i}" for i in (1, 2, 3)),
        "95 % of the output's energy below (cycles per point)",
        "std of the output",
        "gradient before sine 1 / before sine 3",
    )
    notes = (
        f"Theory (Sitzmann et al.): variance {FLAT:g} before a hidden sine, {ARCSINE:g} after one. PyTorch's default "
        "biases add ω0²/(3·width) to the first of these, and ω0²/3 before the first sine, whose one input makes its "
        "biases as large as its weights. Gradients are of the mean of the output, root mean squares.",
    )
    settings = {"width": width, "points": points, **versions(setup)}
    return Report(title, (Table("Untrained networks", columns, tuple(rows)),), notes, settings, lambda: _draw(drawn))


def _numbers(layers: tuple[LayerActivity, ...]) -> tuple[float, ...]:
    sines, output = layers[:-1], layers[-1].activation
    gradients = [_rms(layer.pre_activation_grad) for layer in sines]
    return (
        *(float(layer.pre_activation.var()) for layer in sines),
        *(float(layer.activation.var()) for layer in sines),
        bandwidth(output),
        float(output.std()),
        gradients[0] / gradients[-1],
    )


def bandwidth(values: Tensor, *, share: float = 0.95) -> float:
    """Return the frequency, in cycles per point, below which a share of the energy of (N, features) lies.

    The means of the features are subtracted first.
    """
    power = spectrum(values - values.mean(0)).square()
    below = torch.cumsum(power, 0) / power.sum()
    return float(torch.searchsorted(below, torch.tensor(share, dtype=below.dtype))) / len(values)


def spectrum(values: Tensor) -> Tensor:
    """Return the moduli of the Fourier transform along the points of the sum over units, as in the paper's figures."""
    return torch.fft.rfft(values.cpu().double().sum(1)).abs()


def _rms(values: Tensor | None) -> float:
    return 0.0 if values is None else float(values.double().square().mean().sqrt())


def _panel(layers: tuple[LayerActivity, ...], panel: str) -> tuple[str, np.ndarray]:
    """Return what a panel shows: "histogram" or "spectrum", and its numbers."""
    if panel == "first":
        return "histogram", layers[0].pre_activation.cpu().numpy().ravel()
    if panel == "second hidden":
        return "histogram", layers[2].pre_activation.cpu().numpy().ravel()
    if panel == "spectrum of layer 1":
        return "spectrum", spectrum(layers[1].activation)[:BINS].numpy()
    return "spectrum", spectrum(layers[-1].activation)[:BINS].numpy()


def _draw(drawn: dict[str, dict[str, tuple[str, np.ndarray]]]) -> Any:
    from siren_sr.plots import grid

    first = next(iter(drawn.values()))
    figure, axes = grid(len(drawn), len(first))
    for row, (name, panels) in enumerate(drawn.items()):
        for column, (panel, (kind, numbers)) in enumerate(panels.items()):
            axis = axes[row * len(first) + column]
            if kind == "histogram":
                axis.hist(numbers, bins=200, density=True)
            else:
                axis.plot(numbers)
            axis.set_title(f"{name}: {_TITLES[panel]}", fontsize=9)
    return figure


_TITLES = {
    "first": "before the first sine",
    "second hidden": "before the third sine",
    "spectrum of layer 1": "spectrum after the second sine",
    "output": "spectrum of the output",
}
