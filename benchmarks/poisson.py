"""Compare the network with the exact discrete solution, for images from their derivatives.

    python -m benchmarks.poisson [--images PHOTO ...] [--size 96 128] [--steps N] [--paper-steps N] [--noise 0 0.05]

The exact solution is the least-squares solution by SciPy that has the image's mean; its sparse matrices are read off
the library's own kernels. Networks are given the mean too, and for the Laplacian also the mean gradient. Without
``--images`` the benchmark takes the photographs of scikit-image that ``--names`` names, reduced to ``--size``. The
noise is Gaussian, and its standard deviation is a fraction of the derivative's own. The benchmark prints the PSNR of
the image, in the usual convention and with the errors summed over channels as in the paper, and seconds.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import header
from siren_sr import derivatives, io, metrics, solve_poisson
from siren_sr.grids import resampling

OPERATORS = {"gradient": derivatives.image_gradient, "laplacian": derivatives.image_laplacian}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Poisson problems: networks against the exact solution.")
    parser.add_argument("--images", nargs="+", type=Path, default=[])
    parser.add_argument("--names", nargs="+", default=["chelsea", "rocket"], help="photographs of skimage.data")
    parser.add_argument("--size", nargs=2, type=int, metavar=("H", "W"), help="reduce the images to this")
    parser.add_argument("--derivatives", nargs="+", choices=sorted(OPERATORS), default=sorted(OPERATORS))
    parser.add_argument("--noise", nargs="+", type=float, default=[0.0, 0.05])
    parser.add_argument("--steps", type=int, help="steps of the default recipe")
    parser.add_argument("--paper-steps", type=int, default=200, help="steps of the paper's recipe; 0 leaves it out")
    parser.add_argument("--threads", type=int)
    a = parser.parse_args()
    print(header("cpu", a.threads))
    names = ("image", "derivative", "noise", "solver", "dB", "dB, summed", "s")
    print("".join(f"{name:>14}" for name in names))
    for label, image in _images(a.images, a.names, a.size):
        for name in a.derivatives:
            for noise in a.noise:
                target = OPERATORS[name](image)
                generator = torch.Generator().manual_seed(0)
                target = target + noise * target.std() * torch.randn(target.shape, generator=generator)
                given = {name: target, "mean": image.mean((1, 2))}
                if name == "laplacian":
                    given["mean_gradient"] = derivatives.image_gradient(image).mean((2, 3))
                solvers: dict[str, Callable[[], Tensor]] = {
                    "exact": lambda given=given, name=name: exact(name, given[name], given["mean"]),
                    "default": lambda given=given: solve_poisson(**given, steps=a.steps),
                }
                if a.paper_steps:
                    solvers[f"paper, {a.paper_steps}"] = lambda given=given: solve_poisson(
                        **given, recipe="paper", steps=a.paper_steps
                    )
                for solver, solve in solvers.items():
                    start = time.perf_counter()
                    found = solve()
                    seconds = time.perf_counter() - start
                    usual = metrics.psnr(found, image)
                    summed = usual - 10 * math.log10(len(image))
                    row = (label[:12], name, f"{noise:g}", solver, f"{usual:.2f}", f"{summed:.2f}", f"{seconds:.1f}")
                    print("".join(f"{value:>14}" for value in row), flush=True)


def exact(name: str, target: Tensor, mean: Tensor) -> Tensor:
    """Return the least-squares image (C, H, W) of a gradient or Laplacian, with the given mean per channel."""
    from scipy.sparse.linalg import splu

    shape = (target.shape[-2], target.shape[-1])
    a = matrix(OPERATORS[name], shape)[:, 1:]  # the first sample is 0, since the mean settles the constant
    right = target.double().reshape(len(target), -1).numpy()
    solved = splu((a.T @ a).tocsc()).solve(np.ascontiguousarray(a.T @ right.T))
    image = torch.from_numpy(np.concatenate([np.zeros((1, len(target))), solved]).T.copy()).reshape(-1, *shape)
    return (image + (mean.double() - image.mean((1, 2)))[:, None, None]).float()


def matrix(operator: Callable[[Tensor], Tensor], shape: tuple[int, int]):
    """Return the sparse matrix of an operator on images, each of whose answers depends on 3×3 samples only.

    Nine combs of unit samples, three apart, tell the matrix's columns from each other.
    """
    from scipy import sparse

    height, width = shape
    rows, columns, values = [], [], []
    i, j = np.mgrid[:height, :width]
    for di in range(3):
        for dj in range(3):
            comb = torch.zeros(1, height, width, dtype=torch.float64)
            comb[:, di::3, dj::3] = 1
            answers = operator(comb).reshape(-1, height, width).numpy()
            # This is the one sample of the comb within reach of each answer.
            row, column = i + (di - i + 1) % 3 - 1, j + (dj - j + 1) % 3 - 1
            for part, answer in enumerate(answers):
                hit = answer != 0
                rows.append(part * height * width + (i * width + j)[hit])
                columns.append((row * width + column)[hit])
                values.append(answer[hit])
    parts = len(answers)
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(parts * height * width, height * width))


def _images(paths: list[Path], names: list[str], size: list[int] | None):
    if paths:
        pictures = [(path.stem, io.read_image(path).pixels[..., :3]) for path in paths]
    else:
        from skimage import data

        pictures, size = [(name, getattr(data, name)()) for name in names], size or [96, 128]
    for label, picture in pictures:
        image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float() / 255
        yield label, resampling.resize(image, tuple(size)).clamp(0, 1) if size else image


if __name__ == "__main__":
    main()
