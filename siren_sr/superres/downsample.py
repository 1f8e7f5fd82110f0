"""How the low-resolution image came about: a linear downsampling with any kernel, its adjoint and its inverse problem.

D reads a picture (..., H, W) at the pixel centres of a smaller grid (h, w). Its kernel is the name of a resampling
kernel (stretched by the scale, as `siren_sr.grids.resampling` shrinks), a Gaussian, or any array. As a sum of separable
terms, D x = Σ_r A_r x B_rᵀ (one term for all but arrays that are no outer product), it applies by small matrices, dense
for a picture of moderate size, where that is fastest, and banded for a larger one.
"""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siren_sr.grids import resampling
from siren_sr.grids.banded import Banded

RANK_TOLERANCE = 1e-3  # singular values of a kernel below this share of the largest are left out
SOLVER_STEPS, SOLVER_RMS = 40, 1e-4  # of conjugate gradients, for kernels of several terms

DENSE = 1024  # pixels of a picture's longer side up to which dense matrices are used
HIDDEN = 1e-5  # eigenvalues of D Dᵀ below this share of the largest count as zero

Term = tuple[Tensor, Tensor]
Bands = tuple[Banded, Banded]


@dataclass(frozen=True, eq=False)
class Downsample:
    """A downsampling D, its adjoint, and the exact projection onto the images that it makes into a given one.

    With one term, D Dᵀ is the Kronecker product of two small matrices, whose eigenvectors make (D Dᵀ + noise)⁻¹ two
    products (Chan et al., "Plug-and-Play ADMM for Image Restoration", 2017, use such a closed form). With several, or
    where the picture is large, conjugate gradients solve it.

    Attributes:
        bands: Pairs A (h, H) and B (w, W).
        scale: (H/h, W/w); a window keeps that of the whole.
        kernel: As `check_kernel` gives it.
        dense: Whether it applies by dense matrices.
    """

    bands: Sequence[Bands]
    scale: tuple[float, float]
    kernel: str | float | Tensor
    dense: bool

    @staticmethod
    def between(
        size: Sequence[int], shape: Sequence[int], *, kernel: Any = "bicubic", like: Tensor | None = None
    ) -> Downsample:
        """The map from pictures of ``size`` (H, W) to images of ``shape`` (h, w).

        Args:
            size: (H, W).
            shape: (h, w).
            kernel: See `check_kernel`.
            like: Gives device and dtype (default float64 on the CPU).

        Raises:
            ValueError: A bad kernel, or a Gaussian wider than the picture.
        """
        kernel = check_kernel(kernel)
        bands = _bands(size, shape, kernel)
        bands = bands if like is None else [(a.to(like), b.to(like)) for a, b in bands]
        # A window of a large picture can be as long as 11 times the reach, and is to be solved exactly.
        dense = max(size) <= max(DENSE, 11 * max(_reach(bands)))
        return Downsample(bands, (size[0] / shape[0], size[1] / shape[1]), kernel, dense)

    @functools.cached_property
    def terms(self) -> list[Term]:
        """`bands` as dense tensors: small only for small pictures."""
        return [(a.dense(), b.dense()) for a, b in self.bands]

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w)."""
        rows, columns = self.bands[0]
        return rows.shape[0], columns.shape[0]

    @property
    def reach(self) -> tuple[int, int]:
        """The most pixels that a small pixel depends on, along rows and along columns: (rows, columns)."""
        return _reach(self.bands)

    @functools.cached_property
    def _eigen(self) -> tuple[Tensor, Tensor, Tensor]:
        """Eigenvectors of both factors of D Dᵀ of one term, and its eigenvalues; costly where sides are long."""
        rows, columns = (a.cpu().double() for a in self.terms[0])
        row_values, row_vectors = torch.linalg.eigh(rows @ rows.T)
        column_values, column_vectors = torch.linalg.eigh(columns @ columns.T)
        values = (row_values[:, None] * column_values).clamp(min=0)
        like = self.terms[0][0]
        return row_vectors.to(like), column_vectors.to(like), values.to(like)

    @functools.cached_property
    def _gram(self) -> Bands:
        """Both factors of D Dᵀ of one term, banded."""
        rows, columns = self.bands[0]
        return rows @ rows.T, columns @ columns.T

    def of_size(self, size: Sequence[int], *, like: Tensor) -> Downsample:
        """The same downsampling, as nearly as whole pixels allow, of pictures of another size."""
        shape = [max(1, round(n / times)) for n, times in zip(size, self.scale, strict=True)]
        return Downsample.between(size, shape, kernel=self.kernel, like=like)

    def __call__(self, image: Tensor) -> Tensor:
        """(..., H, W) -> (..., h, w)."""
        if not self.dense:
            return _sum([resampling.apply(term, image) for term in self.bands])
        return _sum([a @ image @ b.T for a, b in self.terms])

    def transpose(self, image: Tensor) -> Tensor:
        """The adjoint, (..., h, w) -> (..., H, W)."""
        if not self.dense:
            return _sum([resampling.apply((a.T, b.T), image) for a, b in self.bands])
        return _sum([a.T @ image @ b for a, b in self.terms])

    def project(self, image: Tensor, target: Tensor, *, noise: float = 0.0) -> Tensor:
        """The z that minimises |z - image|² + |D z - target|²/noise; with noise 0 the nearest with D z = target, as far
        as D shows it at all: patterns that a kernel hides are left alone.
        """
        return image - self.transpose(self._solve(self(image) - target, noise))

    def window(self, rows: slice, columns: slice) -> tuple[Downsample, slice, slice]:
        """What D says of a part of the picture: of all pixels of the small image that see nothing outside of it.

        Args:
            rows: Of the picture, with start and stop.
            columns: Of the picture.

        Returns:
            D restricted to that part, and the rows and columns of the small image that it makes.
        """
        small_rows = _inside([a for a, _ in self.bands], rows)
        small_columns = _inside([b for _, b in self.bands], columns)
        windows = [(a.window(small_rows, rows), b.window(small_columns, columns)) for a, b in self.bands]
        bands = [(Banded.from_dense(a), Banded.from_dense(b)) for a, b in windows]
        return Downsample(bands, self.scale, self.kernel, dense=True), small_rows, small_columns

    def _solve(self, residual: Tensor, noise: float) -> Tensor:
        """(D Dᵀ + noise)⁻¹."""
        if len(self.bands) == 1 and self.dense:
            rows, columns, values = self._eigen
            # What D does not show, nothing can be said about: without noise it would be divided by nothing.
            shown = values + noise > HIDDEN * values.max()
            inverse = torch.where(shown, 1 / (values + noise), 0.0)
            return rows @ (rows.T @ residual @ columns * inverse) @ columns.T
        if len(self.bands) == 1:
            return conjugate_gradients(lambda z: resampling.apply(self._gram, z) + noise * z, residual)
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
        kernel: A name in `siren_sr.grids.resampling.KERNELS` ("bicubic" is MATLAB's ``imresize``, "box" an average); a
            number >= 0.3, the standard deviation of a Gaussian in pixels of the large picture; or a 2-D array, the
            weights with which the pixels of the large picture around the centre of a small pixel add up (in its middle,
            between pixels if a side is even; scaled to the sum 1). At an even scale, centres of small pixels lie
            between pixels, so that the samples of an odd array lie half a pixel off and are interpolated: a single 1
            averages 2x2 pixels. Even sides avoid that.

    Returns:
        The name, the number, or a float64 tensor of sum 1.

    Raises:
        ValueError: Unknown name, bad number, or an array that is not 2-D, not finite or sums to nothing.
        TypeError: Anything else, complex numbers too.
    """
    if isinstance(kernel, str):
        if kernel not in resampling.KERNELS:
            raise ValueError(
                f"kernel={kernel!r} is unknown: use one of {sorted(resampling.KERNELS)}, a Gaussian's standard "
                "deviation in pixels of the result, or a 2-D array"
            )
        return kernel
    if isinstance(kernel, numbers.Real) and not isinstance(kernel, bool):
        if not 0.3 <= float(kernel) < math.inf:
            raise ValueError(f"kernel={kernel!r}: a Gaussian's standard deviation must be a number >= 0.3 pixels")
        return float(kernel)
    if not isinstance(kernel, Tensor | np.ndarray):
        raise TypeError(f"kernel must be a name, a number or a 2-D array, got {type(kernel).__name__}")
    if isinstance(kernel, Tensor):
        real, array = not kernel.is_complex(), kernel.detach().cpu()
    else:  # a copy in the machine's order, whatever the strides, the byte order and the flags
        real = kernel.dtype.kind in "biuf"
        array = torch.from_numpy(np.array(kernel, dtype=np.float64, order="C")) if real else kernel
    if not real:
        raise TypeError(f"kernel must be an array of real numbers, got {kernel.dtype}")
    array = torch.as_tensor(array).double()
    if array.ndim != 2 or 0 in array.shape or not torch.isfinite(array).all():
        raise ValueError(f"kernel must be a 2-D array of finite weights, got shape {tuple(array.shape)}")
    if array.sum() <= 1e-6 * array.abs().sum():
        raise ValueError("kernel must have a positive sum: it says how pixels are averaged")
    return array / array.sum()


def _bands(size: Sequence[int], shape: Sequence[int], kernel: str | float | Tensor) -> list[Bands]:
    if isinstance(kernel, str):
        rows, columns = resampling.resize_bands(size, shape, kernel=kernel)
        return [(rows, columns)]
    positions = [(torch.arange(m, dtype=torch.float64) + 0.5) * (n / m) - 0.5 for n, m in zip(size, shape, strict=True)]
    if isinstance(kernel, float):
        sigma = kernel
        if sigma > max(size):
            raise ValueError(
                f"kernel={kernel:g}: a Gaussian's standard deviation cannot be larger than the picture, "
                f"{size[0]}x{size[1]} pixels"
            )
        weight = (lambda d: torch.exp(-0.5 * (d / sigma) ** 2), max(1.0, 4 * sigma))
        rows, columns = (resampling.bands(n, p, kernel=weight) for n, p in zip(size, positions, strict=True))
        return [(rows, columns)]
    u, s, v = torch.linalg.svd(kernel, full_matrices=False)
    count = int((s > RANK_TOLERANCE * s[0]).sum())
    return [
        (_taps(size[0], positions[0], u[:, r] * s[r].sqrt()), _taps(size[1], positions[1], v[r] * s[r].sqrt()))
        for r in range(count)
    ]


def _taps(n: int, positions: Tensor, taps: Tensor) -> Banded:
    """(m, n): taps one sample apart, centred on every position; linear between samples, mirrored at the borders."""
    at = positions[:, None] + torch.arange(len(taps)) - (len(taps) - 1) / 2
    low = torch.floor(at + 1e-9)
    share = (at - low).clamp(min=0)
    index = torch.cat([low, low + 1], 1).long() % (2 * n)
    index = torch.where(index < n, index, 2 * n - 1 - index)
    return Banded.from_taps(n, index, torch.cat([taps * (1 - share), taps * share], 1))


def _reach(bands: Sequence[Bands]) -> tuple[int, int]:
    """The most columns that a row of the first factors, and of the second ones, touches."""
    rows, columns = (_extent([term[i] for term in bands]) for i in (0, 1))
    return int((rows[1] - rows[0]).max()) + 1, int((columns[1] - columns[0]).max()) + 1


def _extent(matrices: Sequence[Banded]) -> tuple[Tensor, Tensor]:
    """First and last column of every row that is not zero in all of some matrices."""
    first, last = zip(*(a.extent() for a in matrices), strict=True)
    return torch.stack(first).amin(0), torch.stack(last).amax(0)


def _inside(matrices: Sequence[Banded], part: slice) -> slice:
    """The rows of all matrices that are zero outside a range of columns; they follow each other."""
    first, last = _extent(matrices)
    index = ((first >= part.start) & (last < part.stop)).nonzero().flatten()
    return slice(int(index[0]), int(index[-1]) + 1) if len(index) else slice(0, 0)


def _sum(terms: list[Tensor]) -> Tensor:
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result
