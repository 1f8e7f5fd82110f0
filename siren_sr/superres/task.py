"""Super resolution of a single image: section 3.4 of the paper, and better."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siren_sr import arguments
from siren_sr.fitting.fit import Fit
from siren_sr.grids import coordinates
from siren_sr.grids.boundaries import Boundaries, Frame
from siren_sr.io import ImageFile, Source, check_memory
from siren_sr.signals import Signal, is_batch, members, stacked, with_holes
from siren_sr.superres import assumed, given
from siren_sr.superres.compression.compressed import Compressed
from siren_sr.superres.compression.finding import Compression
from siren_sr.superres.execution import enlarge
from siren_sr.superres.options import Scale, StrategyName, SuperResolveOptions
from siren_sr.superres.picture.quality import Quality
from siren_sr.superres.plan import Strategy
from siren_sr.superres.proposals import Proposals
from siren_sr.superres.upscaler import Prior
from siren_sr.training.checkpoint import open_checkpoint
from siren_sr.training.progress import Callback, Monitor

if TYPE_CHECKING:
    import PIL.Image

    Image = TypeVar("Image", Tensor, np.ma.MaskedArray[Any, Any], NDArray[Any], PIL.Image.Image)

DEFAULT = SuperResolveOptions()
DEFAULT_SCALE = 4
# The arrays as large as the result that are in memory at once, as measured on results of 1024x1024 to 2048x2048.
COPIES = {"fast": 9, "prior": 17, "no prior": 22, "fit": 5}
PLANES = 18  # the arrays as large as the image that the set of a JPEG file takes


@overload
def super_resolve(
    image: Image,
    scale: Scale | None = ...,
    *,
    size: Sequence[int] | None = ...,
    quality: Quality = ...,
    kernel: Any = ...,
    noise: float | Literal["auto"] | None = ...,
    prior: Prior | Literal["photographs"] | None = ...,
    boundary: Boundaries = ...,
    compression: Compression = ...,
    strategy: StrategyName | str | Strategy = ...,
    steps: int | None = ...,
    align_corners: bool = ...,
    generator: torch.Generator | None = ...,
    device: torch.device | str | None = ...,
    callback: Callback | None = ...,
    progress: bool = ...,
    max_memory: float | None = ...,
    checkpoint: str | os.PathLike[str] | None = ...,
    every: float = ...,
    return_fit: Literal[False] = ...,
) -> Image: ...
@overload
def super_resolve(
    image: Source | ImageFile,
    scale: Scale | None = ...,
    *,
    size: Sequence[int] | None = ...,
    quality: Quality = ...,
    kernel: Any = ...,
    noise: float | Literal["auto"] | None = ...,
    prior: Prior | Literal["photographs"] | None = ...,
    boundary: Boundaries = ...,
    compression: Compression = ...,
    strategy: StrategyName | str | Strategy = ...,
    steps: int | None = ...,
    align_corners: bool = ...,
    generator: torch.Generator | None = ...,
    device: torch.device | str | None = ...,
    callback: Callback | None = ...,
    progress: bool = ...,
    max_memory: float | None = ...,
    checkpoint: str | os.PathLike[str] | None = ...,
    every: float = ...,
    return_fit: Literal[False] = ...,
) -> PIL.Image.Image | NDArray[np.uint16]: ...
@overload
def super_resolve(
    image: Any,
    scale: Scale | None = ...,
    *,
    size: Sequence[int] | None = ...,
    quality: Quality = ...,
    kernel: Any = ...,
    noise: float | Literal["auto"] | None = ...,
    prior: Prior | Literal["photographs"] | None = ...,
    boundary: Boundaries = ...,
    compression: Compression = ...,
    strategy: StrategyName | str | Strategy = ...,
    steps: int | None = ...,
    align_corners: bool = ...,
    generator: torch.Generator | None = ...,
    device: torch.device | str | None = ...,
    callback: Callback | None = ...,
    progress: bool = ...,
    max_memory: float | None = ...,
    checkpoint: str | os.PathLike[str] | None = ...,
    every: float = ...,
    return_fit: Literal[True],
) -> Fit: ...
def super_resolve(
    image: Any,
    scale: Scale | None = DEFAULT.scale,
    *,
    size: Sequence[int] | None = DEFAULT.size,
    quality: Quality = DEFAULT.quality,
    kernel: Any = DEFAULT.kernel,
    noise: float | Literal["auto"] | None = DEFAULT.noise,
    prior: Prior | Literal["photographs"] | None = DEFAULT.prior,
    boundary: Boundaries = DEFAULT.boundary,
    compression: Compression = DEFAULT.compression,
    strategy: StrategyName | str | Strategy = DEFAULT.strategy,
    steps: int | None = DEFAULT.steps,
    align_corners: bool = DEFAULT.align_corners,
    generator: torch.Generator | None = DEFAULT.generator,
    device: torch.device | str | None = DEFAULT.device,
    callback: Callback | None = DEFAULT.callback,
    progress: bool = DEFAULT.progress,
    max_memory: float | None = DEFAULT.max_memory,
    checkpoint: str | os.PathLike[str] | None = DEFAULT.checkpoint,
    every: float = DEFAULT.every,
    return_fit: bool = DEFAULT.return_fit,
) -> Any:
    """Enlarge one image.

    Args:
        image: Tensor (C, H, W), (H, W) or a batch (B, C, H, W), also a ``torchvision.tv_tensors.Image``; array
            (H, W[, C]) or (B, H, W, C); PIL image; path, content or open file.
            Floats, uint8 or uint16; gray, RGB, with alpha, which is one more channel. Of PIL images and
            files it is known which channel that is, and colours that are wholly transparent are replaced by those
            around them; of tensors and arrays no channel is taken for alpha. Floats may have any range: the result does
            not depend on their scale and offset, but it stays in [0, 1] where the image does.
            NaN is refused. Unknown values, as in depth maps, are holes of a masked array, such as
            ``numpy.ma.masked_invalid(depth)``: they are filled smoothly, and hidden in the result. Beside holes
            nothing is estimated, and there is no `Fit`.
        scale: Enlargement, any real number >= 1, or one per axis (rows, columns); 1 mends what ``compression`` or
            ``noise`` did. Default: 4 if ``size`` is absent.
        size: Or the size wanted, (H, W), not smaller than the image.
        quality: "fast", "standard" or "best": how long to try (the guide has seconds and dB).
        kernel: The downsampling that made the image: "bicubic" (MATLAB's ``imresize``), another name of
            ``siren_sr.grids.resampling.KERNELS`` such as "box", a number, which is the standard deviation of a Gaussian
            in pixels of the result, a 2-D array of weights on such pixels, or "estimate": a Gaussian that is found in
            the image, or "bicubic" where it is not more blurred than that. `Fit.degradation` tells which.
        noise: Standard deviation of the image's noise, in units of floats, where integers of 8 or 16 bits count as
            [0, 1]; 10/255 of an 8-bit image is visible. "auto" estimates it, which finds exactly 0 in images without
            noise. Default: "auto" for files and PIL images, 0 for tensors and arrays. `Fit.degradation` tells it.
        prior: Where the details come from that the image does not show. "photographs" (the default) asks a network that
            is shipped with the library and has learned from other photographs, in eight orientations. Unless the
            quality is "fast", a copy of it learns from the image before, from ×1.9 on, and from ×3 on it also enlarges
            the image in two stages; the picture is the mean. It knows scales from 1.25 to 8 (from 1 for compressed
            images), ``kernel="bicubic"`` and narrow Gaussians, and noise up to 25/255; other images are enlarged as
            without it.
            None uses nothing but the image: a search, by the image's own edges and repetitions, which takes longer and
            invents nothing. Or your own upscaler, (1, C, h, w) float32 in [0, 1] -> (1, C, H, W) in [0, 1], a
            pretrained network for example. It is given floats in [0, 1] as they are and others brought there; all
            channels, alpha too; once, and with "best" in eight orientations. The picture of a prior, resized if it has
            another size, is moved to the nearest one that explains the image (with ``noise``, only as far as the image
            is to be believed). `Fit.prior` says what was used.
        boundary: "wrap" where the image is one period of a larger one, such as a texture that is laid as tiles: so is
            the result then, and at a whole scale rolling the image rolls the result, up to rounding with a prior. Or
            one per axis (rows, columns), such as ("mirror", "wrap") for a panorama of 360°. The image is enlarged
            together with 24 or more pixels of its surroundings, which a prior of yours sees too; at other scales it
            takes as many until pixels of the image and of the result begin together, at most one more image on each
            side. By default, "mirror", beyond the edges lies the mirror image.
        compression: How the image was compressed. "auto" (the default) believes the file: of a JPEG's path, content or
            `siren_sr.io.ImageFile` its quantization tables and coefficients are used, of a PIL image its tables, and
            other images of 8 bits from files are recognised where their pixels show for certain that they were a JPEG.
            Then D x is not the image, but one of the images that the file may have been made of, and ``scale=1``
            removes traces of compression alone. Tensors and arrays are taken as not compressed. "jpeg" recognises them
            as well, and is an error where nothing is found. `siren_sr.io.JpegTables` says the tables of an image that
            was decoded, but not changed since. None: the image is taken as it is.
        strategy: "consistent" (the default), the paper's "basic", "trick1", "trick2", or a function
            `Problem` -> `Plan`.
        steps: Training steps. With "consistent" they are those of every group of tiles, where a fit is asked for; with
            the paper's strategies they are all steps, and their 5000 epochs are scaled in proportion. Default: the
            strategy's own number.
        align_corners: Corner-aligned grids, as in the paper's code, instead of pixel centres. "consistent" accepts
            pixel centres only.
        generator: CPU generator of the initial weights (default: seed 0, so that a call repeats itself; the global
            random state is never touched).
        device: Where to compute (default: where the tensor is, or the CPU).
        callback: Called after every step with a `Progress`. Once it returns True, it is not called again and nothing
            more is computed: the result is what there is by then, and any further images of a batch are enlarged by
            bicubic interpolation only. A `Fit` says so in ``stopped``.
        progress: Whether to show a progress bar, on a terminal or in a notebook; nothing is shown by default.
        max_memory: Bytes that may be used, by a rough estimate (default: those that are free). Work that would need
            more is refused before it begins.
        checkpoint: Path of a .safetensors file that holds what was reached, so that little is lost when the process
            dies: the same call goes on from there, and ends with the same bits on a CPU. A file of another call that
            has not come to its end is refused. The file stays when the call is complete, and the same call then
            returns at once; delete it when the result is safe, or let another call replace it.
        every: Seconds between two writings of it.
        return_fit: Return the `Fit`, a continuous image that renders at any resolution. Only then do networks learn to
            represent the picture that "consistent" finds: at the size asked for, the result is that picture.

    Returns:
        An image of the same kind, element type and channels as the input. A path gives a PIL image (a uint16 array
        for 16-bit colour, which PIL cannot hold). A file whose EXIF orientation turns the picture is worked on as it is
        seen: so are ``scale``, ``size``, ``kernel`` and ``prior`` meant. The result is stored turned as the file was.

    Raises:
        ValueError: A bad image, scale, size, kernel, noise, compression, device or result of the prior, an unknown
            strategy or quality, an option that the strategy would make ignored, or a training that diverged.
        TypeError: Unsupported kinds.
        OSError: A file that cannot be read.
        KeyboardInterrupt: Ctrl-C. Its attribute ``result`` holds what was reached, just as if the callback had returned
            True then, unless it came before the first step. A second Ctrl-C ends the call at once, without it.

    Examples:
        >>> super_resolve(np.zeros((5, 8), np.uint8), scale=1.5, steps=1).shape
        (8, 12)
    """
    options = SuperResolveOptions(
        scale=scale,
        size=size,
        quality=quality,
        kernel=kernel,
        noise=noise,
        prior=prior,
        boundary=boundary,
        compression=compression,
        strategy=strategy,
        steps=steps,
        align_corners=align_corners,
        generator=generator,
        device=device,
        callback=callback,
        progress=progress,
        max_memory=max_memory,
        checkpoint=checkpoint,
        every=every,
        return_fit=return_fit,
    )
    with arguments.undisturbed():
        many, filled = is_batch(image), given.without_holes(image, options)
        each = list(members(filled)) if many else [filled]
        data = [given.read(one, options) for one in each]
        known = [given.compressed(*pair, options) for pair in zip(each, data, strict=True)]
        file = open_checkpoint(options, [one.values for one in data], known)
        with Monitor(callback, file, bar=options.progress) as monitor:
            results = _results(data, known, options, monitor)
            result: Any = results[0] if not many else results if return_fit else stacked(results, filled)
            result = result if filled is image else with_holes(result, image)
            monitor.end(result)
    return result


def _results(
    data: Sequence[Signal], known: Sequence[Compressed | None], options: SuperResolveOptions, monitor: Monitor
) -> list[Any]:
    """The images enlarged, which have the same shape, or their fits; ``known`` is how they were compressed."""
    channels = len(data[0].values)
    work = "no prior" if options.prior is None else "fast" if options.quality == "fast" else "prior"
    size = result_size(data[0].shape, scale=options.scale, size=options.size, channels=channels)
    copies = COPIES[work] + COPIES["fit"] * options.return_fit
    if any(known):
        copies += PLANES * math.prod(data[0].shape) / math.prod(size)
    check_memory(
        (max(3, channels), *Frame.around(data[0].shape, size, options.boundary).outer_size),
        "float32",
        copies=copies,
        max_memory=options.max_memory,
        what=f"to enlarge it to {size[0]}x{size[1]}",
        advice="enlarge parts of it, with siren_sr.fleet.super_resolve_windows",
    )
    found = [
        replace(assumed.degradation(one, size, options), compression=None if it is None else it.tables)
        for one, it in zip(data, known, strict=True)
    ]
    # Images of one kind are worked on together. The range of each is its own, and its noise another share of it; where
    # kernels are estimated, each has its own.
    kinds = [
        (assumed.share(one, it.noise), 0.0 if jpeg is None else jpeg.strength, i if options.estimates_kernel else 0)
        for i, (one, it, jpeg) in enumerate(zip(data, found, known, strict=True))
    ]
    asked: dict[int, tuple[Callable[[], Tensor | None], str | None]] = {}
    for kind in dict.fromkeys(kinds):
        numbers = [i for i, other in enumerate(kinds) if other == kind]
        chosen = replace(options, kernel=found[numbers[0]].kernel) if options.estimates_kernel else options
        chosen_data, chosen_known = [data[i] for i in numbers], [known[i] for i in numbers]
        proposals = Proposals(chosen_data, size, chosen, monitor, noise=kind[0], compressed=chosen_known)
        asked |= {i: (functools.partial(proposals.picture, j), proposals.name) for j, i in enumerate(numbers)}
    return [
        enlarge(one, size, *asked[i], options, found[i], monitor, compressed=known[i]) for i, one in enumerate(data)
    ]


def result_size(shape: Sequence[int], *, scale: Any, size: Any, channels: int) -> tuple[int, int]:
    """The size (H, W) of the result for an image (h, w), by the arguments of `super_resolve`.

    Raises:
        ValueError: It is smaller than the image, too large, or both ``scale`` and ``size`` are given.
        TypeError: ``scale`` is not made of numbers, or ``size`` is not made of integers.
    """
    scale = DEFAULT_SCALE if scale is None and size is None else scale
    height, width = coordinates.grid_size(shape, scale=scale, size=size, channels=channels)
    if height < shape[0] or width < shape[1]:
        raise ValueError(
            f"the result would be {height}x{width}, smaller than the image, {shape[0]}x{shape[1]}: "
            "scale must be >= 1 on each axis (to shrink an image use siren_sr.grids.resampling.resize)"
        )
    return height, width
