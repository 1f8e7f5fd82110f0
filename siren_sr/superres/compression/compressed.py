"""How one image was compressed, as tasks see it: upright, and in the image's own range.

The set of a file lives in the file's own orientation and on its scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from siren_sr.io import JpegTables
from siren_sr.signals.orientation import TRANSPOSED, turn_back, turn_upright, window_back
from siren_sr.superres.compression.codec import coefficients_of, decode
from siren_sr.superres.compression.jpeg_set import JpegSet


@dataclass(frozen=True, eq=False)
class Compressed:
    """How an image was compressed, and all images that it may have been made of.

    Attributes:
        members: These images as the file has them: in its orientation, in [0, 1].
        tables: The steps and the resolution of the file's components.
        turn: EXIF orientation of the file, from which the image was turned upright.
        low: What 0 of the image is in [0, 1].
        contrast: The length of the image's range in [0, 1], > 0.
    """

    members: JpegSet
    tables: JpegTables
    turn: int = 1
    low: float = 0.0
    contrast: float = 1.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the upright image."""
        rows, columns = self.members.size
        channels = len(self.members.centres)
        return (channels, columns, rows) if self.turn in TRANSPOSED else (channels, rows, columns)

    @property
    def strength(self) -> float:
        """How strongly it was compressed, as networks are told it: 1 - quality/100."""
        return 1 - self.tables.quality / 100

    def project(self, images: Tensor) -> Tensor:
        """Return the members nearest to images (..., C, h, w), which are upright and in the range of the image."""
        return self._upright(self.members.project(self._stored(images))).reshape(images.shape)

    def window(self, rows: slice, columns: slice) -> Compressed:
        """Return the same for what is seen of the image in a window.

        Blocks that lie in part outside of it are left out, so that of its outermost pixels nothing may be known.

        Args:
            rows: Rows of the upright image, a slice with start and stop.
            columns: Columns of the upright image, likewise.
        """
        rows, columns = window_back(rows, columns, self.turn, shape=self.shape[1:])
        seen = self.members.window(rows, columns)
        # Copies do not hold on to the whole image, and do not take it along when they are sent.
        own = replace(seen, centres=tuple(c.clone() for c in seen.centres), radii=tuple(r.clone() for r in seen.radii))
        return replace(self, members=own)

    def to(self, like: Tensor) -> Compressed:
        """Return the same on the device and of the dtype of a tensor."""
        centres, radii = (tuple(t.to(like) for t in ts) for ts in (self.members.centres, self.members.radii))
        return replace(self, members=replace(self.members, centres=centres, radii=radii))

    def narrowed(self, share: float) -> Compressed:
        """Return the same with intervals that are narrower by a factor: a guess, since values lie near the middle."""
        radii = tuple(radius * share for radius in self.members.radii)
        return replace(self, members=replace(self.members, radii=radii))

    def drawn(self, strength: float, *, free_steps: int) -> Compressed:
        """Return the same with a set that draws to its middle what it projects, for iterations: see `JpegSet`."""
        return replace(self, members=replace(self.members, drawn=strength, free_steps=free_steps))

    def compress(self, image: Tensor) -> tuple[Tensor, Compressed]:
        """Compress another image in the same way: return it as decoded, and what is then known of it.

        Args:
            image: (C, h, w), upright and in the range of the image, of any size.
        """
        stored, tables = self._stored(image), replace(self.tables, size=None)
        size = stored.shape[-2:]
        coefficients = coefficients_of(stored, tables)
        members = JpegSet.of_coefficients(coefficients, tables, size, like=image)
        decoded = self._upright(decode(coefficients, tables, size).to(image))
        return decoded.reshape(image.shape), replace(self, members=members, tables=tables)

    def _stored(self, images: Tensor) -> Tensor:
        """Return images as the file has them, (B, C, h, w)."""
        return turn_back(images.reshape(-1, *images.shape[-3:]), self.turn) * self.contrast + self.low

    def _upright(self, images: Tensor) -> Tensor:
        return (turn_upright(images, self.turn) - self.low) / self.contrast
