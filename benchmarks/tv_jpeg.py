"""A peer for compressed images: the member of a JPEG file's set that varies least.

Bredies and Holler, "A total variation-based JPEG decompression model" (SIAM Journal on Imaging Sciences 5, 2012):
the total variation of all images that the file may have been made of is minimised, by the primal-dual algorithm of
Chambolle and Pock. Their later work puts total generalized variation in its place, as the program jpeg2png does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from siren_sr.superres.compression.compressed import Compressed

STEPS = 300
SIGMA = 8.0  # the dual step; the primal one is 1/(8·SIGMA), since the squared norm of the gradient is at most 8


def decompress(image: Tensor, compressed: Compressed, *, steps: int = STEPS) -> Tensor:
    """Return the image of least total variation behind a decoded one, (C, H, W) in [0, 1]."""
    x, ahead, tau = image, image, 1 / (8 * SIGMA)
    dual = torch.zeros(2, *image.shape, dtype=image.dtype, device=image.device)
    for _ in range(steps):
        dual[0, ..., :-1] += SIGMA * (ahead[..., 1:] - ahead[..., :-1])
        dual[1, ..., :-1, :] += SIGMA * (ahead[..., 1:, :] - ahead[..., :-1, :])
        dual /= dual.square().sum((0, 1)).sqrt().clamp(min=1)
        away = torch.zeros_like(x)
        away[..., 1:] -= dual[0, ..., :-1]
        away[..., :-1] += dual[0, ..., :-1]
        away[..., 1:, :] -= dual[1, ..., :-1, :]
        away[..., :-1, :] += dual[1, ..., :-1, :]
        new = compressed.project(x + tau * away)
        ahead, x = 2 * new - x, new
    return x.clamp(0, 1)
