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

A GPU does in minutes what two cores do in a day (--device cuda); give it larger batches.

One crop in 20 is of a drawing (benchmarks.prior_drawings), so that text and line art keep their edges. Every 14th
picture is held out. The curve shows the luma PSNR of their middles and, where --pairs and --set5 are given,
of these pairs (DIR as in `benchmarks.super_resolution`); nothing is trained on them.
"""

from __future__ import annotations

import argparse
import ctypes
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed

from benchmarks import header
from benchmarks.prior_data import photographs
from benchmarks.prior_quality import Pair, crops, folder_pairs, middles, psnr, report, robustness, write_curve
from benchmarks.prior_training import Settings, Training, rank
from siren_sr import __version__
from siren_sr.superres.learned import LearnedUpscaler, load, save

FALL = 0.5  # dB on held-out pictures, from one checkpoint to the next, that mean a collapse
SCALES = (2, 3, 4)
WATCHED = ("held out x2", "held out x4", "pairs x4", "Set5 x4")  # sets that the curve shows


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
            training.restore(_read(work / "checkpoint.pt", training))
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


def _read(path: Path, training: Training) -> dict[str, Any]:
    return torch.load(path, weights_only=False, map_location=training.device)


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
    title = header(a.device, threads=a.threads)
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
        evaluate(load(a.evaluate)[0].to(a.device), sets)
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
        squares_from=a.squares_from,
        device=a.device,
    )
    training = Training(pictures, settings, start=load(a.weights)[0] if a.weights else None)
    checkpoint = work / "checkpoint.pt"
    if checkpoint.is_file():
        training.restore(_read(checkpoint, training))
        if rank() == 0:
            print(f"going on after {training.taken} steps, {training.seconds / 3600:.2f} hours", flush=True)
    watched = {k: v for k, v in sets.items() if k in WATCHED}
    if "pairs x4" in watched:
        watched["pairs x4"] = (middles(watched["pairs x4"][0], 4), 4)
    train(training, work, watched)
    if rank():
        return
    save(training.averaged(), a.out, notes=_notes(training))
    evaluate(load(a.out)[0].to(a.device), sets)


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
    parser.add_argument("--squares-from", type=float, default=1.0, help="share of the run, after which squares count")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
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
