"""What a notebook and a terminal show of a `siren_sr.fitting.fit.Fit`: a small picture or a sound, and what is known.

Everything is bounded, whatever was fitted: of a large image a small one is shown, of a long sound its beginning, and of
a volume its middle. Texts are escaped, since the file of a fit can come from a stranger.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from siren_sr.fitting.degradation import Degradation
from siren_sr.signals import Origin
from siren_sr.signals.orientation import turn_upright
from siren_sr.training.spectrogram import decibels

SIDE = 256  # the longer side of a picture that is shown, in pixels
RENDERED = 2 * SIDE  # and of what is rendered for it, which is then reduced
SAMPLES = 1 << 17  # the most samples of a sound that are played, 3 seconds at 44.1 kHz
PROFILE = 1 << 12  # bytes; a larger colour profile is left out of the small picture
WINDOW = 512  # samples of the windows of a spectrogram


def summary(fit: Any) -> str:
    """One line on a fit."""
    score = f"PSNR {fit.psnr:.2f} dB" if not math.isnan(fit.psnr) else "no PSNR"
    ended = f"{len(fit.history)} steps{', stopped' if fit.stopped else ''}"
    return f"{_what(fit)}, {type(fit.model).__name__} ({fit.model.summary()}), {score}, {ended}"


def as_html(fit: Any) -> str:
    """A picture, or a sound to play, beside a table of what is known of the fit."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for name, text in facts(fit).items()
    )
    curve = fit.history._repr_html_() if len(fit.history) > 1 else ""
    return (
        '<div style="display:flex;gap:16px;flex-wrap:wrap;align-items:flex-start">'
        f"<div>{_seen(fit)}</div><table>{rows}</table><div>{curve}</div></div>"
    )


def as_png(fit: Any) -> bytes:
    """The small picture of an image, or the spectrogram of the beginning of a sound, as the content of a PNG file."""
    picture = _spectrogram(_sound(fit)[0]) if len(fit.shape) == 1 else thumbnail(fit)
    return _encoded(picture, "PNG")


def facts(fit: Any) -> dict[str, str]:
    """What is known of a fit, as texts by name."""
    model, made = fit.model, fit.made
    told = {"signal": _what(fit)}
    if "task" in made:
        changed = (f"{name}={_short(value)}" for name, value in made.items() if name not in ("task", "seed"))
        told["task"] = f"{made['task']}({', '.join(changed)})"
    weights = sum(parameter.numel() for parameter in model.parameters())
    told["network"] = f"{type(model).__name__}: {model.summary()}, {weights:,} parameters"
    told["PSNR"] = f"{fit.psnr:.2f} dB" if not math.isnan(fit.psnr) else "not known"
    if fit.history:
        seconds = fit.history[-1].seconds
        lasted = f" in {seconds:.1f} s" if math.isfinite(seconds) else ""
        told["training"] = f"{len(fit.history)} steps{lasted}{', stopped early' if fit.stopped else ''}"
    elif fit.stopped:
        told["training"] = "stopped before the first step"
    if fit.prior is not None:
        told["details from"] = f'prior="{_short(fit.prior)}"'
    if fit.degradation is not None:
        told |= _degradation(fit.degradation)
    if fit.boundary != "mirror":
        told["boundary"] = _short(fit.boundary)
    return told


def _what(fit: Any) -> str:
    """Which kind of data was fitted."""
    origin, channels = fit.origin, fit.model.out_features
    if origin.sample_rate is not None:
        seconds = fit.shape[0] / origin.sample_rate
        return f"sound of {seconds:.2f} s, {origin.sample_rate:g} Hz, {channels} channel(s), {origin.dtype}"
    kind = {1: "signal", 2: "image", 3: "volume"}[len(fit.shape)]
    return f"{kind} of {'x'.join(map(str, fit.shape))}, {channels} channel(s), {origin.dtype}"


def _degradation(found: Degradation) -> dict[str, str]:
    """How the image came about, in words."""
    kernel, noise, tables = found.kernel, found.noise, found.compression
    if isinstance(kernel, Tensor):
        reduced = f"{'x'.join(map(str, kernel.shape))} weights"
    else:
        reduced = kernel if isinstance(kernel, str) else f"Gaussian of {kernel:.2f} pixels of the result"
    told = {"reduced by": reduced, "noise": f"{255 * noise:.1f} levels of 255" if noise else "none"}
    if tables is not None:
        told["compressed"] = f"JPEG, quality {tables.quality:.0f}, {tables.colour}"
    return told


def _short(value: Any) -> str:
    """A plain value in at most 40 letters."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _rendered(fit: Any, low: float, high: float, **where: Any) -> Tensor:
    """A part of what the network shows as floats (C, *size), where -1 and 1 are ``low`` and ``high``, and no others."""
    origin = Origin("tensor", "float32", True, len(fit.shape), low=low, high=high, floor=min(low, 0.0), ceiling=1.0)
    return replace(fit, origin=origin).render(**where).cpu()


def thumbnail(fit: Any) -> Image.Image:
    """A small picture of an image, or of the middle slice of a volume.

    A picture that was made larger, as by `siren_sr.super_resolve`, is shown at the size it was made in.
    """
    grid = list(fit.shape if fit.base is None else fit.base.shape[1:])
    sides, region = grid[-2:], None
    size = [max(1, round(n * min(1.0, RENDERED / max(sides)))) for n in sides]
    if len(grid) == 3:
        middle = fit.shape[0] // 2
        region = [(middle, middle + 1), *((0, n) for n in fit.shape[1:])]
        size = [1, *size]
    values = _rendered(fit, *fit.origin.shown, size=size, region=region)
    values = values[:, 0] if len(grid) == 3 else values
    turned = getattr(fit.origin.info, "orientation", 1)
    if turned != 1 and fit.origin.turn == 1 and len(grid) == 2:  # it was fitted as its file stores it
        values = turn_upright(values, turned)
    channels = len(values)
    has_alpha = fit.origin.container in ("pil", "image file") and channels in (2, 4)
    values = values if has_alpha or channels in (1, 3) else values[: 3 if channels > 3 else 1]
    levels = (255 * values).round().to(torch.uint8).movedim(0, -1).numpy()
    picture = Image.fromarray(np.ascontiguousarray(levels[..., 0] if len(values) == 1 else levels))
    if max(picture.size) > SIDE:
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    elif max(picture.size) <= SIDE // 2:  # pixels are shown as what they are
        times = SIDE // max(picture.size)
        picture = picture.resize([n * times for n in picture.size], Image.Resampling.NEAREST)
    profile = getattr(fit.origin.info, "icc_profile", None)
    if profile and len(profile) <= PROFILE and picture.mode.startswith("RGB"):
        picture.info["icc_profile"] = profile
    return picture


def _seen(fit: Any) -> str:
    """The picture, or the sound, as HTML."""
    if len(fit.shape) > 1:
        return _inline(_encoded(thumbnail(fit), "WEBP"), "webp", "what the network shows")
    samples, share = _sound(fit)
    told, player = "", ""
    if fit.origin.sample_rate is not None:
        data, kind = _playable(samples, fit.origin)
        player = f'<audio controls preload="metadata" src="data:audio/{kind};base64,{data}"></audio>'
        seconds = len(samples) / fit.origin.sample_rate
        told = f"the first {seconds:.1f} s" if share < 1 else ""
    picture = _inline(_encoded(_spectrogram(samples), "WEBP"), "webp", "waveform and spectrogram")
    return f"{picture}<br>{player}<div>{told}</div>"


def _inline(data: bytes, kind: str, text: str) -> str:
    return f'<img alt="{text}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def _encoded(picture: Image.Image, format: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, icc_profile=picture.info.get("icc_profile"), quality=90)
    return stream.getvalue()


def _sound(fit: Any) -> tuple[np.ndarray, float]:
    """The beginning of a sound as the network has it, (T, C) in [-1, 1] of its own range, and which share it is."""
    count = min(fit.shape[0], SAMPLES)
    values = _rendered(fit, -1.0, 1.0, region=[(0, count)], size=[count])
    return values.T.clamp(-1, 1).numpy(), count / fit.shape[0]


def _playable(samples: np.ndarray, origin: Origin) -> tuple[str, str]:
    """Samples as a file that browsers play, in base64, and its kind: MP3, or WAV where MP3 knows no such rate."""
    import soundfile

    full = 1.0 if origin.dtype.startswith(("float", "bfloat")) else float(torch.iinfo(getattr(torch, origin.dtype)).max)
    samples = samples[:, :2] * min(1.0, origin.high / full)
    rate = max(1, round(origin.sample_rate or 1))
    for kind, subtype in (("MP3", "MPEG_LAYER_III"), ("WAV", "PCM_16")):
        stream = io.BytesIO()
        try:
            with soundfile.SoundFile(stream, "w", rate, samples.shape[1], subtype=subtype, format=kind) as file:
                file.write(samples)
        except (soundfile.LibsndfileError, ValueError, TypeError):  # an older libsndfile, or a rate that MP3 lacks
            continue
        return base64.b64encode(stream.getvalue()).decode(), {"MP3": "mpeg", "WAV": "wav"}[kind]
    return "", "wav"


def _spectrogram(samples: np.ndarray) -> Image.Image:
    """The waveform above the spectrogram of the channels' mean, low frequencies at the bottom, shades over 80 dB.

    Args:
        samples: (T, C) in [-1, 1].
    """
    mono = torch.from_numpy(samples.mean(1)).float()
    height, columns = SIDE // 4, min(SIDE, len(mono))
    ends = np.linspace(0, len(mono), columns + 1).astype(int)
    parts = [mono[start:stop] for start, stop in pairwise(ends)]
    low, high = (torch.stack([pick(part) for part in parts]) for pick in (torch.min, torch.max))
    levels = torch.linspace(1, -1, height)[:, None]
    half = 1 / height
    wave = torch.where((levels >= low - half) & (levels <= high + half), 60, 255)
    loud = decibels(mono, window=WINDOW)
    shades = 255 - 255 * ((loud - loud.max() + 80) / 80).clamp(0, 1)
    below = Image.fromarray(shades.flip(0).byte().numpy()).resize((SIDE, SIDE // 2), Image.Resampling.BOX)
    above = Image.fromarray(wave.byte().numpy()).resize((SIDE, height), Image.Resampling.BOX)
    sheet = Image.new("L", (SIDE, height + 4 + SIDE // 2), 255)
    _paste(sheet, [above, below])
    return sheet


def _paste(sheet: Image.Image, pictures: Sequence[Image.Image]) -> None:
    """Put pictures below one another."""
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height + 4
