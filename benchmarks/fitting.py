"""Measure the time to quality: PSNR against seconds for several ways to fit an image.

    python -m benchmarks.fitting --images a.png b.png [--methods eager paper fast ...] [--steps N] [--out DIR]

The methods are:

- ``eager``: the paper's recipe (Adam 5e-4, ReduceLROnPlateau, all pixels in every step) with `SirenNet` of the package
  siren-pytorch in plain PyTorch;
- ``paper``: the same recipe in this library;
- ``fast``: the recipe of `fit_signal` for one network;
- ``tiled``: the tiles that large signals get; ``tiled-60`` is the same with 60 passes;
- OPTIMIZER-BATCH-SCHEDULE, such as ``soap-all-cosine`` or ``adam-1024-exponential``: one of the optimizers adam, soap
  and muon (on the hidden weights, with Adam on the rest), a number of pixels per update or all of them, and one of the
  schedules cosine and exponential;
- ``kfac-1024``: K-FAC (`benchmarks.kfac`, on the CPU, in plain PyTorch) with 1024 pixels per update.

All networks except the tiles have 256 units, two hidden layers, and the image's ω0* (equation 7).

For each image the benchmark prints the seconds to 30, 35, ... dB and the final PSNR (usual convention), then the ratios
to the first method in the same run. It saves the curves as JSON and as a plot.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import header
from siren_sr import Siren, fit_signal, omega, signals
from siren_sr.grids import coordinates
from siren_sr.training.field import psnr_of
from siren_sr.training.optimizers import adam, soap

LEVELS = (30, 35, 40, 45, 50, 55, 60)
Curve = list[tuple[float, float]]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="PSNR against seconds.")
    parser.add_argument("--images", nargs="+", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", default=["eager", "fast"])
    parser.add_argument("--steps", type=int, help="steps of every method (default: its own)")
    parser.add_argument("--level", type=float, help="stop a method that has reached this many dB")
    parser.add_argument("--budget", type=float, default=math.inf, help="stop a method after this many seconds")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    a = parser.parse_args()
    methods = {name: resolve(name) for name in a.methods}
    print(header(a.device, a.threads))
    curves: dict[str, dict[str, Curve]] = {}
    for path in a.images:
        curves[path.stem] = {}
        for method, run in methods.items():
            curve: Curve = []

            def stop(seconds: float, psnr: float, curve: Curve = curve, method: str = method) -> bool:
                curve.append((seconds, psnr))
                if method.startswith("tiled"):
                    return False  # only a group of tiles is seen here: to stop would leave the others undone
                return seconds > a.budget or (a.level is not None and psnr >= a.level)

            final = run(path, a.steps, stop, a.device)
            last = curve[-1][0]
            # Tiles are trained group after group: only their end says something about the whole image.
            curve[:] = [] if method.startswith("tiled") else curve
            curve.append((last, final))
            curves[path.stem][method] = curve
            line = f"{path.stem:10} {method:22} {len(curve) - 1:5} steps {last:7.1f} s {final:6.2f} dB"
            print(f"{line}  {reached(curve)}", flush=True)
    summary(curves, a.methods)
    if a.out:
        a.out.mkdir(parents=True, exist_ok=True)
        (a.out / "fitting.json").write_text(json.dumps(curves))
        plot(curves, a.methods, a.out / "fitting.png")


def reached(curve: Curve) -> str:
    """List the seconds to every level that a curve reaches."""
    return "  ".join(
        f"{level} dB {seconds:.1f} s" for level in LEVELS if (seconds := time_to(curve, level)) is not None
    )


def time_to(curve: Curve, level: float) -> float | None:
    """Return the seconds until a curve reaches a level, or None if it does not."""
    return next((seconds for seconds, psnr in curve if psnr >= level), None)


def summary(curves: dict[str, dict[str, Curve]], methods: list[str]) -> None:
    """Print means over the images and ratios to the first method."""
    for method in methods:
        finals = [c[method][-1][1] for c in curves.values()]
        line = f"mean       {method:22} {sum(finals) / len(finals):6.2f} dB "
        for level in LEVELS:
            known = [
                (c[methods[0]], seconds) for c in curves.values() if (seconds := time_to(c[method], level)) is not None
            ]
            if known:
                # A first method that ends below the level would have needed longer than it was given.
                peer = [(time_to(first, level), first[-1][0]) for first, _ in known]
                theirs = sum(given if seconds is None else seconds for seconds, given in peer)
                bound = ">" if any(seconds is None for seconds, _ in peer) else ""
                line += f"  {level} dB {bound}{theirs / sum(seconds for _, seconds in known):.1f}x ({len(known)})"
        print(line)
    print(f"(x: times faster than {methods[0]}, on the images (number) where a method reaches the level; >: the first")
    print(" does not reach it on all of these, and the time after which it was ended is counted)")


def eager(path: Path, steps: int | None, stop: Callable[[float, float], bool], device: str) -> float:
    """Fit by the paper's recipe in plain PyTorch, with the network of siren-pytorch, and return the PSNR in dB."""
    from siren_pytorch import SirenNet

    data = signals.as_signal(path, device=device)
    omega_0 = omega.omega_star(data)
    torch.manual_seed(0)
    net = SirenNet(dim_in=2, dim_hidden=256, dim_out=len(data.values), num_layers=3, w0_initial=omega_0, w0=30.0).to(
        device
    )
    coords = coordinates.grid(data.shape, align_corners=True, device=device)
    target = data.values.flatten(1).T
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.6, patience=20)
    start = time.perf_counter()
    for _ in range(5000 if steps is None else steps):
        optimizer.zero_grad()
        loss = (net(coords) - target).square().mean()
        loss.backward()
        optimizer.step()
        value = loss.item()
        scheduler.step(value)
        if stop(time.perf_counter() - start, psnr_of(value)):
            break
    with torch.no_grad():
        return psnr_of((net(coords) - target).square().mean().item())


def second_order(path: Path, steps: int, batch: int, stop: Callable[[float, float], bool]) -> float:
    """Fit by K-FAC on batches, for ``steps`` passes, and return the PSNR in dB."""
    from benchmarks.kfac import KFAC

    data, generator = signals.as_signal(path), torch.Generator().manual_seed(0)
    first_omega_0 = omega.omega_star(data)
    net = Siren(2, len(data.values), first_omega_0=first_omega_0, generator=generator)
    coords, target = coordinates.grid(data.shape), data.values.flatten(1).T.contiguous()
    optimizer = KFAC(net, steps * math.ceil(len(coords) / batch), generator)
    start = time.perf_counter()
    for _ in range(steps):
        error = 0.0
        for index in torch.randperm(len(coords), generator=generator).split(batch):
            error += optimizer.step(coords[index], target[index]) * len(index) / len(coords)
        if stop(time.perf_counter() - start, psnr_of(error)):
            break
    with torch.no_grad():
        return psnr_of((optimizer(coords)[0] - target).square().mean().item())


def ours(**options) -> Callable[..., float]:
    """Return the method that calls `fit_signal` with these options."""

    def method(path: Path, steps: int | None, stop: Callable[[float, float], bool], device: str) -> float:
        fit = fit_signal(
            path, steps=steps, device=device, callback=lambda p: stop(p.entry.seconds, p.entry.psnr), **options
        )
        return fit.psnr

    return method


class Muon:
    """Muon on the hidden weights and Adam on the others, since `torch.optim.Muon` takes matrices only.

    Schedules see the parameter groups of both.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, muon_lr: float) -> None:
        parameters = list(parameters)
        hidden = [p for p in parameters if p.ndim == 2 and min(p.shape) > 8]
        rest = [p for p in parameters if p.ndim < 2 or min(p.shape) <= 8]
        self.parts = [
            torch.optim.Adam(rest, lr=lr, betas=(0.9, 0.99), fused=True),
            torch.optim.Muon(hidden, lr=muon_lr, weight_decay=0.0),
        ]
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], Any]) -> Any:
        """Update with the gradients that ``closure`` computes."""
        with torch.enable_grad():
            loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none)


class Schedule:
    """A schedule that multiplies the rates of all groups, whatever the optimizer's class."""

    def __init__(self, optimizer: Any, factor: Callable[[float], float], steps: int) -> None:
        self.groups, self.factor, self.steps, self.step_ = optimizer.param_groups, factor, steps, 0
        self.initial = [group["lr"] for group in self.groups]

    def step(self) -> None:
        """Set the rates; this is called once per pass."""
        self.step_ += 1
        for group, lr in zip(self.groups, self.initial, strict=True):
            group["lr"] = lr * self.factor(min(1.0, self.step_ / self.steps))


# Each learning rate is the best of three or four on 0803x4, with batches of 1024 to 4096 pixels.
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "adam": adam(1e-3, betas=(0.9, 0.99), fused=True),
    "soap": soap(1e-3),
    "muon": lambda parameters: Muon(parameters, lr=1e-3, muon_lr=3e-3),
}
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda share: 0.5 * (1 + math.cos(math.pi * share)),
    "exponential": lambda share: 0.005**share,
}
METHODS: dict[str, Callable[..., float]] = {
    "eager": eager,
    "paper": ours(recipe="paper", tiles=False),
    "fast": ours(omega_0="laplacian_variance"),
    "tiled": ours(tiles=True),
}


def resolve(name: str) -> Callable[..., float]:
    """Return the method of a name: one of METHODS, tiled-PASSES, kfac-BATCH, or OPTIMIZER-BATCH-SCHEDULE."""
    if name in METHODS:
        return METHODS[name]
    if name.startswith("kfac-") and name[5:].isdecimal():
        return lambda path, steps, stop, device: second_order(
            path, 100 if steps is None else steps, int(name[5:]), stop
        )
    if name.startswith("tiled-") and name[6:].isdecimal():
        passes = int(name[6:])
        return lambda path, steps, stop, device: METHODS["tiled"](path, passes, stop, device)
    optimizer, _, rest = name.partition("-")
    batch, _, schedule = rest.partition("-")
    if optimizer not in OPTIMIZERS or schedule not in SCHEDULES or not (batch == "all" or batch.isdecimal()):
        raise SystemExit(
            f"unknown method {name!r}: use one of {', '.join(METHODS)}, tiled-PASSES, kfac-BATCH, or "
            f"OPTIMIZER-BATCH-SCHEDULE of {', '.join(OPTIMIZERS)}, a number of pixels or all, and "
            f"{', '.join(SCHEDULES)}"
        )

    def method(path: Path, steps: int | None, stop: Callable[[float, float], bool], device: str) -> float:
        steps = 100 if steps is None else steps
        return ours(
            optimizer=OPTIMIZERS[optimizer],
            batch=None if batch == "all" else int(batch),
            scheduler=lambda o: Schedule(o, SCHEDULES[schedule], steps),
            omega_0="laplacian_variance",
        )(path, steps, stop, device)

    return method


def plot(curves: dict[str, dict[str, Curve]], methods: list[str], path: Path) -> None:
    """Plot PSNR against seconds, with one panel per image."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(curves), figsize=(5 * len(curves), 4), squeeze=False, layout="constrained")
    for (name, by_method), panel in zip(curves.items(), panels[0], strict=True):
        for method in methods:
            panel.plot(
                *zip(*by_method[method], strict=True), ".-" if len(by_method[method]) == 1 else "-", label=method
            )
        panel.set(title=name, xlabel="seconds", ylabel="PSNR (dB)", xscale="log")
        panel.grid(alpha=0.3)
    panels[0][0].legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
