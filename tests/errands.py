"""Images, and tasks for worker processes, which import them from here."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

from siren_sr import io


def make(folder, *names, side=12):
    """Small images; the first pixel of each is its number."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(names):
        pixels = rng.integers(0, 255, (side, side, 3), dtype=np.uint8)
        pixels.flat[0] = number
        Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
        io.write_image(Path(folder, name), pixels)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def statuses(report):
    return [result.status for result in report.results]


def numbered(count):
    return [f"{i}.png" for i in range(count)]


def name(image):
    """The image's number, which is its first pixel."""
    return int(image.pixels.flat[0])


def doubled(image):
    return image.pixels.repeat(2, 0).repeat(2, 1)


def noting(image, folder):
    """Writes who did which image with how many threads."""
    with open(Path(folder, "log"), "a") as stream:
        stream.write(f"{name(image)} {os.getpid()} {torch.get_num_threads()}\n")
    return doubled(image)


def dying(image, folder, once, always):
    """Kills its process over some images: the first time, or always."""
    flag = Path(folder, f"flag{name(image)}")
    if name(image) == always or (name(image) == once and not flag.exists()):
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return noting(image, folder)


def failing(image):
    """Raises all kinds of exceptions."""
    if name(image) == 1:
        sys.exit(3)
    if name(image) == 2:
        raise KeyError("two\nlines")
    if name(image) == 3:
        return np.ones(2**37 // 8)
    if name(image) == 4:
        return torch.zeros(2**36)  # another message, and another kind of exception
    if name(image) == 5:
        return "no image"
    return doubled(image)


def slow(image):
    time.sleep(0.05 if name(image) < 3 else 60)
    return doubled(image)


def upscale(image):
    """A user's upscaler."""
    return image.repeat_interleave(2, 2).repeat_interleave(2, 3)


def no_upscaler(image):
    return image.numpy()


def unhurried(image, folder):
    time.sleep(1)
    return noting(image, folder)
