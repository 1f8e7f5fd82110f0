"""What the decoder makes of features around a point: a sine network whose first layer is split in three.

The pre-activations of its first layer are a sum over what the point reads. The features' share, and the amplitudes of
the sines, are interpolated between the pixels of the image; the share of the place between pixels is one sum along rows
and another one along columns; that of the cell's size is the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from siren_sr.grids.resampling import mirrored
from siren_sr.network.siren import Siren
from siren_sr.superres.learned import interpolation


def places(harmonics: int) -> int:
    """Return how many inputs of the decoder tell of a point's place, sine and cosine per period, and of the cell."""
    return 4 * harmonics + 2


def on_grid(
    decoder: Siren,
    features: Tensor,
    rows: Tensor,
    columns: Tensor,
    *,
    cell: Sequence[float],
    harmonics: int,
    ends: Sequence[tuple[int, int]],
) -> Tensor:
    """Evaluate the decoder at a rectangle of positions.

    Args:
        decoder: The sine network of K units per layer.
        features: Shifts and amplitudes of its first sines, (B, h, w, 2·K), of a part of a picture.
        rows: Positions (m,) in that part.
        columns: Positions (n,).
        cell: How many times finer than the image's pixels the new ones are, along rows and columns.
        harmonics: How many whole periods per pixel the decoder is told of the place.
        ends: For both axes, where the picture's first pixel is in that part, and how many pixels the picture has: there
            it is mirrored.

    Returns:
        (B, m, n, C).
    """
    matrices = []
    for axis, (positions, (start, n)) in enumerate(zip((rows, columns), ends, strict=True), 1):
        numbers = interpolation.span(positions)
        entries = mirrored(numbers - start, n) + start
        features = features.index_select(axis, entries.to(features.device))
        matrices.append(interpolation.weights(positions, numbers, like=features))
    return sampled(decoder, features, matrices, (rows, columns), cell=cell, harmonics=harmonics)


def sampled(
    decoder: Siren,
    features: Tensor,
    matrices: Sequence[Tensor],
    positions: Sequence[Tensor],
    *,
    cell: Sequence[float] | Tensor,
    harmonics: int,
) -> Tensor:
    """Evaluate the decoder at a rectangle of positions, by the matrices (m, h) and (n, w) that read features there.

    All shapes are known before, and nothing waits for a number: a GPU can record it once and repeat it.

    Args:
        decoder: The sine network of K units per layer.
        features: Shifts and amplitudes of its first sines, (B, h, w, 2·K).
        matrices: Interpolation along rows, and along columns.
        positions: Rows (m,) and columns (n,), counted in pixels of the image.
        cell: As in `on_grid`, or a tensor of the two numbers.
        harmonics: As in `on_grid`.

    Returns:
        (B, m, n, C).
    """
    features = (matrices[0] @ features.flatten(2)).unflatten(2, features.shape[2:])
    y, x = _phases(decoder, harmonics, positions[0], positions[1], cell)
    return _sines(decoder, matrices[1] @ features, (y[:, None] + x).to(features))


def at_points(
    decoder: Siren, features: Tensor, rows: Tensor, columns: Tensor, *, cell: Sequence[float], harmonics: int
) -> Tensor:
    """Evaluate the decoder at N points, by their positions in the picture with these features: (B, N, C)."""
    features = interpolation.at_points(features, rows, columns)
    y, x = _phases(decoder, harmonics, rows, columns, cell)
    return _sines(decoder, features, (y + x).to(features))


def _sines(decoder: Siren, first: Tensor, phases: Tensor) -> Tensor:
    """Everything of the decoder after the products of its first layer: (..., 2·K) -> (..., C)."""
    shifts, amplitudes = first.chunk(2, -1)
    x = torch.sin(shifts + phases) * amplitudes
    for layer in list(decoder.layers)[1:]:
        x = layer(x)
    return decoder.output(x)


def _phases(
    decoder: Siren, harmonics: int, rows: Tensor, columns: Tensor, cell: Sequence[float] | Tensor
) -> tuple[Tensor, Tensor]:
    """What the rows, and what the columns and all the rest, add to the first layer's pre-activations."""
    weight, bias, omega_0 = decoder.affine_maps()[0]
    weight, n = omega_0 * weight[:, -places(harmonics) :].T, 2 * harmonics
    sizes = torch.log2(torch.as_tensor(cell, dtype=torch.float64)).to(weight) / 3
    order = torch.arange(1, harmonics + 1, device=rows.device)
    angles = [2 * math.pi * p[:, None] * order for p in (rows, columns)]
    y, x = (torch.cat([torch.sin(a), torch.cos(a)], 1).to(weight) for a in angles)
    return y @ weight[:n], x @ weight[n : 2 * n] + (sizes @ weight[2 * n :] + omega_0 * bias)
