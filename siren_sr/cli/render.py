"""``siren-sr render``: evaluate a fitted network, at any resolution, into a file."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from siren_sr import Fit, io
from siren_sr.cli.arguments import add_device, add_resolution, command, file_name
from siren_sr.cli.output import add_output, check_output, metadata, writing


def add(commands: Any) -> None:
    """Add the command."""
    p = command(commands, "render", run, "evaluate a fitted network", "photo.safetensors large.png --scale 2.5")
    p.add_argument("input", metavar="FIT", type=file_name, help=".safetensors file of fit")
    add_output(p, "image or audio file")
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
    fit = _as_file(Fit.load(a.input, device=a.device))
    dims, audio = fit.origin.dims, fit.origin.dims == 1
    channels, dtype = fit.model.out_features, fit.origin.dtype
    like = fit.origin.info if isinstance(fit.origin.info, io.ImageFile) else None
    if audio and a.strip:
        raise ValueError("--strip is for images: nothing but samples is written for a sound")
    if a.region is not None and len(a.region) != 2 * dims:
        names = "START STOP" if audio else "TOP BOTTOM LEFT RIGHT"
        raise ValueError(f"--region needs {2 * dims} numbers, {names}, got {len(a.region)}")
    region = None if a.region is None else list(zip(a.region[::2], a.region[1::2], strict=True))
    size = fit.rendered_size(scale=a.scale, size=a.size, region=region)
    start, stop = (0, fit.shape[0]) if region is None else region[0]
    rate = round((fit.origin.sample_rate or 44100) * size[0] / (stop - start))
    if audio:
        io.check_audio_writable(a.output, channels=channels, dtype=dtype, sample_rate=rate, length=size[0])
    else:
        seen = None if like is None else io.upright_image(like)
        io.check_writable(a.output, channels=channels, dtype=dtype, shape=(size[0], size[1]), like=seen, **metadata(a))
    result = fit.render(scale=a.scale, size=a.size, region=region)
    if audio:
        with writing(a):
            io.write_audio(a.output, result, rate)
    else:
        with writing(a):
            io.save(result, a.output, like=like, upright=False, **metadata(a))
    return 0


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
