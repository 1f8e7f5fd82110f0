"""Poisson problems for the page: a picture from its own derivatives, or from those of two pictures together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from siren_sr import derivatives, metrics, omega, solve_poisson
from siren_sr.demo import pictures, words
from siren_sr.demo.desk import Job
from siren_sr.grids import resampling

PLACES = ("everywhere", "the upper half", "the lower half", "the left half", "the right half", "the middle")
OPERATORS = {"gradient": derivatives.image_gradient, "laplacian": derivatives.image_laplacian}


@dataclass(frozen=True)
class Rebuilt:
    """What the page shows: files of the derivative, of the picture before and after, and of a download; and a text."""

    derivative: str
    pair: tuple[str, str]
    text: str


def rebuild(path: str, job: Job, *, of: str, side: int, steps: int) -> Rebuilt:
    """Rebuild a picture from its gradient or Laplacian, and its mean."""
    picture = pictures.read_small(path, side)
    target = OPERATORS[of](picture)
    asked: dict[str, Any] = {of: target}
    found = solve_poisson(**asked, mean=picture.mean((1, 2)), steps=steps, callback=job.callback).clamp(0, 1)
    text = f"{metrics.psnr(found, picture):.1f} dB between the picture and what was rebuilt from its {of}."
    return _rebuilt(job, _strength(target, of), picture, found, text)


def blend(path: str, other: str, job: Job, *, where: str, side: int, steps: int) -> Rebuilt:
    """Keep the longer of the gradients of two pictures in a part of the first one, and find the picture.

    This is mixed gradients of Perez, Gangnet and Blake (SIGGRAPH 2003).
    """
    first = pictures.read_small(path, side)
    second = resampling.resize(pictures.read_small(other, side), first.shape[1:]).clamp(0, 1)
    first, second = (x.expand(max(len(first), len(second)), -1, -1) for x in (first, second))
    a, b = derivatives.image_gradient(first), derivatives.image_gradient(second)
    stronger = b.square().sum((0, 1)) > a.square().sum((0, 1))
    target = torch.where(stronger & place(where, *first.shape[1:]), b, a)
    # Mixed gradients belong to no image: ω0 is that of the first picture, and Adam does not learn the contradictions.
    found = solve_poisson(
        gradient=target,
        mean=first.mean((1, 2)),
        omega_0=omega.omega_star(first),
        recipe="paper",
        steps=steps,
        callback=job.callback,
    ).clamp(0, 1)
    return _rebuilt(job, _strength(target, "gradient"), first, found, "The two pictures are blended.")


def place(where: str, rows: int, columns: int) -> Tensor:
    """The part of a picture that one of `PLACES` names, (rows, columns) of bool."""
    down = (torch.arange(rows) + 0.5)[:, None] / rows
    right = (torch.arange(columns) + 0.5)[None] / columns
    parts = {
        "the upper half": (down < 0.5) & (right < 2),
        "the lower half": (down > 0.5) & (right < 2),
        "the left half": (down < 2) & (right < 0.5),
        "the right half": (down < 2) & (right > 0.5),
        "the middle": (down - 0.5) ** 2 + (right - 0.5) ** 2 < 0.4**2,
    }
    return parts.get(where, torch.ones(rows, columns, dtype=torch.bool))


def _strength(target: Tensor, of: str) -> Tensor:
    """A derivative as a picture: along x for a gradient."""
    return pictures.signed(target[:, 0] if of == "gradient" else target)


def _rebuilt(job: Job, derivative: Tensor, before: Tensor, after: Tensor, text: str) -> Rebuilt:
    files = [
        pictures.show(job.folder / f"{name}.png", values)
        for name, values in (("derivative", derivative), ("original", before), ("rebuilt", after))
    ]
    return Rebuilt(files[0], (files[1], files[2]), f"{words.LATE} {text}" if job.late else text)
