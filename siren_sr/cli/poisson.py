"""``siren-sr poisson``: rebuild an image from its derivatives."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch

from siren_sr import derivatives, io, plots, solve_poisson
from siren_sr.cli.arguments import (
    add_option,
    add_training,
    array_of,
    checkpoint,
    command,
    drop_checkpoint,
    file_name,
    seeded,
)
from siren_sr.cli.interruption import INTERRUPTION
from siren_sr.cli.output import add_output, check_output, metadata, writing
from siren_sr.cli.plot import add_plot, check_plot, write_plot
from siren_sr.cli.progress import Training
from siren_sr.cli.screen import say
from siren_sr.poisson import PoissonOptions
from siren_sr.signals import Origin, as_signal, from_unit


def add(commands: Any) -> None:
    """Add the command."""
    p = command(
        commands,
        "poisson",
        run,
        "rebuild an image from its derivatives",
        "photo.png rebuilt.png --of laplacian --method numerical",
    )
    p.add_argument(
        "input",
        metavar="IN",
        type=file_name,
        help="image file, or .npy array (C,2,H,W) of Sobel gradients / (C,H,W)",
    )
    add_output(p, "image file")
    p.add_argument("--of", default="gradient", choices=["gradient", "laplacian"], help="default: gradient")
    add_option(p, PoissonOptions, "method", choices=["numerical", "analytical"])
    group = p.add_mutually_exclusive_group()
    add_option(group, PoissonOptions, "mean", type=float, default="the image's; 0.5 for .npy")
    group.add_argument("--no-mean", action="store_true", help="no condition on the mean")
    p.add_argument("--mean-gradient", action="store_true", help="also the image's mean gradient as a condition")
    add_option(p, PoissonOptions, "recipe", default="by the method")
    add_training(p, PoissonOptions)
    add_plot(p, "original, result, error, spectra, training and units")


def run(a: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    operator = derivatives.image_gradient if a.of == "gradient" else derivatives.image_laplacian
    check_output(a, a.input)
    check_plot(a, a.input, a.output)
    image, original, mean, mean_gradient = None, None, a.mean, None
    if a.input.lower().endswith(".npy"):
        target = torch.from_numpy(array_of(a.input).astype(np.float32))
        mean = 0.5 if mean is None else mean
        if a.mean_gradient:
            raise ValueError("--mean-gradient needs an image: a .npy file holds derivatives only")
    else:
        image = io.read_image(a.input)
        original = unit = as_signal(image).unit
        target = operator(unit)
        mean = unit.flatten(1).mean(1) if mean is None else mean
        if a.mean_gradient:
            mean_gradient = derivatives.image_gradient(unit).flatten(2).mean(2)
    dtype = "uint8" if image is None else str(image.pixels.dtype)
    most = 4 if a.of == "gradient" else 3
    if target.ndim > most:
        wanted = "(C, 2, H, W) or (2, H, W)" if a.of == "gradient" else "(C, H, W) or (H, W)"
        raise ValueError(f"{a.of} must have shape {wanted}, for one image, got {tuple(target.shape)}")
    channels = target.shape[0] if target.ndim == most else 1
    io.check_writable(a.output, channels=channels, dtype=dtype, like=image, **metadata(a))
    with Training(quiet=a.quiet) as training:
        fit = solve_poisson(
            gradient=target if a.of == "gradient" else None,
            laplacian=target if a.of == "laplacian" else None,
            mean=None if a.no_mean else mean,
            mean_gradient=mean_gradient,
            method=a.method,
            recipe=a.recipe,
            steps=a.steps,
            generator=seeded(a.seed),
            device=a.device,
            callback=training,
            **checkpoint(a),
            return_fit=True,
        )
    if training.stopped:
        # An image cannot say that it is unfinished.
        return say(f"{INTERRUPTION.text} {training.reached}; nothing was written", INTERRUPTION.code)
    high = float(np.iinfo(dtype).max)
    origin = Origin("array", dtype, channels > 1, 2, low=0.0, high=high, floor=0.0, ceiling=high)
    values = from_unit(fit.reconstruction.reshape(channels, *fit.shape))
    with writing(a):
        io.write_image(a.output, origin.restore(values), like=image, **metadata(a))
    write_plot(a, lambda: plots.summary(fit, original))
    drop_checkpoint(a)
    return 0
