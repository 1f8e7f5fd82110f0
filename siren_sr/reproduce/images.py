"""Reproduce the image fitting of Tables 1, 2 and 4 and of Figures 4 and 8."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from siren_sr import Fit, fit_signal, omega
from siren_sr.reproduce import data
from siren_sr.reproduce.report import CHANNELS_DB, Report, Setup, Table, mean_and_std, shortened, versions
from siren_sr.training import recipes
from siren_sr.training.optimizers import adam

STUDIED = "0803"  # the image of the paper's ablations
STEPS = (500, 60)  # epochs of the ablations: those of the paper, and those of a quick run


def table1(setup: Setup) -> Report:
    """Compare initializers of the first layer, with ω0 = 30 and ω0*."""
    published = {
        30.0: {"sitzmann": 34.41, "xavier": 23.76, "he": 41.30},
        None: {"sitzmann": 41.75, "xavier": 33.70, "he": 36.70},
    }
    runs = {
        f"{'ω0*' if value is None else 'ω0 = 30'}, {init}": ({"omega_0": value, "first_init": init}, number)
        for value, row in published.items()
        for init, number in row.items()
    }
    return _ablation(setup, "Table 1: initializers of the first layer", runs)


def table2(setup: Setup) -> Report:
    """Compare initializers of the hidden layers, with two learning rates."""
    published = {
        5e-4: {"sitzmann": 34.34, "xavier": 9.84, "he": 8.62},
        1e-4: {"sitzmann": 26.38, "xavier": 20.86, "he": 18.96},
    }
    runs = {
        f"lr {lr:g}, {init}": ({"omega_0": 30.0, "hidden_init": init, "recipe": _recipe(setup, lr)}, number)
        for lr, row in published.items()
        for init, number in row.items()
    }
    return _ablation(setup, "Table 2: initializers of the hidden layers", runs)


def figure4(setup: Setup) -> Report:
    """Measure the PSNR for several ω0 of the first layer; the paper's figure prints no numbers."""
    star = omega.omega_star(data.low(setup, _studied(setup)))
    values = sorted((1.0, 30.0, star, 1000.0, 2000.0))
    runs = {f"ω0 = {value:.4g}{' (ω0*)' if value == star else ''}": ({"omega_0": value}, None) for value in values}
    return _ablation(setup, "Figure 4: PSNR by ω0 of the first layer", runs)


def table4(setup: Setup) -> Report:
    """Compare SIREN, ReLU and SIREN with ω0* on all images; their curves are Figure 8."""
    names, steps = data.chosen(setup, 3), setup.steps(5000, 60)
    methods: dict[str, dict[str, Any]] = {
        "SIREN": {"omega_0": 30.0},
        "ReLU": {"omega_0": 30.0, "activation": "relu"},
        "SIREN with ω0*": {},
    }
    published = {"SIREN": (41.62, 3.55), "ReLU": (14.26, 1.99), "SIREN with ω0*": (57.18, 10.10)}
    fits = {m: [_fit(setup, name, steps, m, **options) for name in names] for m, options in methods.items()}
    rows = []
    for method, found in fits.items():
        mean, std = mean_and_std([fit.psnr for fit in found])
        summed, _ = mean_and_std([_summed(fit) for fit in found])
        paper, paper_std = published[method]
        rows.append((method, (mean, std, summed, paper, paper_std, paper + CHANNELS_DB)))
    columns = ("network", "PSNR", "std", "PSNR, channels summed", "paper, channels summed", "std", "paper, usual")
    settings = {"images": " ".join(names), "epochs": steps, **versions(setup)}
    curves = {m: np.mean([[e.psnr for e in fit.history] for fit in found], 0) for m, found in fits.items()}
    title = "Table 4 and Figure 8: image fitting"
    table = Table("PSNR in dB, mean and standard deviation over the images", columns, tuple(rows))
    return Report(title, (table,), shortened(steps, 5000), settings, lambda: _curves(curves))


def _ablation(setup: Setup, title: str, runs: Mapping[str, tuple[dict[str, Any], float | None]]) -> Report:
    steps, name = setup.steps(*STEPS), _studied(setup)
    fits = {label: _fit(setup, name, steps, label, **options) for label, (options, _) in runs.items()}
    rows = []
    for label, fit in fits.items():
        paper = runs[label][1]
        rows.append((label, (fit.psnr, _summed(fit), paper, None if paper is None else paper + CHANNELS_DB)))
    columns = ("network", "PSNR", "PSNR, channels summed", "paper, channels summed", "paper, usual")
    settings = {"image": name, "epochs": steps, **versions(setup)}
    curves = {label: [e.psnr for e in fit.history] for label, fit in fits.items()}
    table = Table(f"PSNR in dB after {steps} epochs", columns, tuple(rows))
    return Report(title, (table,), shortened(steps, STEPS[0]), settings, lambda: _curves(curves))


def _studied(setup: Setup) -> str:
    return (setup.images or (STUDIED,))[0]


def _fit(setup: Setup, name: str, steps: int, label: str, **options: Any) -> Fit:
    recipe = options.pop("recipe", "published" if setup.as_published else "paper")
    fit = fit_signal(
        data.low(setup, name),
        recipe=recipe,
        steps=steps,
        tiles=False,
        align_corners=setup.as_published,
        generator=setup.generator(),
        device=setup.device,
        callback=setup.watch,
        **options,
    )
    setup.tell(f"{name}, {label}: {fit.psnr:.2f} dB, {fit.history[-1].seconds:.0f} s")
    return fit


def _recipe(setup: Setup, lr: float) -> Callable[..., recipes.Recipe]:
    """Return the paper's recipe with another learning rate."""

    def recipe(**options: Any) -> recipes.Recipe:
        made = (recipes.published if setup.as_published else recipes.paper)(**options)
        return replace(made, optimizer=adam(lr))

    return recipe


def _summed(fit: Fit) -> float:
    """Return the PSNR as the paper has it, with errors summed over channels."""
    return fit.psnr - 10 * math.log10(fit.model.out_features)


def _curves(curves: Mapping[str, Sequence[float]]) -> Any:
    from siren_sr.plots import grid

    figure, (axis,) = grid(1, 1, width=6.0, height=4.0)
    for label, curve in curves.items():
        axis.plot(curve, label=label)
    axis.set_xlabel("epochs")
    axis.set_ylabel("PSNR in dB")
    axis.legend(fontsize=8)
    return figure
