"""`SuperResolve`, super resolution as a transform for pipelines of torchvision (v2) and of kornia.

Importing this file loads torchvision; ``import siren_sr`` does not.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from siren_sr.grids.boundaries import Boundaries
from siren_sr.grids.coordinates import grid_size
from siren_sr.superres.compression.finding import Compression
from siren_sr.superres.options import Scale, StrategyName, SuperResolveOptions
from siren_sr.superres.picture.quality import Quality
from siren_sr.superres.plan import Strategy
from siren_sr.superres.task import DEFAULT, DEFAULT_SCALE, super_resolve
from siren_sr.superres.upscaler import Prior


class SuperResolve(v2.Transform):
    """Enlarge images: PIL images, ``tv_tensors.Image``, and tensors (..., C, H, W), of one kind in and out.

    A sample may hold more than an image: videos are enlarged frame by frame, masks, bounding boxes and key points are
    brought to the new size by torchvision, and everything else passes through. In a pipeline of kornia
    (``kornia.augmentation.ImageSequential``) it stands like any module: a batch (B, C, H, W) goes in and out.

    Args:
        scale: Enlargement, any real number >= 1, or one per axis (rows, columns).
        quality: "fast", "standard" or "best".
        kernel: The downsampling that made the images.
        noise: Standard deviation of the images' noise, for images in [0, 1], or "auto".
        prior: "photographs" (the default), None for nothing but the image, or your own upscaler.
        boundary: "wrap" for textures that are laid as tiles.
        compression: How the images were compressed.
        strategy: Name of a strategy, or a function `siren_sr.superres.Problem` -> plan.
        steps: Training steps (default: the strategy's own number).
        device: Where to compute (default: where the tensor is, or the CPU).

    Raises:
        ValueError: As `siren_sr.super_resolve`, when the transform is made as far as the options tell.
        TypeError: Likewise.

    `siren_sr.super_resolve` tells more of every option. A call repeats itself: the initial weights have seed 0.

    Examples:
        >>> SuperResolve(2, quality="fast")(torch.zeros(3, 8, 8)).shape
        torch.Size([3, 16, 16])
    """

    def __init__(
        self,
        scale: Scale = DEFAULT_SCALE,
        *,
        quality: Quality = DEFAULT.quality,
        kernel: Any = DEFAULT.kernel,
        noise: float | Literal["auto"] | None = DEFAULT.noise,
        prior: Prior | Literal["photographs"] | None = DEFAULT.prior,
        boundary: Boundaries = DEFAULT.boundary,
        compression: Compression = DEFAULT.compression,
        strategy: StrategyName | str | Strategy = DEFAULT.strategy,
        steps: int | None = DEFAULT.steps,
        device: torch.device | str | None = DEFAULT.device,
    ) -> None:
        super().__init__()
        if scale is None or min(grid_size((16, 16), scale=scale)) < 16:
            raise ValueError(f"scale must be >= 1 on each axis, got {scale!r}")
        self.options = SuperResolveOptions(
            scale=scale,
            quality=quality,
            kernel=kernel,
            noise=noise,
            prior=prior,
            boundary=boundary,
            compression=compression,
            strategy=strategy,
            steps=steps,
            device=device,
        )

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Enlarge one part of a sample; torchvision calls this for every image, mask, box, ... in it."""
        if isinstance(inpt, tv_tensors.TVTensor) and not isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
            size = grid_size(v2.functional.get_size(inpt), scale=self.options.scale)
            return v2.functional.resize(inpt, list(size), v2.InterpolationMode.NEAREST)
        options = {field.name: getattr(self.options, field.name) for field in fields(self.options)}
        if not isinstance(inpt, Tensor) or inpt.ndim < 4:
            return super_resolve(inpt, **options)
        batch = inpt.as_subclass(Tensor).reshape(-1, *inpt.shape[-3:])
        result: Tensor = super_resolve(batch, **options)
        result = result.reshape(*inpt.shape[:-3], *result.shape[1:])
        return type(inpt)(result) if isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)) else result

    def extra_repr(self) -> str:
        """What ``print`` shows of the transform."""
        return f"scale={self.options.scale}, quality={self.options.quality!r}"
