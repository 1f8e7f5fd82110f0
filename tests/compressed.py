"""Images that compression is tested with."""

import numpy as np
import torch


def picture(height, width, channels=3, seed=0):
    """Edges, a gradient and noise, some of it clipped: (H, W, C) uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([4 * x, 3 * y, 2 * (x + y)], 2)[..., :channels] + 90 * ((x + 2 * y) % 23 < 6)[..., None]
    return (pixels + random.normal(0, 25, pixels.shape)).clip(0, 255).astype(np.uint8)


def tensor(pixels):
    return torch.from_numpy(np.array(pixels).reshape(*pixels.shape[:2], -1)).permute(2, 0, 1)[None].double() / 255
