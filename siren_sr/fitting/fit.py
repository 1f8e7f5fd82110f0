"""A signal as a network: what every task returns, and how it is rendered at any resolution, saved and loaded."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from siren_sr import arguments, io
from siren_sr.grids import coordinates, resampling
from siren_sr.network.layers import Activation
from siren_sr.network.protocol import Network
from siren_sr.network.siren import Siren
from siren_sr.network.tiled import TiledSiren
from siren_sr.signals import Assembly, Origin
from siren_sr.training.field import psnr_of
from siren_sr.training.objectives import ObjectiveLike
from siren_sr.training.optimizers import OptimizerFactory, SchedulerFactory
from siren_sr.training.progress import Callback, Entry
from siren_sr.training.recipes import RecipeLike

FORMAT = "siren_sr.fit.1"  # the name and version of the file format, which every saved fit carries
SLAB = 1 << 16  # the number of points that are rendered before they are written into the result


@dataclass(frozen=True)
class Fit:
    """A fitted network and what it stands for.

    Attributes:
        model: The network, which maps coordinates in [-1, 1]^D to values in [-1, 1].
        history: One `Entry` per step: ``step``, ``loss``, ``psnr``, ``seconds``, ``lr``.
        psnr: PSNR in dB of the finished network against what it was fitted to; the data range is the user's range.
        shape: Grid of the signal, (rows, columns) for an image.
        origin: What the user's data was; results are given back as the same kind of thing.
        align_corners: Whether the network was trained on a corner-aligned grid instead of pixel centres.
        base: Optional samples (C, *grid), on a grid of their own. The network's output is added to their bicubic
            interpolant.
        stopped: Whether a callback ended the training before its last step.
        prior: Where details come from that the image does not show: "photographs", or the name of the user's own
            upscaler. None: nothing but the signal was used.
    """

    model: Network
    history: tuple[Entry, ...]
    psnr: float
    shape: tuple[int, ...]
    origin: Origin
    align_corners: bool = False
    base: Tensor | None = None
    stopped: bool = False
    prior: str | None = None

    @property
    def reconstruction(self) -> Any:
        """The signal as the network represents it, on its own grid, as the kind of thing that was given."""
        return self.render()

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
        extent = self.shape if region is None else [stop - start for start, stop in region]
        scale = 1.0 if scale is None and size is None else scale
        size = coordinates.grid_size(extent, scale=scale, size=size, channels=self.model.out_features)
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

    def measure(self, values: Tensor) -> float:
        """Return the PSNR in dB of the network, before any clipping, against values on the signal's own grid.

        Args:
            values: Tensor (C, *grid) in [-1, 1].
        """
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
        base = None if self.base is None else resampling.sample_bands(self.base.shape[1:], axes, like=self.base)
        for start in range(0, len(axes[0]), rows):
            with arguments.undisturbed(), torch.no_grad():
                values = self.model.on_grid((axes[0][start : start + rows], *axes[1:]))
            if base is not None and self.base is not None:
                here = base[0].rows(start, start + rows)  # these rows of the matrix touch only a part of the base
                values = values + resampling.apply((here, *base[1:]), self.base)
            yield start, values

    def _region(self, region: coordinates.Region) -> list[tuple[float, float]]:
        entries = [(float(start), float(stop)) for start, stop in region]
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
            checkpoint=checkpoint,
            every=every,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network, the history and the configuration to a safetensors file, atomically.

        Args:
            path: A path that ends in .safetensors.

        Raises:
            ValueError: The path does not end in .safetensors.
            OSError: The file cannot be written; nothing is left behind, and an existing file is untouched.
        """
        check_save_path(path)
        tensors = {f"model.{k}": v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()}
        rows = [[getattr(e, f.name) for f in fields(Entry)] for e in self.history]
        tensors["history"] = torch.tensor(rows, dtype=torch.float64).reshape(len(rows), len(fields(Entry)))
        if self.base is not None:
            tensors["base"] = self.base.detach().cpu().contiguous()
        carried = self.origin.info if isinstance(self.origin.info, io.ImageFile) else None
        # A rendering can then carry what the image file held beside its pixels.
        for name in _CARRIED:
            block = getattr(carried, name, None)
            if block:
                tensors[f"file.{name}"] = torch.frombuffer(bytearray(block), dtype=torch.uint8)
        meta = {
            "format": FORMAT,
            "file": None if carried is None else carried.format,
            "network": type(self.model).__name__,
            "model": self.model.config(),
            "fit": {
                "psnr": self.psnr,
                "shape": self.shape,
                "low": self.origin.low,
                "high": self.origin.high,
                "align_corners": self.align_corners,
                "sample_rate": self.origin.sample_rate,
                "stopped": self.stopped,
                "prior": self.prior,
                "kind": {name: getattr(self.origin, name) for name in _KIND},
            },
        }
        io.write_tensors(path, tensors, meta, what="a fit")

    @staticmethod
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
        return _load(path, device=device, activation=activation)


def check_save_path(path: str | os.PathLike[str]) -> None:
    """Raise what `Fit.save` would raise for this path, so that this happens before hours of training.

    Raises:
        ValueError: The path does not end in .safetensors.
        OSError: The folder is missing or cannot be written.
    """
    io.check_tensors_path(path, what="a fit")


_CARRIED = ("exif", "icc_profile", "xmp")  # the blocks of an image file that a fit keeps
_KIND = ("container", "dtype", "channels", "dims", "clip", "turn")  # the fields of an `Origin` that are saved as such
NETWORKS: dict[str, type[Siren] | type[TiledSiren]] = {"Siren": Siren, "TiledSiren": TiledSiren}


def _load(path: Any, *, device: Any, activation: Activation | None) -> Fit:
    device = arguments.device(device)
    meta, tensors = io.read_tensors(path, format=FORMAT, what="a fit")
    try:
        fit = _rebuild(meta, tensors, activation)
    except (LookupError, TypeError, AttributeError, StopIteration, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"{os.fspath(path)!r} is damaged: {type(error).__name__}: {text}") from error
    if device is None:
        return fit
    fit.model.to(device)
    base = None if fit.base is None else fit.base.to(device)
    return replace(fit, base=base, origin=replace(fit.origin, device=device))


def _rebuild(meta: dict[str, Any], tensors: dict[str, Tensor], activation: Activation | None) -> Fit:
    """Build the fit from what `Fit.save` collected, on the CPU."""
    state = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    network = NETWORKS[meta["network"]]
    model = network.from_config(meta["model"], like=next(iter(state.values())), activation=activation)
    model.load_state_dict(state)
    base = tensors.get("base")
    base = None if base is None else base.to(next(model.parameters()))
    history = tuple(Entry.of(row) for row in tensors["history"].tolist())
    exif, icc_profile, xmp = (
        tensors[f"file.{name}"].numpy().tobytes() if f"file.{name}" in tensors else None for name in _CARRIED
    )
    info = None
    if meta["file"]:
        nothing = np.empty((0, 0), np.uint8)
        info = io.ImageFile(nothing, meta["file"], exif=exif, icc_profile=icc_profile, xmp=xmp)
    fit = meta["fit"]
    origin = Origin(**fit["kind"], low=fit["low"], high=fit["high"], sample_rate=fit["sample_rate"], info=info)
    return Fit(
        model=model.eval(),
        history=history,
        psnr=fit["psnr"],
        shape=tuple(fit["shape"]),
        origin=origin,
        align_corners=fit["align_corners"],
        base=base,
        stopped=fit["stopped"],
        prior=fit.get("prior"),
    )
