"""A photograph enlarged for the page: pictures to compare, files to take away, and what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from siren_sr import io
from siren_sr import omega as rules
from siren_sr import super_resolve as enlarge
from siren_sr.demo import pictures, words
from siren_sr.demo.desk import Job
from siren_sr.fitting.fit import Fit
from siren_sr.signals.orientation import TRANSPOSED
from siren_sr.superres import assumed, given
from siren_sr.superres.options import SuperResolveOptions
from siren_sr.superres.task import result_size

FORMATS = {"PNG": ".png", "TIFF": ".tif", "JPEG": ".jpg", "WebP": ".webp"}


@dataclass(frozen=True)
class Enlarged:
    """What the page shows of an enlarged picture; the values are names of files.

    Attributes:
        pair: The picture by bicubic interpolation and that of the library, as PNG files.
        spectra: Their spectra.
        download: The result in the format that was asked for, with what the input's file tells.
        network: The saved fit, or None.
        fit: The fit itself.
        found: What was found, line by line.
        text: How it went.
    """

    pair: tuple[str, str]
    spectra: tuple[str, str]
    download: str
    network: str | None
    fit: Fit | None
    found: dict[str, str]
    text: str


def work(path: str, job: Job, *, keep: bool, file_format: str, **asked: Any) -> Enlarged:
    """Enlarge a file.

    Args:
        path: The file.
        job: The job that this is.
        keep: Whether networks learn to represent the picture, so that there is a fit.
        file_format: A key of `FORMATS`.
        **asked: Options of `siren_sr.super_resolve`.
    """
    image = io.read_image(path)
    options = SuperResolveOptions(**asked)
    data = given.read(image, options)
    channels = len(data.values)
    size = result_size(data.shape, scale=options.scale, size=None, channels=channels)
    name = f"{Path(path).stem[:80]}_x{options.scale:g}"
    stored = (size[1], size[0]) if image.orientation in TRANSPOSED else size
    target = job.folder / (name + FORMATS[file_format])
    io.check_writable(target, channels=channels, dtype=image.pixels.dtype, shape=stored, like=image)
    told = replace(
        assumed.degradation(data, size, options), compression=_compression(given.compressed(image, data, options))
    )
    fit = enlarge(image, **asked, callback=job.callback, return_fit=True) if keep else None
    pixels = np.asarray(enlarge(image, **asked, callback=job.callback) if fit is None else fit.render(size=size))
    io.write_image(target, pixels, like=image)
    after = pictures.picture_of(pixels, image.orientation)
    before = pictures.bicubic(pictures.picture_of(image.pixels, image.orientation), size)
    network = None
    if fit is not None and not fit.stopped:
        network = str(job.folder / f"{name}.safetensors")
        fit.save(network)
    shown = [("bicubic", before), ("siren_sr", after)]
    return Enlarged(
        pair=_two(pictures.show(job.folder / f"{label}.png", values, image) for label, values in shown),
        spectra=_two(
            pictures.show(job.folder / f"{label}_spectrum.png", pictures.spectrum(values)) for label, values in shown
        ),
        download=str(target),
        network=network,
        fit=None if fit is None or fit.stopped else fit,
        found=_found(image, data, size, told, options, fit),
        text=words.LATE if job.late else f"{data.shape[1]} x {data.shape[0]} became {size[1]} x {size[0]} pixels.",
    )


def _two(names: Iterator[str]) -> tuple[str, str]:
    first, second = names
    return first, second


def _compression(known: Any) -> Any:
    return None if known is None else known.tables


def _found(
    image: Any, data: Any, size: Any, told: Any, options: SuperResolveOptions, fit: Fit | None
) -> dict[str, str]:
    """What the page says of an image and of what was done with it."""
    rows = {
        "Size": f"{data.shape[1]} x {data.shape[0]} to {size[1]} x {size[0]} pixels",
        "File": f"{image.format}, {8 * image.pixels.dtype.itemsize} bits"
        + (f", turned upright (EXIF orientation {image.orientation})" if image.orientation != 1 else ""),
        **words.of_degradation(told if fit is None or fit.degradation is None else fit.degradation),
        "ω0* of the image": f"{rules.omega_star(data):.1f}",
        "ω0 for the result": f"{rules.omega_hr(data, options.scale):.1f}",
    }
    return rows | ({} if fit is None else words.of_network(fit))
