"""Join two photographs by mixed gradients (Perez, Gangnet and Blake, SIGGRAPH 2003), with a sine network as the solver.

    python examples/compositing.py docs/images/compositing.png [--steps 200] [--size 128 160]

In the sky the stronger of both gradients is kept, and elsewhere the gradient of the first picture; `solve_poisson`
finds the image. The photographs are scikit-image's: a rocket before its launch (SpaceX) and the Hubble eXtreme Deep
Field (NASA), both in the public domain. The example needs scikit-image and Pillow.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from siren_sr import derivatives, omega, solve_poisson
from siren_sr.grids import resampling


def main() -> None:
    """Write the picture: both photographs, and the composite."""
    parser = argparse.ArgumentParser(description="Compositing in the gradient domain.")
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--size", nargs=2, type=int, default=[128, 160], metavar=("H", "W"))
    a = parser.parse_args()
    rocket = photo(data.rocket()[:, 53:587], a.size)
    stars = photo(data.hubble_deep_field()[:480, :600], a.size)
    sky = torch.zeros(a.size, dtype=torch.bool)
    sky[: round(0.7 * a.size[0])] = True
    composite = solve_poisson(
        gradient=mixed(rocket, stars, sky),
        mean=rocket.mean((1, 2)),
        # Mixed gradients belong to no image. Where they contradict each other, the exact solution is a checkerboard.
        # This checkerboard must not set ω0, and a short run of Adam does not yet learn it.
        omega_0=omega.omega_star(rocket),
        recipe="paper",
        steps=a.steps,
    ).clamp(0, 1)
    gap = torch.ones(3, a.size[0], 8)
    sheet = torch.cat([rocket, gap, stars, gap, composite], -1)
    array = (sheet * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(array)).save(a.out, optimize=True)


def mixed(first: Tensor, second: Tensor, where: Tensor) -> Tensor:
    """Return the first image's gradient (C, 2, H, W), but the second's in the part ``where`` (H, W) if it is longer.

    Lengths are taken over all channels together.
    """
    a, b = derivatives.image_gradient(first), derivatives.image_gradient(second)
    stronger = b.square().sum((0, 1)) > a.square().sum((0, 1))
    return torch.where(stronger & where, b, a)


def photo(pixels: np.ndarray, size: list[int]) -> Tensor:
    """Turn 8-bit pixels into an image (3, H, W) in [0, 1], resized to ``size``."""
    return resampling.resize(torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255, tuple(size)).clamp(0, 1)


if __name__ == "__main__":
    main()
