"""What is done with one image: the message that a worker gets, and what it sends back.

A worker sends the content of the finished file. It is the process that gave the work which then writes it, whole or not
at all: a worker that dies leaves nothing behind, and no image is written twice.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from siren_sr import io
from siren_sr.superres import super_resolve
from siren_sr.superres.options import SuperResolveOptions
from siren_sr.superres.task import result_size
from siren_sr.training.notes import Notes

Task = Callable[[io.ImageFile], Any]
"""A function of an image as `siren_sr.io.read_image` gives it, which returns a PIL image or an array (H, W[, C])."""

NOT_HERE = {
    "callback": "progress is told image by image: give run(callback=)",
    "progress": "progress is told image by image: give run(callback=)",
    "generator": "every image begins with the same random numbers: give seed=",
    "return_fit": "results are images; a callable task may write fits",
}


@dataclass(frozen=True)
class SuperResolve:
    """`siren_sr.super_resolve` with its options, as a task that can be sent to workers.

    Attributes:
        options: The options of `siren_sr.super_resolve`.
        seed: Of the random numbers with which every image begins.

    Raises:
        ValueError: An option that is out of range, or that makes no sense for many images.
        TypeError: An option that does not exist, or of another kind.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the options."""
        for name, reason in NOT_HERE.items():
            if name in self.options:
                raise ValueError(f"{name}= is not for many images: {reason}")
        SuperResolveOptions(**self.options)

    def __call__(self, image: Any) -> Any:
        """Enlarge one image."""
        return super_resolve(image, **self.options, generator=torch.Generator().manual_seed(self.seed))


@dataclass(frozen=True)
class Answer:
    """What a worker sends back.

    Attributes:
        data: The content of the result's file.
        notes: What the library logged of its choices: whether a prior was asked, for example.
    """

    data: bytes
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Errand:
    """An image on its way to a worker.

    Attributes:
        task: What to do.
        source: The file of the image.
        suffix: Extension of the result's file, which sets its format.
        data: The content of the file, for workers that may not see it; None lets the worker read it.
        folder: Where the worker may write for a moment; None for the usual place.
    """

    task: Task
    source: str
    suffix: str
    data: bytes | None = None
    folder: str | None = None

    def __call__(self) -> Answer:
        """Do it.

        Raises:
            Exception: Whatever reading, the task or writing raises.
        """
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="siren-sr-") as folder:
            target = os.path.join(folder, "output" + self.suffix)
            image = self._read(folder)
            channels = 1 if image.pixels.ndim == 2 else image.pixels.shape[2]
            if isinstance(self.task, SuperResolve):  # what another task returns is not known before
                seen, options = io.upright_image(image), self.task.options
                size = result_size(
                    seen.pixels.shape[:2], scale=options.get("scale"), size=options.get("size"), channels=channels
                )
                io.check_writable(target, channels=channels, dtype=image.pixels.dtype, shape=size, like=seen)
            with Notes() as notes:
                result = self.task(image)
            # A picture that tells nothing of itself lies as the file stores it.
            io.save(result if hasattr(result, "getbands") else np.asarray(result), target, like=image)
            with open(target, "rb") as stream:
                return Answer(stream.read(), tuple(notes.lines))

    def _read(self, folder: str) -> io.ImageFile:
        if self.data is None:
            return io.read_image(self.source)
        copy = os.path.join(folder, "input")
        with open(copy, "wb") as stream:
            stream.write(self.data)
        try:
            return io.read_image(copy)
        except (OSError, ValueError, MemoryError) as error:
            raise type(error)(str(error).replace(copy, self.source)) from error


def described(error: BaseException) -> str:
    """Return what is told of an error, in one line."""
    text = " ".join(str(error).split())
    if io.is_lack_of_memory(error, text):
        return f"not enough memory ({text[:200]}): use fewer workers, smaller images or a smaller scale"
    if isinstance(error, ValueError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
