"""Pictures as a browser shows them: upright, in 8 bits and without alpha; and those that the page draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import io
from siren_sr.fitting.fit import Fit
from siren_sr.grids import resampling
from siren_sr.signals import as_signal
from siren_sr.signals.orientation import turn_upright

FLOOR = -80.0  # dB below its highest value at which a spectrum is black
WINDOW = 512  # samples of one column of a spectrogram


def picture_of(pixels: np.ndarray, orientation: int = 1) -> Tensor:
    """Stored pixels (H, W[, C]) of 8 or 16 bits as the picture that is seen, (C, H, W) in [0, 1]."""
    values = torch.from_numpy(pixels.astype(np.float32)) / float(np.iinfo(pixels.dtype).max)
    values = values[None] if values.ndim == 2 else values.movedim(-1, 0)
    return turn_upright(values, orientation)


def opaque(values: Tensor) -> Tensor:
    """A picture (C, H, W) in [0, 1] with 1 to 4 channels, on white where it has alpha: (1 or 3, H, W)."""
    if len(values) in (1, 3):
        return values
    alpha = values[-1:]
    return values[:-1] * alpha + (1 - alpha)


def levels(values: Tensor) -> np.ndarray:
    """A picture (C, H, W) in [0, 1] as pixels of 8 bits, (H, W, C), or (H, W) for one channel."""
    pixels = (opaque(values).clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(pixels[0] if len(pixels) == 1 else pixels.movedim(0, -1))


def show(path: Path, values: Tensor, like: io.ImageFile | None = None) -> str:
    """Write a picture (C, H, W) in [0, 1] as a PNG file that looks right, with the colours of ``like``."""
    pixels = levels(values)
    if like is not None:
        like = replace(io.stripped(like), exif=None, pixels=pixels)
    io.write_image(path, pixels, like=like)
    return str(path)


def bicubic(values: Tensor, size: Sequence[int]) -> Tensor:
    """A picture (C, H, W) in [0, 1] enlarged by bicubic interpolation."""
    return resampling.resize(values, size).clamp(0, 1)


def spectrum(values: Tensor, side: int = 256) -> Tensor:
    """The spectrum of a picture's brightness, (1, side, side) in [0, 1]: 0 in its middle, on a logarithmic scale.

    Black is 80 dB below the strongest frequency. The picture's edges are faded out, so that they do not make a cross.
    """
    gray = opaque(values).mean(0).double()
    gray = gray - gray.mean()
    fade = [torch.hann_window(n, periodic=False, dtype=torch.float64) for n in gray.shape]
    power = torch.fft.fftshift(torch.fft.fft2(gray * fade[0][:, None] * fade[1]).abs().square())
    power = resampling.resize(power[None], (side, side), kernel="box").clamp(min=0)
    return _decibels(power).float()


def spectrogram(samples: Tensor, side: tuple[int, int] = (256, 768)) -> Tensor:
    """The spectrogram of a sound (C, T): (1, *side) in [0, 1], low frequencies at the bottom, logarithmic."""
    mono = samples.mean(0).double()
    mono = torch.nn.functional.pad(mono, (0, max(0, WINDOW - len(mono))))
    window = torch.hann_window(WINDOW, dtype=torch.float64)
    power = torch.stft(mono, WINDOW, WINDOW // 4, window=window, return_complex=True).abs().square()
    power = resampling.resize(power.flip(0)[None], side, kernel="box").clamp(min=0)
    return _decibels(power).float()


def _decibels(power: Tensor) -> Tensor:
    """Powers as brightness: 1 at the highest, 0 at `FLOOR` and below."""
    highest = float(power.max())
    if highest <= 0:
        return torch.zeros_like(power)
    return (1 - 10 * (power / highest).clamp(min=1e-30).log10() / FLOOR).clamp(0, 1)


def signed(values: Tensor) -> Tensor:
    """A derivative (..., H, W) as a picture in [0, 1], in which 0 is a middle gray and most values are in range."""
    most = (
        float(values.abs().flatten().double().quantile(0.99)) if values.numel() < 2**24 else float(values.abs().max())
    )
    return (values / (2 * max(most, 1e-12)) + 0.5).clamp(0, 1)


def read_small(path: str, most: int) -> Tensor:
    """The picture of a file, (C, H, W) in [0, 1] without alpha, reduced where a side is longer than ``most``.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is of a kind that is not handled.
    """
    values = opaque(as_signal(io.read_image(path), dims=2).upright().unit)
    longest = max(values.shape[1:])
    if longest > most:
        size = [max(1, round(n * most / longest)) for n in values.shape[1:]]
        values = resampling.resize(values, size)
    return values.clamp(0, 1).contiguous()


def as_picture(fit: Fit) -> Fit:
    """The fit of an image, rendering pixels of 8 bits, (H, W, C), as the picture is seen.

    Raises:
        ValueError: It is no fit of an image.
    """
    origin, channels = fit.origin, fit.model.out_features
    if origin.dims != 2 or channels > 4:
        what = "a sound" if origin.dims == 1 else f"{origin.dims} axes and {channels} channels"
        raise ValueError(f"This network is no picture but has {what}; the page shows networks of images.")
    low, high = (255 * x / origin.full for x in (origin.low, origin.high))
    changed: dict[str, Any] = {"container": "array", "dtype": "uint8", "channels": True, "turn": 1, "info": None}
    return replace(
        fit, origin=replace(origin, **changed, low=low, high=high, floor=0.0, ceiling=255.0, full=255.0, device=None)
    )
