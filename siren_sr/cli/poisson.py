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
from siren_sr.cli.found import psnr_in_own_range, trained
from siren_sr.cli.interruption import INTERRUPTION
from siren_sr.cli.output import (
    add_format,
    add_json,
    add_output,
    check_output,
    given,
    image_options,
    quality,
    show_json,
    target,
    writing,
)
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
        ("--of", "--method", "--mean", "--steps", "--json", "--quiet"),
    )
    p.add_argument(
        "input",
        metavar="IN",
        type=file_name,
        help="image file, - for the standard input, or .npy array (C,2,H,W) of Sobel gradients / (C,H,W)",
    )
    add_output(p, "image file, or - for the standard output", images=True)
    add_format(p, "as the input")
    add_json(p)
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
    image, unit, mean, mean_gradient = None, None, a.mean, None
    if a.input.lower().endswith(".npy"):
        known = torch.from_numpy(array_of(a.input).astype(np.float32))
        mean = 0.5 if mean is None else mean
        if a.mean_gradient:
            raise ValueError("--mean-gradient needs an image: a .npy file holds derivatives only")
    else:
        image = io.read_image(given(a.input))
        unit = as_signal(image).unit
        known = operator(unit)
        mean = unit.flatten(1).mean(1) if mean is None else mean
        if a.mean_gradient:
            mean_gradient = derivatives.image_gradient(unit).flatten(2).mean(2)
    dtype = "uint8" if image is None else str(image.pixels.dtype)
    most = 4 if a.of == "gradient" else 3
    if known.ndim > most:
        wanted = "(C, 2, H, W) or (2, H, W)" if a.of == "gradient" else "(C, H, W) or (H, W)"
        raise ValueError(f"{a.of} must have shape {wanted}, for one image, got {tuple(known.shape)}")
    channels = known.shape[0] if known.ndim == most else 1
    shape, seen = (known.shape[-2], known.shape[-1]), None if image is None else io.upright_image(image)
    asked = image_options(a, image)
    io.check_writable(target(a), channels=channels, dtype=dtype, shape=shape, like=seen, **asked)
    with Training(quiet=a.quiet) as training:
        fit = solve_poisson(
            gradient=known if a.of == "gradient" else None,
            laplacian=known if a.of == "laplacian" else None,
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
        io.save(origin.restore(values), target(a), like=image, upright=False, **asked, **quality(a))
    write_plot(a, lambda: plots.summary(fit, unit))
    drop_checkpoint(a)
    if a.json:
        told = {"input": a.input, "output": a.output, "of": a.of, "method": a.method, "size": list(shape)}
        if unit is not None:
            told["psnr_of_the_image"] = psnr_in_own_range(fit.reconstruction.reshape(unit.shape), unit)
        show_json({**told, "channels": channels, **trained(fit), "notes": training.notes})
    return 0
