"""Train a `Siren` with Lightning: a `LightningModule` around the network, a loader of points, a `Trainer`.

    python examples/lightning_loop.py picture.png [--size 128] [--epochs 20]

What Lightning brings, such as several devices, mixed precision, loggers and checkpoints, then works as for any other
network. The photograph is scikit-image's astronaut (NASA, public domain). The example needs Lightning, scikit-image
and Pillow.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import lightning
import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from siren_sr import Siren, metrics, omega
from siren_sr.grids import coordinates, resampling


class Picture(lightning.LightningModule):
    """A network that learns the colours of an image at points in [-1, 1]²."""

    def __init__(self, image: Tensor, *, hidden_features: int = 128, lr: float = 1e-3) -> None:
        """Make the network for an image (C, H, W) in [0, 1]."""
        super().__init__()
        self.image, self.lr = image, lr
        self.network = Siren(
            2,
            len(image),
            hidden_features=hidden_features,
            first_omega_0=omega.omega_star(image),
            generator=torch.Generator().manual_seed(0),
        )

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """Return the squared error at some points."""
        points, colours = batch
        loss = nn.functional.mse_loss(self.network(points), colours)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.lr)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return batches of points and of colours in [-1, 1], in random order."""
        points = coordinates.grid(self.image.shape[1:])
        colours = 2 * self.image.flatten(1).T - 1
        generator = torch.Generator().manual_seed(0)
        return DataLoader(TensorDataset(points, colours), batch_size=2048, shuffle=True, generator=generator)


def main(arguments: Sequence[str] | None = None) -> float:
    """Write the picture, and return the PSNR in dB of the network."""
    parser = argparse.ArgumentParser(description="A network of sines in Lightning.")
    parser.add_argument("out")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=20)
    a = parser.parse_args(arguments)
    photo = torch.from_numpy(data.astronaut()[:256, 96:352].copy()).permute(2, 0, 1) / 255
    image = resampling.resize(photo, (a.size, a.size)).clamp(0, 1)

    module = Picture(image)
    trainer = lightning.Trainer(max_epochs=a.epochs, logger=False, enable_checkpointing=False, accelerator="auto")
    trainer.fit(module)

    network = module.network.cpu()
    with torch.no_grad():
        large = (network.on_grid(coordinates.axes((a.size, a.size), size=(2 * a.size, 2 * a.size))) + 1) / 2
        found = (network.on_grid(coordinates.axes((a.size, a.size))) + 1) / 2
    psnr = float(metrics.psnr(found.clamp(0, 1), image))
    print(f"{psnr:.2f} dB after {a.epochs} epochs")
    levels = (large.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(levels)).save(a.out)
    return psnr


if __name__ == "__main__":
    main()
