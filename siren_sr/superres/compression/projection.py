"""The picture nearest to another one that reduces to an image which a given JPEG file may have been made of."""

from __future__ import annotations

from torch import Tensor

from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.compression.jpeg_set import JpegSet
from siren_sr.superres.downsample import Downsample

# How much the reduction is doubted inside an iteration, as a share of how strongly it shows an even picture.
DOUBT = 1.0


def explaining(
    down: Downsample, picture: Tensor, image: Tensor, compressed: Compressed | None, *, noise: float = 0.0
) -> Tensor:
    """Return the picture nearest to a picture that explains an image: D z is the image, or what it was compressed from.

    Args:
        down: The reduction D.
        picture: (C, H, W) or (B, C, H, W).
        image: (C, h, w), as it was decoded if it was compressed.
        compressed: What is known of its compression, or None.
        noise: How much the image is to be doubted, see `Downsample.project`.
    """
    if compressed is None:
        return down.project(picture, image, noise=noise)
    return project_compressed(down, picture, compressed, noise=noise)


def project_compressed(
    down: Downsample, picture: Tensor, members: JpegSet | Compressed, *, iterations: int = 1, noise: float = 0.0
) -> Tensor:
    """Return the picture z nearest to a picture, so that D z is a member of the set of a JPEG file.

    It minimises |z - picture|² where D z = y and y is a member, by the alternating direction method of multipliers
    (Boyd et al., "Distributed optimization and statistical learning via the alternating direction method of
    multipliers", 2011). Its steps are z, the minimum of |z - picture|² + |D z - (y - u)|²/doubt in closed form, then
    y = P(D z + u) and u + D z - y. At last z is moved to where D z = y, so that the result fulfils the condition, as
    far as D shows it, after any number of iterations; these only bring it nearer to ``picture``.

    Args:
        down: The reduction D.
        picture: (B, C, H, W) or (C, H, W), in [0, 1].
        members: The set of the image.
        iterations: How often to repeat; 1 moves D picture to the nearest member and stops there.
        noise: How much the set is to be doubted at last, see `Downsample.project`; with 0 the condition holds.
    """
    x = picture if picture.ndim == 4 else picture[None]
    doubt = DOUBT * x[0, 0].numel() ** -1 * down(x)[0, 0].numel()
    y, u = members.project(down(x)), 0.0
    for _ in range(iterations - 1):
        z = down.project(x, y - u, noise=doubt)
        reduced = down(z)
        y = members.project(reduced + u)
        u = u + reduced - y
    return down.project(x, y, noise=noise).reshape(picture.shape)
