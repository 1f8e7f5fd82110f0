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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from siren_sr.grids import resampling
from siren_sr.grids.banded import Banded
from siren_sr.grids.boundaries import Boundaries, Boundary, per_axis, wraps
from siren_sr.grids.systems import conjugate_gradients
from siren_sr.superres.kernels import Bands, check_kernel, kernel_bands

DENSE = 1024  # dense matrices are used if the longer side of a picture has at most so many pixels
UNLIMITED = (-math.inf, math.inf)
AT_LIMIT = 1e-6  # a value this near to a limit is rounded; levels of 16 bits differ by more
HIDDEN = 1e-5  # eigenvalues of D Dᵀ below this share of the largest one count as zero

Term = tuple[Tensor, Tensor]
"""The dense matrices A (h, H) and B (w, W) of one separable term."""


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
        boundary: What lies beyond the edges of rows and of columns. A window has all it needs within its own.
    """

    bands: Sequence[Bands]
    scale: tuple[float, float]
    kernel: str | float | Tensor
    dense: bool
    boundary: tuple[Boundary, ...] = ("mirror", "mirror")

    @staticmethod
    def between(
        size: Sequence[int],
        shape: Sequence[int],
        *,
        kernel: Any = "bicubic",
        boundary: Boundaries = "mirror",
        like: Tensor | None = None,
    ) -> Downsample:
        """Return the downsampling from pictures of one size to images of another.

        Args:
            size: Rows and columns (H, W) of the pictures.
            shape: Rows and columns (h, w) of the images.
            kernel: The kernel; `check_kernel` says what it may be.
            boundary: What lies beyond the pictures' edges.
            like: Tensor whose device and dtype are used (default: float64 on the CPU).

        Raises:
            ValueError: The kernel cannot be used, or it is a Gaussian that is wider than the picture.
            TypeError: The kernel is of a kind that is not supported.
        """
        kernel = check_kernel(kernel)
        ends = per_axis(boundary, 2)
        bands = kernel_bands(size, shape, kernel, ends)
        bands = bands if like is None else [(a.to(like), b.to(like)) for a, b in bands]
        # A window of a large picture can be as long as 11 times the reach, and its system is to be solved exactly.
        # Where a picture wraps there are no windows, and a reach is the whole side.
        dense = max(size) <= (DENSE if wraps(ends) else max(DENSE, 11 * max(_reach(bands))))
        return Downsample(bands, (size[0] / shape[0], size[1] / shape[1]), kernel, dense, ends)

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
        return Downsample.between(size, shape, kernel=self.kernel, boundary=self.boundary, like=like)

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

    def project(
        self, image: Tensor, target: Tensor, *, noise: float = 0.0, limits: tuple[float, float] = UNLIMITED
    ) -> Tensor:
        """Return the picture z that minimises |z - image|² + |D z - target|²/noise.

        With noise 0 this is the picture nearest to ``image`` for which D z = target, as far as D shows it at all:
        patterns that the kernel hides are left alone.

        Args:
            image: The picture to start from, a tensor (..., H, W).
            target: What D z is to be, a tensor (..., h, w).
            noise: How much ``target`` is to be doubted, >= 0.
            limits: Where ``target`` was cut off. A value that lies there may have been beyond, as around letters on
                white paper, and D z is left where it is if it lies beyond too.
        """
        reduced, (low, high) = self(image), limits
        beyond = (target >= high - AT_LIMIT) & (reduced > target) | (target <= low + AT_LIMIT) & (reduced < target)
        return image - self.transpose(self._solve((reduced - target).masked_fill(beyond, 0.0), noise))

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
