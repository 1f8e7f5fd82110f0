"""Measure time and memory of one training step against the number of points, and against the limit.

    python -m benchmarks.steps [--points 4096 16384 49152 783360] [--device cpu] [--out DIR]

A step is the forward pass, the backward pass and the gradients of a mean squared error, for 256 units, two hidden
layers, D = 2 and three outputs. All methods are compared in one run, with interleaved rounds, and the best time of each
counts:

- ``products`` makes the step's matrix products alone, in the same chunks, on buffers of the same sizes: this is the
  limit;
- ``ours`` is what `siren_sr.training` runs for a value; ``bf16`` is the same with ``precision="bf16"``;
- ``eager`` is the same network in plain PyTorch, all points at once; ``siren-pytorch`` is that package's `SirenNet`;
- ``gradient`` and ``laplacian`` are ours, fitting exact derivatives; ``nested`` is the Laplacian by nested autograd.

Peak memory (Linux) is what a fresh process gains over what it held before its first step, which includes the signal.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from benchmarks import header, peak_memory, reset_peak_memory
from siren_sr import Siren, derivatives
from siren_sr.grids import coordinates
from siren_sr.network.protocol import chunk_size
from siren_sr.training.evaluation import Grid
from siren_sr.training.field import SquaredError
from siren_sr.training.loop import Stage, train

WIDTH, CHANNELS = 256, 3
Step = Callable[[], float | None]
"""A function that makes a step. It may return the step's seconds; otherwise the call is timed."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Time and memory of a training step.")
    parser.add_argument("--points", nargs="+", type=int, default=[4096, 16384, 49152, 783360])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seconds", type=float, default=8.0, help="time for each method and size")
    parser.add_argument("--largest-nested", type=int, default=49152, help="most points for nested autograd")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--memory-of", nargs=2, metavar=("METHOD", "POINTS"), help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.memory_of:
        print(memory_growth(a.memory_of[0], int(a.memory_of[1])))
        return
    print(header(a.device, a.threads))
    print(f"{'points':>8} {'method':14}{'ms':>10}{'of products':>13}{'of value step':>15}{'peak MiB':>10}")
    results = []
    for points in a.points:
        methods = [m for m in a.methods if m != "nested" or points <= a.largest_nested]
        times = interleaved({m: METHODS[m](points, a.device) for m in methods}, a.seconds, a.device)
        for method in methods:
            row = {"points": points, "method": method, "seconds": times[method]}
            row["memory"] = None if a.device != "cpu" or method == "products" else in_fresh_process(method, points)
            results.append(row)
            limit, value = (times[method] / times[m] if m in times else math.nan for m in ("products", "ours"))
            memory = "" if row["memory"] is None else f"{row['memory'] / 2**20:10.0f}"
            print(f"{points:8} {method:14}{1e3 * times[method]:10.2f}{limit:13.2f}{value:15.2f}{memory}", flush=True)
    if a.out:
        a.out.mkdir(parents=True, exist_ok=True)
        (a.out / "steps.json").write_text(json.dumps(results, indent=1))
        plot(results, a.out / "steps.png")


def interleaved(steps: dict[str, Step], budget: float, device: str) -> dict[str, float]:
    """Return the best time of each method; they take turns, so that a busy moment of the machine hits all alike."""
    best = dict.fromkeys(steps, math.inf)
    start, rounds = time.perf_counter(), 0
    while rounds < 3 or time.perf_counter() - start < budget * len(steps):
        for method, step in steps.items():
            _wait(device)
            begin = time.perf_counter()
            seconds = step()
            _wait(device)
            best[method] = min(best[method], time.perf_counter() - begin if seconds is None else seconds)
        rounds += 1
    return best


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def memory_growth(method: str, points: int) -> int:
    """Return the bytes by which the peak memory of this process grows in two steps."""
    step = METHODS[method](points, "cpu")
    METHODS[method](256, "cpu")()  # a small step loads libraries and starts threads
    reset_peak_memory()
    before = peak_memory()
    step()
    step()
    return peak_memory() - before


def in_fresh_process(method: str, points: int) -> int:
    """Run `memory_growth` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.steps", "--memory-of", method, str(points)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def problem(points: int, device: str) -> tuple[tuple[int, int], torch.Tensor]:
    """Return the shape of a grid of about so many points, and a target."""
    rows = 2 ** int(math.log2(points) / 2)
    shape = (rows, points // rows)
    generator = torch.Generator().manual_seed(0)
    return shape, torch.rand(CHANNELS, *shape, generator=generator).to(device)


def network(device: str) -> Siren:
    """Make the network of all methods but ``eager`` and ``siren-pytorch``, which have their own."""
    return Siren(2, CHANNELS, first_omega_0=90.0, generator=torch.Generator().manual_seed(0), device=device)


def products(points: int, device: str) -> Step:
    """Return a step that makes the matrix products of a value step and nothing else."""
    model = network(device)
    n = min(points, chunk_size(model))
    activations = [torch.rand(n, WIDTH, device=device) for _ in range(3)]
    gradients = [torch.rand(n, WIDTH, device=device) for _ in range(2)]
    coords, out = torch.rand(n, 2, device=device), torch.rand(n, CHANNELS, device=device)
    first, hidden, last = (torch.rand(*s, device=device) for s in ((2, WIDTH), (WIDTH, WIDTH), (WIDTH, CHANNELS)))
    sums = [torch.zeros_like(w) for w in (first, hidden, last)]

    def step() -> None:
        for _ in range(points // n):
            torch.mm(coords, first, out=activations[0])
            for i in (0, 1):
                torch.mm(activations[i], hidden, out=activations[i + 1])
            torch.mm(activations[2], last, out=out)
            sums[2].addmm_(activations[2].T, out)
            torch.mm(out, last.T, out=gradients[0])
            for i in (0, 1):
                sums[1].addmm_(activations[1 - i].T, gradients[i])
                torch.mm(gradients[i], hidden.T, out=gradients[1 - i])
            sums[0].addmm_(coords.T, gradients[0])

    return step


def ours(quantity: str = "values", precision: str | None = None) -> Callable[[int, str], Step]:
    """Return a maker of steps of `siren_sr.training`, on the values or on exact derivatives."""

    def prepare(points: int, device: str) -> Step:
        shape, target = problem(points, device)
        if quantity == "gradient":
            target = target[:, None].expand(-1, 2, -1, -1)
        objective = SquaredError(lambda field: getattr(field, quantity), target, dims=2)
        model = network(device)
        stage = Stage(objective, 3, shape, still)

        def step() -> float:
            # The first step of a training allocates what the others use, so that it does not count.
            times = [entry.seconds for entry in train(model, [stage], precision=precision)]
            return min(b - a for a, b in itertools.pairwise(times))

        return step

    return prepare


def still(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Make an optimizer that leaves everything as it is."""
    return torch.optim.SGD(parameters, lr=0.0)


def plain(model: torch.nn.Module, points: int, device: str) -> Step:
    """Return a step in eager PyTorch, with all points at once."""
    shape, target = problem(points, device)
    coords, rows = coordinates.grid(shape, device=device), target.flatten(1).T

    def step() -> None:
        model.zero_grad()
        (model(coords) - rows).square().mean().backward()

    return step


class Eager(torch.nn.Module):
    """The usual implementation of a sine network: linear layers with sin(30·z) between them."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [(2, WIDTH), (WIDTH, WIDTH), (WIDTH, WIDTH), (WIDTH, CHANNELS)]
        self.layers = torch.nn.ModuleList(torch.nn.Linear(*size) for size in sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in list(self.layers)[:-1]:
            x = torch.sin(30 * layer(x))
        return self.layers[-1](x)


def siren_pytorch(points: int, device: str) -> Step:
    """Return a step of `SirenNet` from the package siren-pytorch."""
    from siren_pytorch import SirenNet

    net = SirenNet(dim_in=2, dim_hidden=WIDTH, dim_out=CHANNELS, num_layers=3, w0_initial=90.0).to(device)
    return plain(net, points, device)


def nested(points: int, device: str) -> Step:
    """Return a Laplacian step with nested calls of ``torch.autograd.grad``."""
    shape, target = problem(points, device)
    model, coords, rows = network(device), coordinates.grid(shape, device=device), target.flatten(1).T
    spacing = Grid(shape, align_corners=False, like=coords).spacing

    def step() -> None:
        model.zero_grad()
        laplacian = derivatives.nested_autograd(model, coords, order=2, spacing=spacing)[2]
        (laplacian - rows).square().mean().backward()

    return step


METHODS: dict[str, Callable[[int, str], Step]] = {
    "products": products,
    "ours": ours(),
    "bf16": ours(precision="bf16"),
    "eager": lambda points, device: plain(Eager().to(device), points, device),
    "siren-pytorch": siren_pytorch,
    "gradient": ours("gradient"),
    "laplacian": ours("laplacian"),
    "nested": nested,
}


def plot(results: list[dict], path: Path) -> None:
    """Plot time and memory per method against the number of points."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for i, method in enumerate(dict.fromkeys(r["method"] for r in results)):
        rows = [r for r in results if r["method"] == method]
        points = [r["points"] for r in rows]
        left.plot(points, [1e6 * r["seconds"] / r["points"] for r in rows], "o-", color=f"C{i}", label=method)
        if all(r["memory"] is not None for r in rows):
            right.plot(points, [max(1, r["memory"] / 2**20) for r in rows], "o-", color=f"C{i}")
    left.set(xlabel="points", ylabel="µs per point and step", xscale="log", yscale="log")
    right.set(xlabel="points", ylabel="peak memory of a step (MiB)", xscale="log", yscale="log")
    for panel in (left, right):
        panel.grid(alpha=0.3)
    left.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
