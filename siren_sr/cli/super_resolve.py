"""``siren-sr super-resolve``: enlarge an image file, or many."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np

from siren_sr import io, plots
from siren_sr import super_resolve as enlarge
from siren_sr.cli import many
from siren_sr.cli.arguments import (
    add_option,
    add_resolution,
    add_training,
    array_of,
    checkpoint,
    command,
    drop_checkpoint,
    file_name,
    number_or_name,
    one_or_more,
    seeded,
    users_upscaler,
)
from siren_sr.cli.found import enlarged
from siren_sr.cli.interruption import INTERRUPTION
from siren_sr.cli.output import (
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
from siren_sr.superres.options import AUTO, SuperResolveOptions
from siren_sr.superres.task import DEFAULT_SCALE, result_size


def add(commands: Any) -> None:
    """Add the command."""
    usual = ("--scale", "--size", "--quality", "--noise", "--jpeg-quality", "--json", "--quiet")
    p = command(commands, "super-resolve", run, "enlarge an image", "photo.jpg photo_x4.png --scale 4", usual)
    p.add_argument(
        "inputs",
        metavar="IN",
        nargs="+",
        type=file_name,
        help="image file, or - for the standard input; or folders, patterns, manifests, many files",
    )
    add_output(p, "image file, whose extension sets the format, or - for stdout; for many a folder", images=True)
    add_json(p)
    add_resolution(p, f"enlargement, any number >= 1 (default: {DEFAULT_SCALE})")
    add_option(p, SuperResolveOptions, "quality")
    add_option(p, SuperResolveOptions, "kernel")
    add_option(
        p,
        SuperResolveOptions,
        "noise",
        default=AUTO,
        metavar="N",
        type=number_or_name,
        help=f"standard deviation of the image's noise, in levels of 255; or {AUTO}, by an estimate",
    )
    add_option(p, SuperResolveOptions, "prior", metavar="photographs|none|MODULE:FUNCTION")
    add_option(p, SuperResolveOptions, "boundary", type=one_or_more, metavar="mirror|wrap")
    add_option(p, SuperResolveOptions, "compression", choices=("auto", "jpeg", "none"))
    add_option(p, SuperResolveOptions, "strategy")
    add_training(p, SuperResolveOptions)
    add_plot(p, "image, bicubic and result with crops, and their spectra; of one image")
    many.add(p)


def run(a: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    if many.asked(a):
        if a.plot is not None:
            raise ValueError("--plot is for one image: give one IN")
        if a.strip or a.no_clobber or a.jpeg_quality is not None:
            raise ValueError(
                "--strip, --no-clobber and --jpeg-quality are for one image; results up to date are kept anyway"
            )
        with users_upscaler(a.prior) as prior:
            return many.run(a, _options(a, prior))
    check_output(a, a.inputs[0])
    check_plot(a, a.inputs[0], a.output)
    image = io.read_image(given(a.inputs[0]))
    channels = 1 if image.pixels.ndim == 2 else image.pixels.shape[2]
    seen = io.upright_image(image)
    size = result_size(seen.pixels.shape[:2], scale=a.scale, size=a.size, channels=channels)
    asked, begun = image_options(a, image), time.monotonic()
    io.check_writable(target(a), channels=channels, dtype=image.pixels.dtype, shape=size, like=seen, **asked)
    if a.workers is not None or a.ray is not None:
        with users_upscaler(a.prior) as prior:
            options = _options(a, prior)
            result, notes = many.in_windows(a, image, options), []
    else:
        with users_upscaler(a.prior) as prior, Training(quiet=a.quiet) as training:
            options = _options(a, prior)
            result = enlarge(image, **options, generator=seeded(a.seed), callback=training, **checkpoint(a))
        if training.stopped:
            # An image cannot say that it is unfinished.
            return say(f"{INTERRUPTION.text} {training.reached}; nothing was written", INTERRUPTION.code)
        notes = training.notes
    with writing(a):
        io.save(result, target(a), like=image, upright=False, **asked, **quality(a))
    write_plot(a, lambda: plots.enlargement(image, replace(image, pixels=np.asarray(result), jpeg=None)))
    drop_checkpoint(a)
    if a.json:
        seconds = time.monotonic() - begun
        told = {"input": a.inputs[0], "output": a.output, **enlarged(image, result, options), "seconds": seconds}
        show_json({**told, "notes": notes})
    return 0


def _options(a: argparse.Namespace, prior: Any) -> dict[str, Any]:
    """The options of the task, as the arguments have them."""
    noise = a.noise
    if noise not in (None, AUTO) and (isinstance(noise, str) or not 0 <= noise <= 255):
        given = noise if isinstance(noise, str) else f"{noise:g}"
        raise ValueError(f"--noise {given}: a standard deviation in levels of 255, from 0 to 255, or {AUTO}")
    kernel = array_of(a.kernel) if a.kernel.endswith(".npy") else number_or_name(a.kernel)
    return {
        "scale": a.scale,
        "size": a.size,
        "quality": a.quality,
        "kernel": kernel,
        "noise": noise / 255 if isinstance(noise, float) else noise,
        "prior": prior,
        "boundary": a.boundary,
        "compression": None if a.compression == "none" else a.compression,
        "strategy": a.strategy,
        "steps": a.steps,
        "device": a.device,
    }
