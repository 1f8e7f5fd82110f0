"""Train a `Siren` on a photograph in a loop of one's own, and use everything else of the library around it.

    python examples/plain_loop.py picture.png [--size 128] [--steps 300]

The loop sees points and colours, drawn at random, as any network for regression would. ω0 comes from the picture, the
picture is then rendered at twice its size, and the sharpness of the result comes from the network's exact gradient.
The photograph is scikit-image's astronaut (NASA, public domain). The example needs scikit-image and Pillow.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from siren_sr import Siren, derivatives, metrics, omega
from siren_sr.grids import coordinates, resampling


def train(model: Siren, image: Tensor, *, steps: int, batch: int, generator: torch.Generator) -> None:
    """Fit the network to an image (C, H, W) in [-1, 1]: plain PyTorch."""
    points = coordinates.grid(image.shape[1:])  # (H·W, 2), x first
    colours = image.flatten(1).T  # (H·W, C)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = torch.randint(len(points), (batch,), generator=generator)
        loss = torch.nn.functional.mse_loss(model(points[chosen]), colours[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def main(arguments: Sequence[str] | None = None) -> float:
    """Write the picture, and return the PSNR in dB of the network."""
    parser = argparse.ArgumentParser(description="A training loop of one's own.")
    parser.add_argument("out")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=300)
    a = parser.parse_args(arguments)
    photo = torch.from_numpy(data.astronaut()[:256, 96:352].copy()).permute(2, 0, 1) / 255
    image = resampling.resize(photo, (a.size, a.size)).clamp(0, 1)

    generator = torch.Generator().manual_seed(0)
    model = Siren(2, 3, hidden_features=128, first_omega_0=omega.omega_star(image), generator=generator)
    train(model, 2 * image - 1, steps=a.steps, batch=4096, generator=generator)

    with torch.no_grad():
        found = (model.on_grid(coordinates.axes((a.size, a.size))) + 1) / 2
        large = (model.on_grid(coordinates.axes((a.size, a.size), size=(2 * a.size, 2 * a.size))) + 1) / 2
    psnr = float(metrics.psnr(found.clamp(0, 1), image))
    slope = derivatives.gradient(model, coordinates.grid((32, 32))).norm(dim=-1).mean()
    print(f"{psnr:.2f} dB after {a.steps} steps; the colours change by {float(slope.detach()):.2f} per unit of length")
    levels = (large.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(levels)).save(a.out)
    return psnr


if __name__ == "__main__":
    main()
