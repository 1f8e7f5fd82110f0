"""``siren-sr inspect``: what image files tell of themselves, and what is found in their pixels."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from siren_sr import io
from siren_sr import omega as rules
from siren_sr.cli.arguments import command, file_name
from siren_sr.cli.found import blur, compression, described
from siren_sr.cli.output import given
from siren_sr.cli.screen import one_line, show
from siren_sr.signals import as_signal, to_unit
from siren_sr.superres import assumed
from siren_sr.superres.compression.recognition import recognise
from siren_sr.superres.options import AUTO, ESTIMATE, SuperResolveOptions


def add(commands: Any) -> None:
    """Add the command."""
    p = command(commands, "inspect", run, "print what is known and found of image files", "photo.jpg --json")
    p.add_argument("inputs", metavar="FILE", nargs="+", type=file_name, help="image file, or - for the standard input")
    p.add_argument("--scale", type=float, default=4.0, help="scale of ω_HR (default: 4)")
    p.add_argument("--json", action="store_true", help="one JSON object per file and line")


def run(a: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    for number, name in enumerate(a.inputs):
        found = _inspected(name, a.scale)
        if a.json:
            show(json.dumps(found))
            continue
        if len(a.inputs) > 1:
            show(("\n" if number else "") + one_line(name))
        show("\n".join(f"{key:11} {text}" for key, text in _in_words(found, a.scale).items()))
    return 0


def _inspected(name: str, scale: float) -> dict[str, Any]:
    """Everything, as JSON can hold it."""
    image = io.read_image(given(name))
    data = as_signal(image, dims=2).upright()
    found = assumed.degradation(data, data.shape, SuperResolveOptions(noise=AUTO, kernel=ESTIMATE))
    tables, certain = None, image.jpeg is not None
    if image.jpeg is not None:
        tables = io.read_jpeg_tables(image.jpeg)
    elif image.pixels.dtype == np.uint8 and not data.has_alpha and image.orientation == 1:
        tables = recognise(to_unit(data.values))
    return {
        "file": name,
        **described(image),
        "jpeg": None if tables is None else compression(tables, found_in_pixels=not certain),
        "noise": 255 * found.noise,
        "blur": blur(found.kernel),
        "omega_star": rules.omega_star(data),
        "omega_hr": rules.omega_hr(data, scale),
    }


def _in_words(found: dict[str, Any], scale: float) -> dict[str, str]:
    """The same for a person, line by line."""
    jpeg, (rows, columns) = found["jpeg"], found["size"]
    lines = {
        "size": f"{rows}x{columns} (rows x columns)",
        "mode": f"{found['mode']}, {found['bits']} bits",
        "format": found["format"],
    }
    if found["orientation"] != 1:
        lines["orientation"] = f"{found['orientation']} (EXIF)"
    if jpeg is not None:
        said = f"quality {'' if jpeg['exact'] else 'about '}{jpeg['quality']}, {jpeg['colour']}"
        said += f", {jpeg['subsampling']}" if jpeg["subsampling"] and jpeg["colour"] != "gray" else ""
        lines["jpeg"] = said + (": the pixels once were such a file" if jpeg["found_in_pixels"] else "")
    lines["noise"] = f"{found['noise']:.1f} levels of 255" if found["noise"] else "none found"
    blur = found["blur"]
    lines["blur"] = f"{blur[0]:.1f} pixels down, {blur[1]:.1f} across" if blur else "none found"
    lines["omega_star"] = f"{found['omega_star']:.2f}"
    lines["omega_hr"] = f"{found['omega_hr']:.2f}  (x{scale:g})"
    return lines
