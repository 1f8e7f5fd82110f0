"""Tasks for worker processes, which import them from here."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch


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
