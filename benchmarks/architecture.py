"""Measure PSNR per second and per parameter by depth and width, the sweep that the paper leaves open (its section 6).

    python -m benchmarks.architecture --images a.png b.png [--seconds 5 20] [--steps 40] [--threads 1] [--out DIR]

For every number of hidden layers and every width, a network with the default recipe of `fit_signal` and ω0* (equation
7) is fitted to the middle of every image. This is repeated for each budget of ``--seconds``. A budget is filled with as
many passes as the measured time of a pass allows, so that the decay of the learning rate ends with the time. Finally,
every network gets ``--steps`` passes, however long they take. The benchmark prints mean PSNR (usual convention),
parameters, passes and seconds, and saves them as JSON and as a plot of PSNR against parameters.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from benchmarks import header
from benchmarks.super_resolution import read
from siren_sr import Siren, fit_signal, omega

HEIGHT, WIDTH = 96, 128  # pixels of the middle of an image
LAYERS, WIDTHS = (0, 1, 2, 3, 4), (64, 128, 256, 512)
WARM = 2  # the time of so many passes predicts that of the others


@dataclass(frozen=True)
class Row:
    """The means of one network over all images."""

    budget: str
    hidden_layers: int
    hidden_features: int
    parameters: int
    psnr: float
    steps: float
    seconds: float


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="PSNR by depth and width.")
    parser.add_argument("--images", nargs="+", type=Path, required=True)
    parser.add_argument("--seconds", nargs="+", type=float, default=[5.0, 20.0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--layers", nargs="+", type=int, default=LAYERS)
    parser.add_argument("--widths", nargs="+", type=int, default=WIDTHS)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path)
    a = parser.parse_args()
    print(header("cpu", a.threads))
    images = [middle(path) for path in a.images]
    fit(images[0], 1, 64, WARM)  # this also loads what no network's time should include
    rows = []
    print(f"{'budget':>10} {'layers':>6} {'width':>5} {'parameters':>10} {'PSNR':>7} {'passes':>7} {'seconds':>7}")
    for budget in [*a.seconds, None]:
        for layers in a.layers:
            for width in a.widths:
                row = measure(images, layers, width, budget, a.steps)
                rows.append(row)
                print(
                    f"{row.budget:>10} {layers:6} {width:5} {row.parameters:10} {row.psnr:7.2f} {row.steps:7.0f} "
                    f"{row.seconds:7.1f}",
                    flush=True,
                )
    if a.out:
        a.out.mkdir(parents=True, exist_ok=True)
        (a.out / "architecture.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
        plot(rows, a.out / "architecture.png")


def measure(images: list[Tensor], layers: int, width: int, budget: float | None, steps: int) -> Row:
    """Fit one network to all images, for ``budget`` seconds or, if that is None, for ``steps`` passes."""
    results = []
    for image in images:
        passes = steps
        if budget is not None:
            per_pass = fit(image, layers, width, WARM)[1] / WARM
            passes = max(1, round(budget / per_pass))
        results.append((*fit(image, layers, width, passes), passes))
    psnr, seconds, passes = (sum(column) / len(images) for column in zip(*results, strict=True))
    network = Siren(2, len(images[0]), hidden_features=width, hidden_layers=layers)
    parameters = sum(p.numel() for p in network.parameters())
    name = f"{steps} passes" if budget is None else f"{budget:g} s"
    return Row(name, layers, width, parameters, psnr, passes, seconds)


def fit(image: Tensor, layers: int, width: int, steps: int) -> tuple[float, float]:
    """Fit one image and return the PSNR in dB and the time in seconds."""
    start = time.perf_counter()
    found = fit_signal(
        image,
        hidden_layers=layers,
        hidden_features=width,
        omega_0=omega.omega_star(image),
        tiles=False,
        steps=steps,
    )
    return found.psnr, time.perf_counter() - start


def middle(path: Path) -> Tensor:
    """Read an image and return its middle, (3, HEIGHT, WIDTH) in [0, 1]."""
    image = read(path)
    top, left = (image.shape[1] - HEIGHT) // 2, (image.shape[2] - WIDTH) // 2
    return image[:, top : top + HEIGHT, left : left + WIDTH].contiguous()


def plot(rows: list[Row], path: Path) -> None:
    """Plot PSNR against parameters, with one panel per budget and one line per depth."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    budgets = list(dict.fromkeys(row.budget for row in rows))
    size = (4.5 * len(budgets), 4)
    figure, panels = plt.subplots(1, len(budgets), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for budget, panel in zip(budgets, panels[0], strict=True):
        here = [row for row in rows if row.budget == budget]
        for layers in dict.fromkeys(row.hidden_layers for row in here):
            line = [(row.parameters, row.psnr) for row in here if row.hidden_layers == layers]
            panel.plot(*zip(*line, strict=True), "o-", label=f"{layers} hidden layers")
        panel.set(title=budget, xlabel="parameters", xscale="log")
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("PSNR (dB)")
    panels[0][0].legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
