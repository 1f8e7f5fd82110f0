"""Train the learned upscaler on a folder of pictures, or measure one.

    python -m benchmarks.train_prior --data DIR (--hours H | --steps N) --out prior.safetensors [--work DIR]
    python -m benchmarks.train_prior --evaluate prior.safetensors --set5 DIR [--pairs DIR] [--data DIR]

The same command goes on after an interruption: every few minutes the state is stored as DIR/checkpoint.pt (--work;
beside the result by default), with the curve as DIR/curve.json and curve.png. When the rate has been decayed, the mean
of the last weights is written to --out, in numbers of 16 bits. Runs add up: --weights takes such a file, and the new
run goes on from its weights, at a rate of its own. With --steps the same seed gives the same weights; with --hours the
length, and with it the decay of the rate, depends on the machine. All cores but one stay idle, unless

    python -m torch.distributed.run --nproc-per-node 2 -m benchmarks.train_prior ...

starts several processes of one thread each, which draw their own batches and share their gradients. They wait for each
other once per step only; threads would wait after every product, and much longer when another program is busy.

One crop in 10 is of a drawing (benchmarks.prior_drawings), so that text and line art keep their edges. Every 14th
picture is held out. The curve shows the luma PSNR of their middles and, where --pairs and --set5 are given,
of these pairs (DIR as in `benchmarks.super_resolution`); nothing is trained on them.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from benchmarks import header
from benchmarks.prior_data import Batch, Photographs, photographs
from benchmarks.prior_drawings import drawings
from benchmarks.prior_optimizer import Muon
from benchmarks.prior_quality import Pair, crops, folder_pairs, middles, psnr, report, robustness, write_curve
from siren_sr import __version__
from siren_sr.grids.resampling import centres
from siren_sr.superres.convolution import fast_precision
from siren_sr.superres.learned import LearnedUpscaler, load, save

WARM_UP = 100  # steps, but no more than a tenth of a short run
END = 0.01  # share of the rate that is left at the end
MEAN = 0.998  # share of the running mean of the weights that a step keeps; less at first
FALL = 0.5  # dB on held-out pictures, from one checkpoint to the next, that mean a collapse
SCALES = (2, 3, 4)
WATCHED = ("held out x2", "held out x4", "pairs x4", "Set5 x4")  # sets that the curve shows


@dataclass(frozen=True)
class Settings:
    """What a run depends on, besides the pictures.

    Attributes:
        hours: Length of the run, or
        steps: number of updates; whichever ends first.
        rate: Of Muon, for the inner convolutions.
        adam_rate: Of Adam for everything else.
        batch: Images of a batch, in each process.
        patch: Pixels of a small image, per side.
        points: Rows and columns of each large image on which the loss is taken, at random: neighbours say the same.
        degraded: Share of batches with blur, noise or compression.
        seed: Of the initial weights and of all draws.
        every: Seconds between checkpoints.
        drawings: How many drawings are made, of which one crop in `benchmarks.prior_data.DRAWN` is.
    """

    hours: float = math.inf
    steps: int = 2**62
    rate: float = 1e-3
    adam_rate: float = 1e-3
    batch: int = 8
    patch: int = 48
    points: int = 48
    degraded: float = 0.2
    seed: int = 0
    every: float = 150.0
    drawings: int = 96


class Training:
    """A run: the network, the optimizers, the running mean of the weights and the draws, as one state."""

    def __init__(self, pictures: Sequence[Tensor], settings: Settings, *, start: LearnedUpscaler | None = None) -> None:
        """Begin a run, with new weights or those of another network."""
        self.settings = settings
        self.model = start or LearnedUpscaler(generator=torch.Generator().manual_seed(settings.seed))
        self.model.train()
        self.precision = fast_precision(next(self.model.parameters()))
        self.data = Photographs(
            pictures,
            batch=settings.batch,
            patch=settings.patch,
            degraded=settings.degraded,
            seed=settings.seed + rank(),
            drawn=drawings(settings.drawings, settings.seed),
        )
        matrices, others = _kinds(self.model)
        self.optimizers: list[torch.optim.Optimizer] = [
            Muon(matrices, settings.rate),
            torch.optim.Adam(others, settings.adam_rate, betas=(0.9, 0.99), fused=True),
        ]
        self.rates = [settings.rate, settings.adam_rate]
        self.mean = [p.detach().clone() for p in self.model.parameters()]
        self.taken, self.seconds, self.losses = 0, 0.0, 0.0
        self.rows: list[dict[str, float]] = []

    @property
    def progress(self) -> float:
        """The share of the run that is over."""
        return max(self.taken / self.settings.steps, self.seconds / 3600 / self.settings.hours)

    def step(self) -> None:
        """One update."""
        start = time.perf_counter()
        share = END + (1 - END) * 0.5 * (1 + math.cos(math.pi * min(1.0, self.progress)))
        warm_up = min(WARM_UP, max(1, self.settings.steps // 10))
        for optimizer, rate in zip(self.optimizers, self.rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * share * min(1.0, (self.taken + 1) / warm_up)
        loss = self._loss(self.data.draw())
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        value, self.seconds = self._shared(loss.item(), self.seconds)
        for optimizer in self.optimizers:
            optimizer.step()
        self.taken += 1
        kept = min(MEAN, 1 - 1 / (1 + 0.2 * self.taken))
        for mean, p in zip(self.mean, self.model.parameters(), strict=True):
            mean.lerp_(p.detach(), 1 - kept)
        self.losses = value if self.taken == 1 else self.losses + 0.01 * (value - self.losses)
        self.seconds += time.perf_counter() - start

    def _shared(self, *values: float) -> list[float]:
        """Replace the gradients by their mean over all processes, and return the means of some numbers."""
        if not distributed.is_initialized():
            return list(values)
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        # float64, since seconds decide when all processes end, and must not be rounded to a shorter run.
        sums = torch.tensor(values, dtype=torch.float64)
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        distributed.all_reduce(sums)
        count = distributed.get_world_size()
        for gradient, mean in zip(gradients, (flat / count).split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))
        return (sums / count).tolist()

    def _loss(self, batch: Batch) -> Tensor:
        """Mean absolute error on some rows and columns of the pictures."""
        chosen = [
            torch.randperm(n, generator=self.data.generator)[: self.settings.points].sort().values
            for n in batch.large.shape[2:]
        ]
        sides = batch.large.shape[2:], batch.small.shape[2:]
        rows, columns = (centres(m, n)[i] for m, n, i in zip(*sides, chosen, strict=True))
        cell = [m / n for m, n in zip(*sides, strict=True)]
        result = self.model.on_grid(
            batch.small, rows, columns, cell, conditions=batch.conditions, precision=self.precision
        )
        return (result - batch.large[:, :, chosen[0]][..., chosen[1]]).abs().mean()

    def averaged(self) -> LearnedUpscaler:
        """A network with the running mean of the weights."""
        model = LearnedUpscaler(**self.model.config(), generator=torch.Generator())
        with torch.no_grad():
            for p, mean in zip(model.parameters(), self.mean, strict=True):
                p.copy_(mean)
        return model.eval()

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs."""
        return {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "mean": self.mean,
            "data": gathered(self.data.state),
            "numbers": (self.taken, self.seconds, self.losses),
            "rows": self.rows,
            "rates": self.rates,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where a run was."""
        self.model.load_state_dict(state["model"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)
        self.mean, self.data.state = state["mean"], state["data"][rank()]
        self.taken, self.seconds, self.losses = state["numbers"]
        self.rows, self.rates = state["rows"], state["rates"]


def rank() -> int:
    """The number of this process among those that train together, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def gathered(value: Any) -> list[Any]:
    """The value of every process, in the order of their numbers."""
    if not distributed.is_initialized():
        return [value]
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


def _kinds(model: LearnedUpscaler) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The weights of the inner convolutions, which Muon updates, and everything else."""
    modules = (model.body, model.tail)
    inner = [p for module in modules for p in module.parameters() if p.ndim >= 2]
    known = {id(p) for p in inner}
    return inner, [p for p in model.parameters() if id(p) not in known]


def train(training: Training, work: Path, validation: Mapping[str, tuple[Sequence[Pair], int]]) -> None:
    """Update until the run is over; measure and store it every few minutes, and at the end.

    All processes measure, since all must know of a collapse; the first one stores and tells.
    """
    last = training.seconds
    while training.progress < 1:
        training.step()
        if training.seconds - last < training.settings.every and training.progress < 1:
            continue
        last, model = training.seconds, training.averaged()
        row = {"step": training.taken, "seconds": last, "loss": training.losses}
        row |= {f"{k} dB": psnr(model, d, s, precision=training.precision) for k, (d, s) in validation.items()}
        before = training.rows[-1] if training.rows else row
        if any(row[k] < before[k] - FALL for k in row if k.startswith("held out")):
            print(f"collapsed at step {training.taken}: back to the last checkpoint, at half the rates", flush=True)
            seconds, rates = training.seconds, [rate / 2 for rate in training.rates]
            training.restore(torch.load(work / "checkpoint.pt", weights_only=False))
            training.seconds, training.rates = seconds, rates
            continue
        training.rows.append(row)
        state = training.state()
        if rank():
            continue
        print("  ".join(f"{k} {v:.5g}" for k, v in row.items()), flush=True)
        write_curve(training.rows, work / "curve.json")
        temporary = work / "checkpoint.tmp"
        torch.save(state, temporary)
        temporary.replace(work / "checkpoint.pt")
        save(model, work / "latest.safetensors", notes=_notes(training))


def _notes(training: Training) -> dict[str, Any]:
    return {
        "version": __version__,
        "licence": "MIT; the photographs and their licences are listed in CREDITS.tsv beside the training command",
        "made by": "python -m benchmarks.train_prior",
        "steps": training.taken,
        "hours": round(training.seconds / 3600, 3),
    }


def evaluate(model: LearnedUpscaler, sets: Mapping[str, tuple[Sequence[Pair], int]]) -> None:
    """Print a line of measures for each set of pairs."""
    for name, (data, scale) in sets.items():
        values = report(model, data, scale)
        print(f"{name:14}" + "  ".join(f"{k} {v:.3f}" for k, v in values.items()), flush=True)
        for defect, values in robustness(model, data, scale).items() if name.startswith("held out") else ():
            print(f"  {defect:12}" + "  ".join(f"{k} {v:.3f}" for k, v in values.items()), flush=True)


def keep_memory() -> None:
    """Let the C library keep large blocks that were freed: to get them from the system anew takes a quarter of a step.

    Only glibc has the settings.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for parameter, value in ((-3, 2**30), (-1, 2**31 - 1), (-2, 2**26)):  # of mmap, of trimming, of growing
        mallopt(parameter, value)


def main() -> None:
    """Run the command."""
    a = _arguments()
    title = header(threads=a.threads)
    if distributed.is_torchelastic_launched():
        distributed.init_process_group("gloo")
        title += f", {distributed.get_world_size()} processes"
    if rank() == 0:
        print(title, flush=True)
    held_out: list[Tensor] = []
    pictures: list[Tensor] = []
    if a.data:
        pictures, held_out = photographs(a.data)
    sets = {f"held out x{s}": (crops(held_out, s), s) for s in SCALES if held_out}
    sets |= {"pairs x4": (folder_pairs(a.pairs, 4), 4)} if a.pairs else {}
    sets |= {f"Set5 x{s}": (folder_pairs(a.set5, s), s) for s in SCALES if a.set5}
    if a.evaluate:
        evaluate(load(a.evaluate)[0], sets)
        return
    keep_memory()
    work = a.work or a.out.parent
    work.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        a.hours,
        a.steps,
        a.rate,
        a.adam_rate,
        a.batch,
        a.patch,
        a.points,
        degraded=a.degraded,
        seed=a.seed,
        every=a.every,
    )
    training = Training(pictures, settings, start=load(a.weights)[0] if a.weights else None)
    checkpoint = work / "checkpoint.pt"
    if checkpoint.is_file():
        training.restore(torch.load(checkpoint, weights_only=False))
        if rank() == 0:
            print(f"going on after {training.taken} steps, {training.seconds / 3600:.2f} hours", flush=True)
    watched = {k: v for k, v in sets.items() if k in WATCHED}
    if "pairs x4" in watched:
        watched["pairs x4"] = (middles(watched["pairs x4"][0], 4), 4)
    train(training, work, watched)
    if rank():
        return
    save(training.averaged(), a.out, notes=_notes(training))
    evaluate(load(a.out)[0], sets)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the learned upscaler, or measure one.")
    parser.add_argument("--data", type=Path, help="folder of pictures")
    parser.add_argument("--hours", type=float, default=math.inf)
    parser.add_argument("--steps", type=int, default=2**62)
    parser.add_argument("--out", type=Path, help="file to write, .safetensors")
    parser.add_argument("--work", type=Path, help="folder of checkpoint and curve (default: beside --out)")
    parser.add_argument("--weights", type=Path, help="file whose weights the run starts from")
    parser.add_argument("--rate", type=float, default=Settings.rate)
    parser.add_argument("--adam-rate", type=float, default=Settings.adam_rate)
    parser.add_argument("--batch", type=int, default=Settings.batch, help="images per process and step")
    parser.add_argument("--patch", type=int, default=Settings.patch, help="pixels of a small image, per side")
    parser.add_argument("--points", type=int, default=Settings.points, help="rows and columns that the loss sees")
    parser.add_argument("--degraded", type=float, default=Settings.degraded, help="share of degraded batches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=float, default=Settings.every, help="seconds between checkpoints")
    parser.add_argument("--threads", type=int, default=1, help="two threads beside other processes wait for each other")
    parser.add_argument("--evaluate", type=Path, help="file to measure instead of training")
    parser.add_argument("--pairs", type=Path, help="folder of pairs to choose by")
    parser.add_argument("--set5", type=Path, help="folder of pairs to report")
    a = parser.parse_args()
    if not a.evaluate and (not a.data or not a.out or min(a.hours, a.steps) >= 2**62):
        parser.error("give --data, --out and --hours or --steps; or --evaluate")
    return a


if __name__ == "__main__":
    main()
