"""``siren-sr render``: evaluate a fitted network, at any resolution, into a file."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from dataclasses import replace
from typing import Any

from siren_sr import Fit, io
from siren_sr.cli.arguments import add_device, add_resolution, command, file_name
from siren_sr.cli.output import (
    STREAM,
    add_format,
    add_output,
    check_output,
    given,
    image_options,
    quality,
    target,
    writing,
)


def add(commands: Any) -> None:
    """Add the command."""
    usual = ("--scale", "--size", "--region", "--format", "--jpeg-quality")
    p = command(commands, "render", run, "evaluate a fitted network", "photo.safetensors large.png --scale 2.5", usual)
    p.add_argument("input", metavar="FIT", type=file_name, help=".safetensors file of fit, or - for the standard input")
    add_output(p, "image or audio file, or - for the standard output", images=True)
    add_format(p, "as what was fitted, or wav")
    add_resolution(p, "samples per original sample, > 0 (default: 1)")
    p.add_argument(
        "--region",
        type=float,
        nargs="+",
        metavar="N",
        help="part, in original samples: TOP BOTTOM LEFT RIGHT of an image, START STOP of a sound",
    )
    add_device(p)


def run(a: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    check_output(a, a.input)
    fit = _as_file(_loaded(a))
    dims, audio = fit.origin.dims, fit.origin.dims == 1
    channels, dtype = fit.model.out_features, fit.origin.dtype
    like = fit.origin.info if isinstance(fit.origin.info, io.ImageFile) else None
    if audio and (a.strip or a.jpeg_quality is not None):
        flag = "--strip" if a.strip else "--jpeg-quality"
        raise ValueError(f"{flag} is for images: nothing but samples is written for a sound")
    if a.region is not None and len(a.region) != 2 * dims:
        names = "START STOP" if audio else "TOP BOTTOM LEFT RIGHT"
        raise ValueError(f"--region needs {2 * dims} numbers, {names}, got {len(a.region)}")
    region = None if a.region is None else list(zip(a.region[::2], a.region[1::2], strict=True))
    size = fit.rendered_size(scale=a.scale, size=a.size, region=region)
    start, stop = (0, fit.shape[0]) if region is None else region[0]
    rate = round((fit.origin.sample_rate or 44100) * size[0] / (stop - start))
    if audio:
        form = f".{(a.format or 'wav').removeprefix('.')}" if a.output == STREAM else None
        io.check_audio_writable(
            target(a), channels=channels, dtype=dtype, sample_rate=rate, length=size[0], format=form
        )
        result = fit.render(scale=a.scale, size=a.size, region=region)
        with writing(a):
            io.write_audio(target(a), result, rate, format=form)
        return 0
    seen, asked = None if like is None else io.upright_image(like), image_options(a, like)
    io.check_writable(target(a), channels=channels, dtype=dtype, shape=(size[0], size[1]), like=seen, **asked)
    result = fit.render(scale=a.scale, size=a.size, region=region)
    with writing(a):
        io.save(result, target(a), like=like, upright=False, **asked, **quality(a))
    return 0


def _loaded(a: argparse.Namespace) -> Fit:
    """The fit in FIT, which is read from a file even where it came from the standard input."""
    if a.input != STREAM:
        return Fit.load(a.input, device=a.device)
    with tempfile.TemporaryDirectory(prefix="siren-sr-") as folder:
        name = os.path.join(folder, "the standard input")
        with open(name, "wb") as file:
            shutil.copyfileobj(given(a.input), file)
        return Fit.load(name, device=a.device)


def _as_file(fit: Fit) -> Fit:
    """The fit, rendering what a file holds whatever was fitted: channels last, and integers for an image."""
    origin = fit.origin
    if origin.dims > 2:
        raise ValueError(f"this network has {origin.dims} axes, only images and sounds have files: use Fit.render")
    origin = replace(origin, container="array", channels=origin.channels and fit.model.out_features > 1)
    if origin.dims == 2 and origin.dtype.startswith(("float", "bfloat")):
        low, high = 255 * origin.low, 255 * origin.high  # of floats, the range from 0 to 1 is what a file can hold
        origin = replace(origin, dtype="uint8", low=low, high=high, floor=0.0, ceiling=255.0, full=255.0)
    return replace(fit, origin=origin)
