"""All images that a JPEG file may have been made of, and the nearest of them to any image.

A file holds of every coefficient of the cosine transform the nearest multiple of its step q, so that the coefficient
of the image that was compressed lies within q/2 of what the file says. In the colour space of the file these intervals
are a box in orthonormal coordinates. The image nearest to another one is found by clipping its coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from siren_sr.io import JpegTables
from siren_sr.superres.compression import cosine, planes
from siren_sr.superres.compression.codec import (
    Tables,
    decode,
    factors_of,
    from_blocks,
    steps_of,
    to_blocks,
)
from siren_sr.superres.compression.cosine import BLOCK

FREE_STEPS = 40  # steps for blocks that reach over the edge of the image
_DECODERS = 1.5 / 255  # decoders differ by about one level
_SHARPEN = 14  # steps that undo the smooth enlargement of colour; each leaves a third of the error


@dataclass(frozen=True, eq=False)
class JpegSet:
    """The images (B, C, h, w) whose coefficients lie within ``radii`` of ``centres``.

    Distances are those of the file's colour space: of luma and both planes of colour, if it has these. Colour of lower
    resolution is the mean over whole pixels, as libjpeg takes it. Where the image does not fill its last blocks,
    nothing is assumed of what the encoder filled them with: an image is a member if anything can stand there.

    Attributes:
        centres: For each component the coefficients that the file says, (B, R, C, 8, 8), on the scale of 0 to 255.
        radii: For each component how far from them a coefficient may lie, (B, R, C, 8, 8), >= 0.
        factors: For each component how many rows and columns of pixels one value stands for.
        corners: For each component the first row and column of the image that its blocks cover.
        size: Rows and columns (h, w) of the images.
        ycc: Whether the components are luma and colour.
        drawn: How strongly `project` draws coefficients to their centres, in squared levels of 255. It divides what
            they are away from them by 1 + drawn/radius², before it clips: a step towards the least of the sum of
            (distance/radius)². With 0 it clips only.
        free_steps: How many steps `project` takes for blocks that reach over the edge of the image.
    """

    centres: tuple[Tensor, ...]
    radii: tuple[Tensor, ...]
    factors: tuple[planes.Factors, ...]
    corners: tuple[tuple[int, int], ...]
    size: tuple[int, int]
    ycc: bool
    drawn: float = 0.0
    free_steps: int = FREE_STEPS

    @staticmethod
    def of_coefficients(
        coefficients: Sequence[Tensor], tables: Tables, size: Sequence[int], *, r: float | Tensor = 0.5, like: Tensor
    ) -> JpegSet:
        """Return the set of a file.

        Args:
            coefficients: The quantized coefficients of each component, (B, R, C, 8, 8), as
                `siren_sr.io.read_jpeg_coefficients` gives them for one image.
            tables: The tables of the file, or of each file.
            size: Rows and columns of the images.
            r: Half the width of the intervals in steps. With 0.5 the set holds every image that the file may have
                been made of. Less is a guess: coefficients lie nearer to the middle than evenly. A tensor (8, 8) or
                (C, 8, 8) gives a number for each frequency.
            like: Tensor whose device and dtype are used.

        Raises:
            ValueError: r is negative, or the tables do not fit (see `siren_sr.superres.compression.codec.compress`).
        """
        steps, first = steps_of(tables, like=coefficients[0])
        half = torch.as_tensor(r, dtype=torch.float64)
        if half.shape not in ((), (8, 8), (len(coefficients), 8, 8)) or not bool((half >= 0).all()):
            raise ValueError(f"r must be a number >= 0, or a tensor (8, 8) or (C, 8, 8) of them; got {r!r}")
        widths = (half.to(steps.device) * steps)[:, :, None, None]
        factors = factors_of(first)
        needed = [tuple(-(-n // (f * BLOCK)) for n, f in zip(size, pair, strict=True)) for pair in factors]
        if len(coefficients) != len(factors) or [tuple(c.shape[1:3]) for c in coefficients] != needed:
            shapes = [tuple(c.shape) for c in coefficients]
            raise ValueError(f"an image of {tuple(size)} has {needed} blocks in its components; got shapes {shapes}")
        centres = [component.to(steps) * steps[:, i, None, None] for i, component in enumerate(coefficients)]
        return JpegSet(
            tuple(centre.to(like) for centre in centres),
            tuple(widths[:, i].to(like).expand(centre.shape) for i, centre in enumerate(centres)),
            tuple(factors),
            ((0, 0),) * len(factors),
            (int(size[0]), int(size[1])),
            first.colour == "YCbCr",
        )

    @staticmethod
    def of_images(images: Tensor, tables: Tables, *, r: float | Tensor = 0.5) -> JpegSet:
        """Return the set of a file of which only the decoded images are left, by whole blocks that are certain.

        Args:
            images: (B, C, h, w) in [0, 1], as decoded.
            tables: The tables of the file, or of each file.
            r: As for `of_coefficients`.

        Raises:
            ValueError: As for `of_coefficients`.
        """
        found = requantized(images, tables)
        whole = JpegSet.of_coefficients(found, tables, images.shape[-2:], r=r, like=images)
        # What stood behind the edge is gone, and with it the coefficients of blocks that reach over it.
        # Where pixels were clipped to 0 or 255 the coefficients may be others. Then they do not decode to the image.
        wrong = (decode(found, tables, whole.size).to(images) - images).abs().amax(1) > _DECODERS
        centres, radii = [], []
        for i, (v, h) in enumerate(whole.factors):
            rows, columns = (n // (f * BLOCK) for n, f in zip(whole.size, (v, h), strict=True))
            part = wrong[:, : rows * v * BLOCK, : columns * h * BLOCK]
            unknown = to_blocks(part, (v * BLOCK, h * BLOCK)).flatten(-2).any(-1)[..., None, None]
            centres.append(whole.centres[i][:, :rows, :columns])
            radii.append(whole.radii[i][:, :rows, :columns].masked_fill(unknown, math.inf))
        return replace(whole, centres=tuple(centres), radii=tuple(radii))

    def project(self, images: Tensor) -> Tensor:
        """Return the members nearest to images (B, C, h, w).

        It is exact in the file's colour space, but for the blocks at the right and lower edge that the image does not
        fill. These are found by ``free_steps`` steps, which end near the nearest member.
        """
        return self._joined([self._nearest(plane, i) for i, plane in enumerate(self._split(images))])

    def residual(self, images: Tensor) -> Tensor:
        """Return what images (B, C, h, w) lack of the nearest member: `project` of them minus themselves."""
        return self.project(images) - images

    def distance(self, images: Tensor) -> Tensor:
        """Return for each image how far the value of a component is moved at most to make it a member: (B,), of 255."""
        whole = replace(self, drawn=0.0)
        moved = [(whole._nearest(plane, i) - plane).abs().amax((-1, -2)) for i, plane in enumerate(self._split(images))]
        return torch.stack(moved).amax(0)

    def contains(self, images: Tensor, *, tolerance: float = 1.0) -> Tensor:
        """Return for each image (B, C, h, w) whether it is a member: a tensor (B,) of bool.

        Args:
            images: The images in [0, 1].
            tolerance: How much the values of a component, 0 to 255, may have to be moved. Encoders round luma and
                colour to whole numbers before they transform them, which the set knows nothing of.
        """
        return self.distance(images) <= tolerance

    def window(self, rows: slice, columns: slice) -> JpegSet:
        """Return the set of what is seen of the images in a window.

        Blocks that lie in part outside of it are left out, so that the pixels of theirs that it shows may be anything.

        Args:
            rows: Rows of the image, a slice with start and stop.
            columns: Columns of the image, likewise.
        """
        centres, radii, corners = [], [], []
        for centre, radius, pair, corner in zip(self.centres, self.radii, self.factors, self.corners, strict=True):
            parts = []
            for n, factor, start, part, blocks in zip(
                self.size, pair, corner, (rows, columns), centre.shape[1:3], strict=True
            ):
                block = factor * BLOCK
                first = -(-max(part.start - start, 0) // block)
                last = blocks if part.stop >= n else (part.stop - start) // block
                parts.append((slice(first, max(first, last)), start + first * block - part.start))
            centres.append(centre[:, parts[0][0], parts[1][0]])
            radii.append(radius[:, parts[0][0], parts[1][0]])
            corners.append((parts[0][1], parts[1][1]))
        size = tuple(min(part.stop, n) - part.start for part, n in zip((rows, columns), self.size, strict=True))
        return replace(
            self, centres=tuple(centres), radii=tuple(radii), corners=tuple(corners), size=(size[0], size[1])
        )

    def _split(self, images: Tensor) -> list[Tensor]:
        """Return the components of images, each (B, h, w) and around zero on the scale of 255."""
        if images.shape[-3:] != (len(self.centres), *self.size):
            shape = f"(B, {len(self.centres)}, {self.size[0]}, {self.size[1]})"
            raise ValueError(f"images must be {shape}; got {tuple(images.shape)}")
        values = 255 * images
        if not self.ycc:
            return list((values - 128).unbind(1))
        luma, blue, red = torch.einsum("ij,bjhw->bihw", _YCC.to(images), values).unbind(1)
        return [luma - 128, blue, red]

    def _joined(self, components: list[Tensor]) -> Tensor:
        values = torch.stack(components, 1)
        if not self.ycc:
            return (values + 128) / 255
        values = torch.cat([values[:, :1] + 128, values[:, 1:]], 1)
        return torch.einsum("ij,bjhw->bihw", _RGB.to(values), values) / 255

    def _nearest(self, plane: Tensor, i: int) -> Tensor:
        """Return the nearest plane (B, h, w) whose coefficients lie in the intervals of component i."""
        v, h = self.factors[i]
        top, left = self.corners[i]
        rows, columns = self.centres[i].shape[1:3]
        if not rows or not columns:
            return plane
        part = plane[:, top : top + rows * v * BLOCK, left : left + columns * h * BLOCK]
        blocks = to_blocks(planes.pad(part, rows * v * BLOCK, columns * h * BLOCK), (v * BLOCK, h * BLOCK))
        result = self._clipped(blocks, i, slice(None))
        if part.shape[1:] != (rows * v * BLOCK, columns * h * BLOCK):
            result = self._completed(blocks, result, part.shape[1:], i)
        nearest = from_blocks(result)[:, : part.shape[1], : part.shape[2]]
        if nearest.shape == plane.shape:
            return nearest
        whole = plane.clone()
        whole[:, top : top + nearest.shape[1], left : left + nearest.shape[2]] = nearest
        return whole

    def _clipped(self, blocks: Tensor, i: int, which: Tensor | slice) -> Tensor:
        """Clip the coefficients of blocks (B, ..., 8 v, 8 h), which are all blocks or those chosen by a mask.

        With S the mean over v·h pixels, S Sᵀ = 1/(v·h): the nearest block is c + v·h Sᵀ(P(S c) - S c), so that every
        pixel is moved as much as its mean.
        """
        v, h = self.factors[i]
        middle, width = self.centres[i][:, which], self.radii[i][:, which]
        means = blocks.unflatten(-1, (BLOCK, h)).unflatten(-3, (BLOCK, v)).mean((-1, -3))
        have = cosine.forward(means)
        away = have - middle if self.drawn == 0 else (have - middle) / (1 + self.drawn / width.square())
        moved = cosine.inverse(middle + torch.minimum(torch.maximum(away, -width), width) - have)
        return blocks + moved.repeat_interleave(v, -2).repeat_interleave(h, -1)

    def _completed(self, blocks: Tensor, result: Tensor, seen: Sequence[int], i: int) -> Tensor:
        """Project the blocks that the image does not fill, with what stands behind its edge free."""
        v, h = self.factors[i]
        shape = blocks.shape[1] * v * BLOCK, blocks.shape[2] * h * BLOCK
        known = torch.zeros(1, *shape, dtype=torch.bool, device=blocks.device)
        known[:, : seen[0], : seen[1]] = True
        known = to_blocks(known, (v * BLOCK, h * BLOCK))[0]
        partial = ~known.flatten(2).all(-1)
        mask, wanted, moved = known[partial], blocks[:, partial], result[:, partial]
        # What stands behind the edge minimises the squared distance of the whole block from the intervals, whose
        # gradient is what projection moves. It is followed with the momentum of Nesterov (1983).
        before, momentum = moved, 1.0
        for _ in range(self.free_steps):
            following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            ahead = moved + (momentum - 1) / following * (moved - before)
            before, momentum = moved, following
            moved = self._clipped(torch.where(mask, wanted, ahead), i, partial)
        result = result.clone()
        result[:, partial] = moved
        return result


def requantized(images: Tensor, tables: Tables) -> list[Tensor]:
    """Return the quantized coefficients that decoded images (B, C, h, w) show, one tensor for each component.

    They are the file's but for what rounding to 8 bits and clipping to 0 and 255 hide. Colour that was enlarged is
    reduced again as if it had not been smoothed.
    """
    steps, first = steps_of(tables, like=images)
    return [torch.round(c / steps[:, i, None, None]) for i, c in enumerate(shown(images.to(steps), first))]


def shown(images: Tensor, tables: JpegTables) -> list[Tensor]:
    """Return the coefficients that decoded images (B, C, h, w) in [0, 1] show, not rounded: on the scale of 255."""
    values = images * 255
    values = torch.einsum("ij,bjhw->bihw", _YCC.to(values), values) if tables.colour == "YCbCr" else values
    found = []
    for i, (v, h) in enumerate(factors_of(tables)):
        plane = values[:, i] - (0 if tables.colour == "YCbCr" and i else 128)
        plane = planes.pad(plane, -(-plane.shape[-2] // v) * v, -(-plane.shape[-1] // h) * h)
        means = plane.unflatten(-1, (-1, h)).unflatten(-3, (-1, v)).mean((-1, -3))
        wide = means.shape[-1] > 2
        means = _sharpened(means) if h == 2 and v < 3 and wide else means
        means = _sharpened(means.mT).mT if v == 2 and (h == 1 or (h == 2 and wide)) else means
        rows, columns = (-(-n // BLOCK) * BLOCK for n in means.shape[-2:])
        found.append(cosine.forward(to_blocks(planes.pad(means, rows, columns), (BLOCK, BLOCK))))
    return found


def _sharpened(means: Tensor) -> Tensor:
    """Undo what smooth enlargement by 2 along the last dimension and the mean of both pixels have done together.

    That is a convolution with 1/8, 3/4, 1/8, whose eigenvalues lie between 1/2 and 1.
    """
    result = means
    for _ in range(_SHARPEN):
        beside = functional.pad(result, (1, 1), mode="replicate")
        blurred = 0.75 * result + (beside[..., :-2] + beside[..., 2:]) / 8
        result = result + 4 / 3 * (means - blurred)
    return result


# JFIF's equations between red, green, blue and luma, blue minus luma, red minus luma.
_YCC = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.299 / 1.772, -0.587 / 1.772, 0.5], [0.5, -0.587 / 1.402, -0.114 / 1.402]],
    dtype=torch.float64,
)
_RGB = torch.linalg.inv(_YCC)


def file_set(
    coefficients: Sequence[Tensor] | None, tables: JpegTables, image: Tensor, *, r: float | Tensor = 0.5
) -> JpegSet:
    """Return the set of one decoded image (C, h, w), by its file's coefficients where these are known."""
    if coefficients is None:
        return JpegSet.of_images(image[None], tables, r=r)
    return JpegSet.of_coefficients([c[None] for c in coefficients], tables, image.shape[-2:], r=r, like=image)
