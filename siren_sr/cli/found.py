"""What commands tell of an image, as JSON can hold it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from siren_sr import io
from siren_sr.metrics import psnr
from siren_sr.signals import Signal, to_unit
from siren_sr.superres import assumed, given
from siren_sr.superres.downsample import Downsample
from siren_sr.superres.options import SuperResolveOptions

MODES = {1: "gray", 2: "gray and alpha", 3: "RGB", 4: "RGBA"}
"""What channels mean, by their number."""


def described(image: io.ImageFile) -> dict[str, Any]:
    """How an image is stored."""
    return {
        "format": image.format,
        "size": list(image.pixels.shape[:2]),
        "mode": MODES[1 if image.pixels.ndim == 2 else image.pixels.shape[2]],
        "bits": 8 * image.pixels.dtype.itemsize,
        "orientation": image.orientation,
    }


def enlarged(image: io.ImageFile, result: Any, options: dict[str, Any]) -> dict[str, Any]:
    """What was assumed and found of an image that was enlarged, and how well the result explains it.

    Args:
        image: The image.
        result: Its enlargement, as `siren_sr.super_resolve` gives it for a file.
        options: The options with which that was called.
    """
    chosen = SuperResolveOptions(**options)
    data = given.read(image, chosen)
    large = given.read(io.ImageFile(np.asarray(result), image.format, exif=image.exif), chosen)
    found = assumed.degradation(data, large.shape, chosen)
    kernel = found.kernel.tolist() if isinstance(found.kernel, torch.Tensor) else found.kernel
    known = given.compressed(image, data, chosen)
    reduced = Downsample.between(
        large.shape, data.shape, kernel=found.kernel, boundary=chosen.boundary, like=large.values
    )(to_unit(large.values))
    return {
        "image": described(image),
        "size": list(large.shape),
        "scale": [m / n for m, n in zip(large.shape, data.shape, strict=True)],
        "quality": chosen.quality,
        "strategy": options["strategy"],
        "kernel": kernel,
        "noise": 255 * found.noise,
        "jpeg": None if known is None else compression(known.tables, found_in_pixels=image.jpeg is None),
        "prior": chosen.prior if isinstance(chosen.prior, str | None) else str(getattr(chosen.prior, "func", "own")),
        "psnr_of_the_reduced_result": psnr_in_own_range(reduced, to_unit(data.values)),
    }


def psnr_in_own_range(a: torch.Tensor, b: torch.Tensor) -> float:
    """The PSNR in dB where the range of both is [0, 1]."""
    return float(psnr(a.clamp(0, 1), b))


def of_the_signal(data: Signal) -> dict[str, Any]:
    """What kind of signal it is."""
    kind = {1: "sound", 2: "image"}.get(data.origin.dims, "volume")
    rate = {} if data.origin.sample_rate is None else {"sample_rate": data.origin.sample_rate}
    return {"kind": kind, "size": list(data.shape), "channels": len(data.values), **rate}


def trained(fit: Any) -> dict[str, Any]:
    """What came of a training."""
    last = fit.history[-1] if fit.history else None
    omega_0 = getattr(fit.model, "first_omega_0", None)
    return {
        "psnr": float(fit.psnr),
        "loss": math.nan if last is None else float(last.loss),
        "steps": len(fit.history),
        "training_seconds": math.nan if last is None else float(last.seconds),
        "omega_0": None if omega_0 is None else float(omega_0),
        "parameters": sum(p.numel() for p in fit.model.parameters()),
        "network": fit.model.summary(),
        "stopped": fit.stopped,
    }


def compression(tables: io.JpegTables, *, found_in_pixels: bool) -> dict[str, Any]:
    """How an image was compressed."""
    usual = io.JpegTables.of_quality(tables.quality, colour=tables.colour)
    return {
        "quality": tables.quality,
        "exact": bool((usual.tables == tables.tables).all()),
        "subsampling": tables.subsampling,
        "colour": tables.colour,
        "tables": tables.tables.tolist(),
        "found_in_pixels": found_in_pixels,
    }


def blur(kernel: Any) -> list[float] | None:
    """The standard deviations of the Gaussian in pixels of the image, down and across; None for bicubic's."""
    if isinstance(kernel, str):
        return None
    if isinstance(kernel, float):
        return [kernel, kernel]
    found = []
    for sums in (kernel.sum(1), kernel.sum(0)):
        places = sums.new_tensor(range(len(sums))) - (len(sums) - 1) / 2
        found.append(float((sums * places.square()).sum().sqrt()))
    return found
