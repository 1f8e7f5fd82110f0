"""The linear downsampling that made the low-resolution image, with any kernel, its adjoint and its inverse problem.

The downsampling D reads a picture (..., H, W) at the pixel centres of a smaller grid (h, w). Its kernel is the name of
a resampling kernel (stretched by the scale, as `siren_sr.grids.resampling` does when an image shrinks), a Gaussian, or
any array. D is applied by small matrices, as a sum of separable terms D x = Σ_r A_r x B_rᵀ. There is one term only,
except for arrays that are no outer product. The matrices are dense for a picture of moderate size, where that is
fastest, and banded for a larger one.
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

RANK_TOLERANCE = 1e-3  # singular values of a kernel array below this share of the largest one are left out
# Conjugate gradients end after so many steps, or when the root mean square of the residual is so small.
SOLVER_STEPS, SOLVER_RMS = 40, 1e-4

DENSE = 1024  # dense matrices are used if the longer side of a picture has at most so many pixels
HIDDEN = 1e-5  # eigenvalues of D Dᵀ below this share of the largest one count as zero

Term = tuple[Tensor, Tensor]
"""The dense matrices A (h, H) and B (w, W) of one separable term."""
Bands = tuple[Banded, Banded]
"""The same two matrices, banded."""


@dataclass(frozen=True, eq=False)
class Downsample:
    """A downsampling D, its adjoint, and the projection onto the pictures that D turns into a given image.

    With one term, D Dᵀ is the Kronecker product of two small matrices. Their eigenvectors reduce (D Dᵀ + noise)⁻¹ to a
    few products of matrices (Chan et al., "Plug-and-Play ADMM for Image Restoration", 2017, use such a closed form).
    With several terms, or for a large picture, conjugate gradients solve the system instead.

    Attributes:
        bands: The terms, each as a pair of banded matrices A (h, H) and B (w, W).
        scale: (H/h, W/w); a window keeps the scale of the whole picture.
        kernel: The kernel, as `check_kernel` returns it.
        dense: Whether D is applied by dense matrices.
    """

    bands: Sequence[Bands]
    scale: tuple[float, float]
    kernel: str | float | Tensor
    dense: bool

    @staticmethod
    def between(
        size: Sequence[int], shape: Sequence[int], *, kernel: Any = "bicubic", like: Tensor | None = None
    ) -> Downsample:
        """Return the downsampling from pictures of one size to images of another.

        Args:
            size: Rows and columns (H, W) of the pictures.
            shape: Rows and columns (h, w) of the images.
            kernel: The kernel; `check_kernel` says what it may be.
            like: Tensor whose device and dtype are used (default: float64 on the CPU).

        Raises:
            ValueError: The kernel cannot be used, or it is a Gaussian that is wider than the picture.
            TypeError: The kernel is of a kind that is not supported.
        """
        kernel = check_kernel(kernel)
        bands = _bands(size, shape, kernel)
        bands = bands if like is None else [(a.to(like), b.to(like)) for a, b in bands]
        # A window of a large picture can be as long as 11 times the reach, and its system is to be solved exactly.
        dense = max(size) <= max(DENSE, 11 * max(_reach(bands)))
        return Downsample(bands, (size[0] / shape[0], size[1] / shape[1]), kernel, dense)

    @functools.cached_property
    def terms(self) -> list[Term]:
        """The `bands` as dense tensors, which are small only for small pictures."""
        return [(a.dense(), b.dense()) for a, b in self.bands]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (h, w) of the image."""
        rows, columns = self.bands[0]
        return rows.shape[0], columns.shape[0]

    @property
    def reach(self) -> tuple[int, int]:
        """The largest number of rows and of columns of the picture on which a pixel of the image depends."""
        return _reach(self.bands)

    @functools.cached_property
    def _eigen(self) -> tuple[Tensor, Tensor, Tensor]:
        """Eigenvectors of both factors of D Dᵀ, and its eigenvalues, for one term; they are costly for long sides."""
        rows, columns = (a.cpu().double() for a in self.terms[0])
        row_values, row_vectors = torch.linalg.eigh(rows @ rows.T)
        column_values, column_vectors = torch.linalg.eigh(columns @ columns.T)
        values = (row_values[:, None] * column_values).clamp(min=0)
        like = self.terms[0][0]
        return row_vectors.to(like), column_vectors.to(like), values.to(like)

    @functools.cached_property
    def _gram(self) -> Bands:
        """Both factors of D Dᵀ as banded matrices, for one term."""
        rows, columns = self.bands[0]
        return rows @ rows.T, columns @ columns.T

    def of_size(self, size: Sequence[int], *, like: Tensor) -> Downsample:
        """Return the same downsampling, as nearly as whole pixels allow, for pictures of another size.

        Args:
            size: Rows and columns of the pictures.
            like: Tensor whose device and dtype are used.
        """
        shape = [max(1, round(n / times)) for n, times in zip(size, self.scale, strict=True)]
        return Downsample.between(size, shape, kernel=self.kernel, like=like)

    def __call__(self, image: Tensor) -> Tensor:
        """Apply D to pictures: (..., H, W) -> (..., h, w)."""
        if not self.dense:
            return _sum([resampling.apply(term, image) for term in self.bands])
        return _sum([a @ image @ b.T for a, b in self.terms])

    def transpose(self, image: Tensor) -> Tensor:
        """Apply the adjoint Dᵀ to images: (..., h, w) -> (..., H, W)."""
        if not self.dense:
            return _sum([resampling.apply((a.T, b.T), image) for a, b in self.bands])
        return _sum([a.T @ image @ b for a, b in self.terms])

    def project(self, image: Tensor, target: Tensor, *, noise: float = 0.0) -> Tensor:
        """Return the picture z that minimises |z - image|² + |D z - target|²/noise.

        With noise 0 this is the picture nearest to ``image`` for which D z = target, as far as D shows it at all:
        patterns that the kernel hides are left alone.

        Args:
            image: The picture to start from, a tensor (..., H, W).
            target: What D z is to be, a tensor (..., h, w).
            noise: How much ``target`` is to be doubted, >= 0.
        """
        return image - self.transpose(self._solve(self(image) - target, noise))

    def window(self, rows: slice, columns: slice) -> tuple[Downsample, slice, slice]:
        """Restrict D to a part of the picture and to the pixels of the image that depend on nothing outside of it.

        Args:
            rows: Rows of the picture, a slice with start and stop.
            columns: Columns of the picture, likewise.

        Returns:
            The restricted D, and the rows and the columns of the image that it makes.
        """
        small_rows = _inside([a for a, _ in self.bands], rows)
        small_columns = _inside([b for _, b in self.bands], columns)
        windows = [(a.window(small_rows, rows), b.window(small_columns, columns)) for a, b in self.bands]
        bands = [(Banded.from_dense(a), Banded.from_dense(b)) for a, b in windows]
        return Downsample(bands, self.scale, self.kernel, dense=True), small_rows, small_columns

    def _solve(self, residual: Tensor, noise: float) -> Tensor:
        """Return (D Dᵀ + noise)⁻¹ times a residual (..., h, w)."""
        if len(self.bands) == 1 and self.dense:
            rows, columns, values = self._eigen
            # Nothing can be said about what D does not show. Without noise it would be divided by almost nothing.
            shown = values + noise > HIDDEN * values.max()
            inverse = torch.where(shown, 1 / (values + noise), 0.0)
            return rows @ (rows.T @ residual @ columns * inverse) @ columns.T
        if len(self.bands) == 1:
            return conjugate_gradients(lambda z: resampling.apply(self._gram, z) + noise * z, residual)
        return conjugate_gradients(lambda z: self(self.transpose(z)) + noise * z, residual)


def conjugate_gradients(
    operator: Callable[[Tensor], Tensor], wanted: Tensor, *, steps: int = SOLVER_STEPS, rms: float = SOLVER_RMS
) -> Tensor:
    """Solve operator(z) = wanted for z by conjugate gradients, starting from zero.

    Args:
        operator: A linear map that is symmetric and positive.
        wanted: The right-hand side.
        steps: The most steps to take.
        rms: Root mean square of the residual at which the search ends.

    Returns:
        Tensor z of the shape of ``wanted``.
    """
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
            number >= 0.3, the standard deviation of a Gaussian in pixels of the large picture; or a 2-D array of
            weights, with which pixels of the large picture add up to a small pixel. The middle of the array, which lies
            between its entries if a side is even, belongs to the centre of the small pixel. The weights are scaled to
            the sum 1. At an even scale the centres of small pixels lie between pixels, so that the entries of an array
            of odd sides lie half a pixel off and are interpolated: a single 1 averages 2x2 pixels. Even sides avoid
            that.

    Returns:
        The name, the number, or a float64 tensor of sum 1.

    Raises:
        ValueError: The name is unknown, the number is too small or not finite, or the array is not 2-D, is empty, is
            not finite or has no positive sum.
        TypeError: The kernel is anything else, such as an array of complex numbers.
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
    else:
        # The copy is in the machine's own order, whatever the strides, the byte order and the flags of the array are.
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
    """Return the matrix (m, n) that applies taps, one sample apart and centred on each of m positions.

    Between samples it interpolates linearly, and it mirrors at the borders.
    """
    at = positions[:, None] + torch.arange(len(taps)) - (len(taps) - 1) / 2
    low = torch.floor(at + 1e-9)
    share = (at - low).clamp(min=0)
    index = torch.cat([low, low + 1], 1).long() % (2 * n)
    index = torch.where(index < n, index, 2 * n - 1 - index)
    return Banded.from_taps(n, index, torch.cat([taps * (1 - share), taps * share], 1))


def _reach(bands: Sequence[Bands]) -> tuple[int, int]:
    """Return the most columns that a row of all first factors spans, and the same for all second factors."""
    rows, columns = (_extent([term[i] for term in bands]) for i in (0, 1))
    return int((rows[1] - rows[0]).max()) + 1, int((columns[1] - columns[0]).max()) + 1


def _extent(matrices: Sequence[Banded]) -> tuple[Tensor, Tensor]:
    """Return, for every row, the first and the last column that is not zero in at least one of the matrices."""
    first, last = zip(*(a.extent() for a in matrices), strict=True)
    return torch.stack(first).amin(0), torch.stack(last).amax(0)


def _inside(matrices: Sequence[Banded], part: slice) -> slice:
    """Return the rows that are zero outside a range of columns in all matrices; they follow each other."""
    first, last = _extent(matrices)
    index = ((first >= part.start) & (last < part.stop)).nonzero().flatten()
    return slice(int(index[0]), int(index[-1]) + 1) if len(index) else slice(0, 0)


def _sum(terms: list[Tensor]) -> Tensor:
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result
