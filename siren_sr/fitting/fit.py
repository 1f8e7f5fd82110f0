"""A signal as a network: what every task returns, and how it is rendered at any resolution, saved and loaded."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from siren_sr import arguments, io
from siren_sr.fitting import display, storage
from siren_sr.fitting.degradation import Degradation
from siren_sr.grids import coordinates, resampling
from siren_sr.grids.boundaries import Boundaries, per_axis
from siren_sr.network.layers import Activation
from siren_sr.network.protocol import Network
from siren_sr.signals import Assembly, Origin
from siren_sr.training.field import psnr_of
from siren_sr.training.history import History
from siren_sr.training.objectives import ObjectiveLike
from siren_sr.training.optimizers import OptimizerFactory, SchedulerFactory
from siren_sr.training.progress import Callback, Entry
from siren_sr.training.recipes import RecipeLike

SLAB = 1 << 16  # the number of points that are rendered before they are written into the result


@dataclass(frozen=True, repr=False)
class Fit:
    """A fitted network and what it stands for.

    Attributes:
        model: The network, which maps coordinates in [-1, 1]^D to values in [-1, 1].
        history: One `Entry` per step: ``step``, ``loss``, ``psnr``, ``seconds``, ``lr``; a tuple that shows itself.
        psnr: PSNR in dB of the finished network against what it was fitted to, relative to `data_range`.
        shape: Grid of the signal, (rows, columns) for an image.
        origin: What the user's data was; results are given back as the same kind of thing.
        align_corners: Whether the network was trained on a corner-aligned grid instead of pixel centres.
        base: Optional samples (C, *grid), on a grid of their own. The network's output is added to their bicubic
            interpolant.
        boundary: What lies beyond the edges, "mirror" or "wrap", for all axes or per axis. Along an axis that wraps,
            the network and the base are periodic.
        stopped: Whether a callback ended the training before its last step.
        made: How it was made, as plain values: the task, the seed and the recipe.
        prior: Where details come from that the image does not show: "photographs", or the name of the user's own
            upscaler. None: nothing but the signal was used.
        degradation: How the image came about, as `siren_sr.super_resolve` assumed or found it. None: no other task
            asks that.
    """

    model: Network
    history: tuple[Entry, ...]
    psnr: float
    shape: tuple[int, ...]
    origin: Origin
    align_corners: bool = False
    base: Tensor | None = None
    boundary: Boundaries = "mirror"
    stopped: bool = False
    prior: str | None = None
    degradation: Degradation | None = None
    made: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let the history show itself."""
        arguments.settle(self, history=History(self.history))

    def __repr__(self) -> str:
        """A line, however large the network and however long the training."""
        return f"Fit({display.summary(self)})"

    def _repr_html_(self) -> str:
        return display.as_html(self)  # a notebook asks for it

    def _repr_png_(self) -> bytes:
        return display.as_png(self)

    @property
    def data_range(self) -> float:
        """The length of the range that ``psnr`` is relative to, in units of the signal: 255 for an image of 8 bits.

        Of floating-point data it is their own range, from the least to the largest value.
        """
        return self.origin.high - self.origin.low

    @property
    def reconstruction(self) -> Any:
        """The signal as the network represents it, on its own grid, as the kind of thing that was given."""
        return self.render()

    @arguments.undisturbed()
    def render(
        self,
        *,
        scale: float | Sequence[float] | None = None,
        size: int | Sequence[int] | None = None,
        region: coordinates.Region | None = None,
    ) -> Any:
        """Evaluate the network at any resolution.

        Args:
            scale: Samples per original sample, > 0, as one number or one per axis (default: 1 if ``size`` is absent).
            size: Number of samples per axis, (rows, columns) for an image; give this or ``scale``.
            region: Part of the grid to render, a zoom: one (start, stop) per axis in original samples, with
                0 <= start < stop <= n. ``scale`` and ``size`` then refer to this part.

        Returns:
            The signal as the kind of thing that was given. For the path of an image this is a PIL image, or a uint16
            array for 16-bit colour; for the path of a sound it is an array of samples. Where `siren_sr.super_resolve`
            read a file whose EXIF orientation turns the picture, ``scale``, ``size`` and ``region`` refer to the
            picture as it is seen; the result is stored as the file was, with its orientation. Apart from the result
            itself, the memory that is needed does not depend on its size.

        Raises:
            ValueError: Both ``scale`` and ``size`` are given, the result would have no sample or too many, or the
                region is empty or not inside the grid.
            TypeError: ``scale`` is not made of numbers, or ``size`` is not made of integers.
        """
        region = None if region is None else self._region(region)
        size = self.rendered_size(scale=scale, size=size, region=region)
        axes = coordinates.axes(
            self.shape,
            size=size,
            region=region,
            align_corners=self.align_corners,
            device=self.model.device,
            dtype=self.model.dtype,
        )
        result = Assembly(self.origin, self.model.out_features, size)
        for start, values in self._slabs(axes):
            result.put(start, values)
        return result.package()

    def rendered_size(self, *, scale: Any = None, size: Any = None, region: Any = None) -> tuple[int, ...]:
        """Return the number of samples per axis that `render` gives for these arguments, which it explains."""
        extent = self.shape if region is None else [stop - start for start, stop in self._region(region)]
        scale = 1.0 if scale is None and size is None else scale
        return coordinates.grid_size(extent, scale=scale, size=size, channels=self.model.out_features)

    @arguments.undisturbed()
    def measure(self, values: Tensor) -> float:
        """Return the PSNR in dB of the network, before any clipping, against values on the signal's own grid.

        Args:
            values: Tensor (C, *grid) in [-1, 1].
        """
        if self.data_range == 0:
            return math.inf  # a constant comes back as it was
        axes = coordinates.axes(self.shape, align_corners=self.align_corners, device=values.device, dtype=values.dtype)
        total = 0.0
        for start, found in self._slabs(axes):
            # Not every device has float64, but the CPU has it.
            error = (found - values[:, start : start + found.shape[1]]).cpu()
            total += float(error.double().square().sum())
        return psnr_of(total / values.numel())

    def _slabs(self, axes: Sequence[Tensor]) -> Iterator[tuple[int, Tensor]]:
        """Yield pairs (first row, values) that cover a box of coordinates, about `SLAB` points at a time."""
        rows = max(1, SLAB // max(1, math.prod(len(a) for a in axes[1:])))
        base = None
        if self.base is not None:
            border = per_axis(self.boundary, len(axes))
            base = resampling.sample_bands(self.base.shape[1:], axes, border=border, like=self.base)
        for start in range(0, len(axes[0]), rows):
            with torch.no_grad():
                values = self.model.on_grid((axes[0][start : start + rows], *axes[1:]))
            if base is not None and self.base is not None:
                here = base[0].rows(start, start + rows)  # these rows of the matrix touch only a part of the base
                values = values + resampling.apply((here, *base[1:]), self.base)
            yield start, values

    def _region(self, region: coordinates.Region) -> list[tuple[float, float]]:
        try:
            entries = [(float(start), float(stop)) for start, stop in region]
        except (TypeError, ValueError, OverflowError, RuntimeError):
            entries = []
        if len(entries) != len(self.shape) or any(
            not 0 <= start < stop <= n for (start, stop), n in zip(entries, self.shape, strict=False)
        ):
            raise ValueError(
                f"region must hold one (start, stop) per axis with 0 <= start < stop <= n, n in {self.shape}, "
                f"got {region!r}"
            )
        return entries

    def resume(
        self,
        signal: Any,
        *,
        steps: int | None = None,
        recipe: RecipeLike | None = None,
        objective: ObjectiveLike = "mse",
        optimizer: OptimizerFactory | None = None,
        batch: int | None = None,
        scheduler: SchedulerFactory | None = None,
        precision: Literal["bf16"] | None = None,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        callback: Callback | None = None,
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        every: float = 60.0,
    ) -> Fit:
        """Go on training the network on the signal to which `siren_sr.fit_signal` fitted it.

        The arguments are those of `siren_sr.fit_signal`. The optimizer and its schedule begin anew, since a fit does
        not hold what they had learned: with the recipe "fast" the loss rises at first, and is lower in the end if there
        are some tens of steps. To go on gently pass an optimizer with a small rate. (To go on with a training that was
        killed, give it a ``checkpoint``, which holds all of it.)

        Args:
            signal: The signal again, of the same kind and size; a fit does not hold it.
            steps: Number of further steps (default: the recipe's).
            recipe: How to train, as are the following.
            objective: What to minimise.
            optimizer: Function from the parameters to an optimizer.
            batch: Number of samples per update.
            scheduler: Function from the optimizer to a scheduler.
            precision: "bf16" or None.
            generator: CPU generator that draws the batches (default: seed 0).
            device: Where to compute (default: where the network is).
            callback: Called after every step; returning True stops.
            progress: Whether to show a progress bar.
            checkpoint: File that holds what was reached.
            every: Seconds between two writings of it.

        Returns:
            A new `Fit`, whose history goes on from this one's in a stage of its own; this one stays as it is.

        Raises:
            ValueError: The fit is one of tiles, of `siren_sr.solve_poisson` or on a base, of which only its task can
                make a better one; the signal is another one; or as `siren_sr.fit_signal`.

        Examples:
            >>> from siren_sr import fit_signal
            >>> ramp = torch.linspace(0, 1, 64).reshape(1, 8, 8)
            >>> fit = fit_signal(ramp, hidden_features=16, steps=3)
            >>> [entry.step for entry in fit.resume(ramp, steps=2).history]
            [1, 2, 3, 4, 5]
        """
        from siren_sr.fitting.resume import resume  # it needs this file

        return resume(
            self,
            signal,
            steps=steps,
            recipe=recipe,
            objective=objective,
            optimizer=optimizer,
            batch=batch,
            scheduler=scheduler,
            precision=precision,
            generator=generator,
            device=device,
            callback=callback,
            progress=progress,
            checkpoint=checkpoint,
            every=every,
        )

    @arguments.undisturbed()
    def save(self, path: str | os.PathLike[str], *, metadata: str = "keep") -> None:
        """Write the network, the history and the configuration to a safetensors file, atomically.

        Two equal runs give equal files: the seconds of the history are not stored. The EXIF data and the XMP of an
        image file, and with them where a photograph was taken, are.

        Args:
            path: A path that ends in .safetensors.
            metadata: "keep", or "strip" to store nothing of the image file but its colour profile and orientation.

        Raises:
            ValueError: The path does not end in .safetensors, or ``metadata`` is unknown.
            OSError: The file cannot be written; nothing is left behind, and an existing file is untouched.
        """
        check_save_path(path)
        io.check_metadata(metadata)
        storage.write(path, *storage.contents(self, metadata=metadata))

    @staticmethod
    @arguments.undisturbed()
    def load(
        path: str | os.PathLike[str],
        *,
        device: torch.device | str | None = None,
        activation: Activation | None = None,
    ) -> Fit:
        """Read a fit that `save` wrote; nothing is unpickled.

        Args:
            path: A .safetensors file that `save` wrote.
            device: Device to which the network goes (default: the CPU).
            activation: The activation, if it was a callable of the user's own.

        Raises:
            OSError: The file is missing or cannot be read.
            ValueError: The file is damaged or not a fit of this library, there is no such device, or the activation has
                to be given and was not.
        """
        device = arguments.device(device)
        fit = Fit(**storage.read(path, activation=activation))
        if device is None:
            return fit
        fit.model.to(device)  # pyright: ignore[reportAttributeAccessIssue]
        base = None if fit.base is None else fit.base.to(device)
        return replace(fit, base=base, origin=replace(fit.origin, device=device))


def check_save_path(path: str | os.PathLike[str]) -> None:
    """Raise what `Fit.save` would raise for this path, so that this happens before hours of training.

    Raises:
        ValueError: The path does not end in .safetensors.
        OSError: The folder is missing or cannot be written.
    """
    io.check_tensors_path(path, what="a fit")
