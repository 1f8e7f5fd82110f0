"""Two photographs in one, by mixed gradients: Perez, Gangnet and Blake, SIGGRAPH 2003, with a sine network as solver.

    python examples/compositing.py docs/images/compositing.png [--steps 250] [--size 128 192]

At each place the stronger of both gradients is kept; `solve_poisson` finds the picture. The photographs are
scikit-image's: a rocket's launch (SpaceX, CC0) and the Hubble eXtreme Deep Field (NASA, public domain). Needs
scikit-image and Pillow.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from siren_sr import derivatives, resampling, solve_poisson


def main() -> None:
    """Write the picture: both photographs, and the composite."""
    parser = argparse.ArgumentParser(description="Compositing in the gradient domain.")
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--size", nargs=2, type=int, default=[128, 192], metavar=("H", "W"))
    a = parser.parse_args()
    rocket = photo(data.rocket(), a.size)
    stars = photo(data.hubble_deep_field()[:580, :870], a.size)
    composite = solve_poisson(gradient=mixed(rocket, stars), mean=rocket.mean((1, 2)), steps=a.steps).clamp(0, 1)
    gap = torch.ones(3, a.size[0], 8)
    sheet = torch.cat([rocket, gap, stars, gap, composite], -1)
    array = (sheet * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(array)).save(a.out, optimize=True)


def mixed(first: Tensor, second: Tensor) -> Tensor:
    """At each sample the gradient (C, 2, H, W) of that image in which it is longer over all channels."""
    a, b = derivatives.image_gradient(first), derivatives.image_gradient(second)
    stronger = b.square().sum((0, 1)) > a.square().sum((0, 1))
    return torch.where(stronger, b, a)


def photo(pixels: np.ndarray, size: list[int]) -> Tensor:
    """(3, H, W) in [0, 1]."""
    return resampling.resize(torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255, tuple(size)).clamp(0, 1)


if __name__ == "__main__":
    main()
