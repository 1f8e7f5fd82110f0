"""Find or build the paper's images, 11 pairs that are made from the public validation folders of DIV2K."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from siren_sr import io, signals
from siren_sr.reproduce.report import Setup

NAMES = ("0803", "0804", "0805", "0807", "0810", "0812", "0813", "0817", "0818", "0826", "0827")
"""The images of the paper's repository. Both sides of their low-resolution versions are even; since the same holds for
other images as well, these names decide and not the rule."""

WHERE = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"
FOLDERS = ("DIV2K_valid_HR", "DIV2K_valid_LR_bicubic/X4")


def low(setup: Setup, name: str) -> Path:
    """Return the file of a low-resolution image.

    Raises:
        ValueError: ``setup`` names no folder of images.
        OSError: There is no such file; the message says where it belongs.
    """
    return _file(setup, f"{name}x4.png")


def high(setup: Setup, name: str) -> Path:
    """Return the file of a high-resolution image; the errors are those of `low`."""
    return _file(setup, f"{name}.png")


def read(setup: Setup, path: Path) -> Tensor:
    """Read an image file as a tensor (C, H, W) in [0, 1]."""
    return signals.as_signal(path, device=setup.device).unit


def chosen(setup: Setup, quick: int) -> tuple[str, ...]:
    """Return the names of the images to use: the user's, or else the paper's, of which a quick run takes the first."""
    return setup.images or NAMES[: setup.choose(len(NAMES), quick)]


def _file(setup: Setup, name: str) -> Path:
    if setup.data is None:
        raise ValueError(f"this experiment needs the paper's images: give their folder (with {name} in it) as --data")
    path = setup.data / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{name} is missing in {setup.data}: it belongs there as `siren-sr reproduce data --div2k DIR --out "
            f"{setup.data}` makes it from DIV2K's validation images ({WHERE})"
        )
    return path


def build(div2k: Path, out: Path, names: Sequence[str] = NAMES) -> list[Path]:
    """Make the paper's pairs: both images of a pair are halved in size by Pillow's Lanczos.

    Args:
        div2k: Folder that holds DIV2K_valid_HR and DIV2K_valid_LR_bicubic/X4, as DIV2K's archives unpack.
        out: Folder for NAME.png and NAMEx4.png; it is made if it is missing.
        names: Names of the images.

    Returns:
        The files that were written.

    Raises:
        OSError: A file is missing or cannot be read or written.
        ValueError: A low-resolution image has an odd side, which the paper's rule leaves out, or is not a quarter of
            its partner.
    """
    from PIL import Image

    pairs = []
    for name in names:  # all images are checked before any is written
        high_file = div2k / FOLDERS[0] / f"{name}.png"
        low_file = div2k / FOLDERS[1] / f"{name}x4.png"
        for file in (high_file, low_file):
            if not file.is_file():
                raise FileNotFoundError(
                    f"{file} is missing: DIV2K's validation archives, {FOLDERS[0]} and {FOLDERS[1].split('/')[0]}_X4, "
                    f"unpack to it ({WHERE})"
                )
        images = [io.read_image(file).pixels for file in (high_file, low_file)]
        (height, width), (h, w) = (image.shape[:2] for image in images)
        if h % 2 or w % 2:
            raise ValueError(f"{low_file} is {h}x{w}: the paper takes images with two even sides only")
        if (height, width) != (4 * h, 4 * w):
            raise ValueError(f"{high_file} is {height}x{width}, not four times {low_file}, {h}x{w}")
        pairs.append((name, images))
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, images in pairs:
        for image, file in zip(images, (f"{name}.png", f"{name}x4.png"), strict=True):
            size = (image.shape[1] // 2, image.shape[0] // 2)
            half = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
            io.write_image(out / file, half)
            written.append(out / file)
    return written
