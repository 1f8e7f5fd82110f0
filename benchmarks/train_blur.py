"""Train the network that tells how an image is blurred, on a folder of pictures.

    python -m benchmarks.train_blur --data DIR --out blur.safetensors [--minutes M] [--pieces N]

It first cuts pieces of the pictures and reduces them by known kernels, and then trains on them for so many minutes.
Every 14th picture is held out; the errors that are printed are those of pieces of these. The width is told as
probabilities (cross entropy with a narrow bell around the true one), the shape as two numbers (squared error).
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import header
from benchmarks.blur_data import Pieces
from benchmarks.prior_data import photographs
from siren_sr import __version__
from siren_sr.superres.degradation.blur_network import NARROWEST, WIDEST, WIDTHS, Belief, BlurNetwork, save, widths

RATE, WARM_UP, END, DECAY = 3e-3, 100, 0.02, 1e-2
WATCHED = 3000  # held-out pieces
BATCH, MEAN = 64, 0.005  # pieces per update, and the share of the latest weights in their mean
SHAPE = 2.0  # weight of the shapes' errors
BELL = 0.6  # standard deviation of the bell, in steps between two widths


def turned(pieces: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Pieces and what is known of them, both turned and mirrored at random."""
    known = known.clone()
    mirrored = torch.rand(3) < 0.5
    for axis in (1, 2):
        if mirrored[axis]:
            pieces, known[:, 3] = pieces.flip(axis), -known[:, 3]
    if mirrored[0]:
        pieces, known = pieces.transpose(1, 2), known[:, [0, 2, 1, 3, 4]]
    return pieces, known


def targets(known: Tensor) -> tuple[Tensor, Tensor]:
    """The probabilities (B, 1 + WIDTHS) and the shapes (B, 2) that the network should tell."""
    variance = known[:, 1:3].mean(1).clamp(min=NARROWEST**2)
    place = (variance.sqrt() / NARROWEST).log() / math.log(WIDEST / NARROWEST) * (WIDTHS - 1)
    bells = torch.exp(-0.5 * ((torch.arange(WIDTHS) - place.clamp(max=WIDTHS - 1)[:, None]) / BELL) ** 2)
    sharp = known[:, :1]
    chances = torch.cat([sharp, (1 - sharp) * bells / bells.sum(1, keepdim=True)], 1)
    shape = torch.stack([(known[:, 1] - known[:, 2]) / 2, known[:, 3]], 1) / variance[:, None]
    return chances, (1 - sharp) * shape


def loss(found: Belief, known: Tensor) -> Tensor:
    """Cross entropy of the widths, and squared error of the shapes of blurred pieces."""
    chances, shape = targets(known)
    wrong = (found.shape.float() - shape).square().sum(1) * (1 - known[:, 0])
    return -(chances * found.logits.float().log_softmax(1)).sum(1).mean() + SHAPE * wrong.mean()


@torch.no_grad()
def report(model: BlurNetwork, pieces: Tensor, known: Tensor) -> str:
    """The errors of a network on held-out pieces."""
    parts = [model(p[:, None].float() / 255, k[:, 4]) for p, k in zip(pieces.split(200), known.split(200), strict=True)]
    found = Belief(torch.cat([p.logits for p in parts]), torch.cat([p.shape for p in parts]))
    chances, blurred = found.logits.softmax(1), known[:, 0] == 0
    logarithm = (chances[:, 1:] * widths().log()).sum(1) / chances[:, 1:].sum(1)
    true = known[:, 1:3].mean(1).clamp(min=NARROWEST**2).sqrt().log()
    wrong = (logarithm - true)[blurred].abs()
    sharp = float(chances[~blurred, 0].mean()), float(chances[blurred, 0].mean())
    return (
        f"loss {float(loss(found, known)):.3f}  width off by {float(wrong.mean()):.3f}, 90 % by less than "
        f"{float(wrong.quantile(0.9)):.3f} (logarithm)  called sharp: {sharp[0]:.2f} of sharp "
        f"pieces, {sharp[1]:.3f} of others"
    )


def train(pieces: Tensor, known: Tensor, held_out: tuple[Tensor, Tensor], minutes: float) -> BlurNetwork:
    """Train a network for so many minutes; the mean of its last weights."""
    model = BlurNetwork().to(memory_format=torch.channels_last)
    mean, optimizer = copy.deepcopy(model), torch.optim.AdamW(model.parameters(), RATE, weight_decay=DECAY)
    begin, updates = time.monotonic(), 0
    while (share := (time.monotonic() - begin) / 60 / minutes) < 1:
        rate = min(1, updates / WARM_UP) * (END + (1 - END) * (1 + math.cos(math.pi * share)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = RATE * rate
        chosen = torch.randint(len(pieces), (BATCH,))
        images, told = turned(pieces[chosen], known[chosen])
        with torch.autocast("cpu", torch.bfloat16):
            found = model(images[:, None].float() / 255, told[:, 4])
        wrong = loss(found, told)
        optimizer.zero_grad()
        wrong.backward()
        optimizer.step()
        updates += 1
        with torch.no_grad():
            for old, new in zip(mean.parameters(), model.parameters(), strict=True):
                old.lerp_(new, max(MEAN, 1 / (updates + 1)))
        if updates % 500 == 0:
            print(f"{60 * minutes * share:.0f} s  {updates} updates  {report(mean, *held_out)}", flush=True)
    print(f"end  {updates} updates  {report(mean, *held_out)}", flush=True)
    return mean


def _draw(pictures: list[Tensor], count: int, seed: int) -> tuple[Tensor, Tensor]:
    torch.set_num_threads(1)
    return Pieces(pictures, seed=seed).draw(count)


def main() -> None:
    """Read the arguments, cut the pieces, train, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--out", type=Path, required=True, help="file to write, .safetensors")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--pieces", type=int, default=40000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2, help="how many cut pieces")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.manual_seed(a.seed)
    print(header(threads=a.threads), flush=True)
    learning, held_out = photographs(a.data)
    watched = Pieces(held_out, seed=a.seed - 1).draw(WATCHED)
    with ProcessPoolExecutor(a.processes) as pool:
        counts = [a.pieces // a.processes] * a.processes
        drawn = pool.map(_draw, [learning] * a.processes, counts, range(a.seed, a.seed + a.processes))
        drawn = list(drawn)
    pieces, known = (torch.cat(parts) for parts in zip(*drawn, strict=True))
    print(f"{len(pieces)} pieces", flush=True)
    model = train(pieces, known, watched, a.minutes)
    notes = {"version": __version__, "pictures": "benchmarks/CREDITS.tsv", "licence": "MIT"}
    notes["trained"] = f"{a.minutes:g} minutes on {a.pieces} pieces, seed {a.seed}"
    save(model, a.out, notes=notes)


if __name__ == "__main__":
    main()
