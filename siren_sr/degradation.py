"""How the low-resolution image came about: a linear downsampling with any kernel, its adjoint and its inverse problem.

D reads a picture (..., H, W) at the pixel centres of a smaller grid (h, w). Its kernel is the name of a resampling
kernel (stretched by the scale, as `siren_sr.resampling` shrinks), a Gaussian, or any array. As a sum of separable
terms, D x = Σ_r A_r x B_rᵀ (one term for all but arrays that are no outer product), it applies by small matrices.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr import resampling

RANK_TOLERANCE = 1e-3  # singular values of a kernel below this share of the largest are left out
SOLVER_STEPS, SOLVER_RMS = 40, 1e-4  # of conjugate gradients, for kernels of several terms

Term = tuple[Tensor, Tensor]


class Downsample:
    """A downsampling D, its adjoint, and the exact projection onto the images that it makes into a given one.

    With one term, D Dᵀ is the Kronecker product of two small matrices, whose eigenvectors make (D Dᵀ + noise)⁻¹ two
    products (Chan et al., "Plug-and-Play ADMM for Image Restoration", 2017, use such a closed form). With several,
    conjugate gradients solve it.

    Attributes:
        terms: Pairs A (h, H) and B (w, W).
    """

    def __init__(
        self, size: Sequence[int], shape: Sequence[int], *, kernel: Any = "bicubic", like: Tensor | None = None
    ) -> None:
        """The map from images of ``size`` (H, W) to images of ``shape`` (h, w).

        Args:
            size: (H, W).
            shape: (h, w).
            kernel: See `check_kernel`.
            like: Gives device and dtype (default float64 on the CPU).
        """
        terms = _terms(size, shape, check_kernel(kernel))
        like = terms[0][0] if like is None else like
        self.terms = [(a.to(like), b.to(like)) for a, b in terms]

    @property
    def reach(self) -> tuple[int, int]:
        """The most pixels that a small pixel depends on, along rows and along columns: (rows, columns)."""
        rows, columns = ([term[i] != 0 for term in self.terms] for i in (0, 1))
        return tuple(int(torch.stack(a).any(0).sum(1).max()) for a in (rows, columns))  # pyright: ignore[reportReturnType]

    @functools.cached_property
    def _eigen(self) -> tuple[Tensor, Tensor, Tensor]:
        """Eigenvectors of both factors of D Dᵀ of one term, and its eigenvalues; costly where sides are long."""
        rows, columns = (a.cpu().double() for a in self.terms[0])
        row_values, row_vectors = torch.linalg.eigh(rows @ rows.T)
        column_values, column_vectors = torch.linalg.eigh(columns @ columns.T)
        values = (row_values[:, None] * column_values).clamp(min=0)
        like = self.terms[0][0]
        return row_vectors.to(like), column_vectors.to(like), values.to(like)

    def __call__(self, image: Tensor) -> Tensor:
        """(..., H, W) -> (..., h, w)."""
        return _sum([a @ image @ b.T for a, b in self.terms])

    def transpose(self, image: Tensor) -> Tensor:
        """The adjoint, (..., h, w) -> (..., H, W)."""
        return _sum([a.T @ image @ b for a, b in self.terms])

    def project(self, image: Tensor, target: Tensor, *, noise: float = 0.0) -> Tensor:
        """The z that minimises |z - image|² + |D z - target|²/noise; with noise 0 the nearest with D z = target."""
        return image - self.transpose(self._solve(self(image) - target, noise))

    def window(self, rows: slice, columns: slice) -> tuple[Downsample, slice, slice]:
        """What D says of a part of the picture: of all pixels of the small image that see nothing outside of it.

        Args:
            rows: Of the picture, with start and stop.
            columns: Of the picture.

        Returns:
            D restricted to that part, and the rows and columns of the small image that it makes.
        """
        small_rows = _inside([a for a, _ in self.terms], rows)
        small_columns = _inside([b for _, b in self.terms], columns)
        part = object.__new__(Downsample)
        part.terms = [(a[small_rows, rows], b[small_columns, columns]) for a, b in self.terms]
        return part, small_rows, small_columns

    def _solve(self, residual: Tensor, noise: float) -> Tensor:
        """(D Dᵀ + noise)⁻¹."""
        if len(self.terms) == 1:
            rows, columns, values = self._eigen
            return rows @ (rows.T @ residual @ columns / (values + noise)) @ columns.T
        return conjugate_gradients(lambda z: self(self.transpose(z)) + noise * z, residual)


def conjugate_gradients(
    operator: Callable[[Tensor], Tensor], wanted: Tensor, *, steps: int = SOLVER_STEPS, rms: float = SOLVER_RMS
) -> Tensor:
    """The z with operator(z) = wanted, operator symmetric and positive: until the residual's rms is as asked."""
    x, r = torch.zeros_like(wanted), wanted
    p, rr, limit = r, r.square().sum(), rms**2 * wanted.numel()
    for _ in range(steps):
        if rr <= limit:
            break
        q = operator(p)
        alpha = rr / (p * q).sum()
        x, r = x + alpha * p, r - alpha * q
        before, rr = rr, r.square().sum()
        p = r + rr / before * p
    return x


def check_kernel(kernel: Any) -> str | float | Tensor:
    """Validate the kernel of a downsampling.

    Args:
        kernel: A name in `siren_sr.resampling.KERNELS` ("bicubic" is MATLAB's ``imresize``, "box" an average); a number
            >= 0.3, the standard deviation of a Gaussian in pixels of the large picture; or a 2-D array, the weights
            with which the pixels of the large picture around the centre of a small pixel add up (in its middle,
            between pixels if a side is even; scaled to the sum 1).

    Returns:
        The name, the number, or a float64 tensor of sum 1.

    Raises:
        ValueError: Unknown name, bad number, or an array that is not 2-D, not finite or sums to nothing.
        TypeError: Anything else.
    """
    if isinstance(kernel, str):
        if kernel not in resampling.KERNELS:
            raise ValueError(
                f"kernel={kernel!r} is unknown: use one of {sorted(resampling.KERNELS)}, a Gaussian's standard "
                "deviation in pixels of the result, or a 2-D array"
            )
        return kernel
    if isinstance(kernel, int | float | np.number) and not isinstance(kernel, bool):
        if not 0.3 <= kernel < math.inf:
            raise ValueError(f"kernel={kernel!r}: a Gaussian's standard deviation must be a number >= 0.3 pixels")
        return float(kernel)
    if not isinstance(kernel, Tensor | np.ndarray):
        raise TypeError(f"kernel must be a name, a number or a 2-D array, got {type(kernel).__name__}")
    array = torch.as_tensor(kernel).detach().to("cpu", torch.float64)
    if array.ndim != 2 or 0 in array.shape or not torch.isfinite(array).all():
        raise ValueError(f"kernel must be a 2-D array of finite weights, got shape {tuple(array.shape)}")
    if array.sum() <= 1e-6 * array.abs().sum():
        raise ValueError("kernel must have a positive sum: it says how pixels are averaged")
    return array / array.sum()


def _terms(size: Sequence[int], shape: Sequence[int], kernel: str | float | Tensor) -> list[Term]:
    if isinstance(kernel, str):
        rows, columns = resampling.resize_matrices(size, shape, kernel=kernel)
        return [(rows, columns)]
    positions = [(torch.arange(m, dtype=torch.float64) + 0.5) * (n / m) - 0.5 for n, m in zip(size, shape, strict=True)]
    if isinstance(kernel, float):
        sigma = kernel
        weight = (lambda d: torch.exp(-0.5 * (d / sigma) ** 2), max(1.0, 4 * sigma))
        rows, columns = (resampling.matrix(n, p, kernel=weight) for n, p in zip(size, positions, strict=True))
        return [(rows, columns)]
    u, s, v = torch.linalg.svd(kernel, full_matrices=False)
    count = int((s > RANK_TOLERANCE * s[0]).sum())
    return [
        (_taps(size[0], positions[0], u[:, r] * s[r].sqrt()), _taps(size[1], positions[1], v[r] * s[r].sqrt()))
        for r in range(count)
    ]


def _taps(n: int, positions: Tensor, taps: Tensor) -> Tensor:
    """(m, n): taps one sample apart, centred on every position; linear between samples, mirrored at the borders."""
    at = positions[:, None] + torch.arange(len(taps)) - (len(taps) - 1) / 2
    low = torch.floor(at + 1e-9)
    share = (at - low).clamp(min=0)
    result = torch.zeros(len(positions), n, dtype=torch.float64)
    for index, weight in ((low.long(), taps * (1 - share)), (low.long() + 1, taps * share)):
        index = index % (2 * n)
        result.scatter_add_(1, torch.where(index < n, index, 2 * n - 1 - index), weight)
    return result


def _inside(matrices: Sequence[Tensor], part: slice) -> slice:
    """The rows of all matrices that are zero outside a range of columns; they follow each other."""
    outside = torch.zeros(len(matrices[0]), dtype=torch.bool, device=matrices[0].device)
    for a in matrices:
        outside |= (a[:, : part.start] != 0).any(1) | (a[:, part.stop :] != 0).any(1)
    index = (~outside).nonzero().flatten()
    return slice(int(index[0]), int(index[-1]) + 1) if len(index) else slice(0, 0)


def _sum(terms: list[Tensor]) -> Tensor:
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result
