r"""Choosing ω0, the frequency of the first layer, from the signal.

A neuron of the first layer is ``sin(ω0·(w·x + b))`` with ``w ~ U(-1/D, 1/D)`` on D coordinates in [-1, 1]:
along each axis its angular frequency is uniform up to ω0/D, in radians per unit of coordinate. A signal of n
samples on that axis, 2/n apart, holds frequencies up to Nyquist's π·n/2 (f cycles per sample are π·f·n). Two
families of measures, and a prediction:

* *Focus measures* (Pertuz et al. 2013) grow with sharpness and with contrast. Equation 7 is one of them,
  times 250; the constants in `CALIBRATION` make the others agree with it.
* *Spectral measures* are frequencies, blind to contrast. Equating a moment of the signal's spectrum with the
  same moment of the first layer's gives ω0 without any fitted constant (`FIRST_LAYER`).
* "tangent_kernel", the default of `choose`, predicts what a training of given length will have learned of the signal
  with each ω0, and takes the best (`siren_sr.omega.tangent_kernel`).

A measure takes a floating-point (C, \*grid) tensor with any number of grid axes and averages over all its
values. It ignores an added offset. Focus measures do not change with a further axis along which the signal is
constant (one sample wide, say): a row of pixels, the image that repeats it, and a sound are measured alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from siren_sr import arguments
from siren_sr.grids.coordinates import grid_size
from siren_sr.omega.measures import MEASURES, ROLLOFF, Measure, laplacian_variance
from siren_sr.omega.tangent_kernel import best_omega_0
from siren_sr.signals import as_signal
from siren_sr.training.loop import batches_per_step
from siren_sr.training.recipes import fast

FACTOR = 250.0  # equation 7
HR_RATIO = 0.15  # section 3.4, for x4
TANGENT_KERNEL = "tangent_kernel"
MINIMUM = 1.0  # below it the first layer is close to linear over the whole signal


def omega_star(image: Any, *, factor: float = FACTOR) -> float:
    """Equation 7: ``factor·sqrt(Var[Laplacian])``, over all pixels and channels together.

    The Laplacian is the 3×3 kernel of eight ones around -8 with reflected borders (kornia's, not normalised),
    the variance the unbiased one. The value is the equation's own: 0 for a constant image, and not limited by
    the image's size. `choose` always gives one that can be used.

    Args:
        image: Tensor (C, H, W) or (H, W), array (H, W[, C]), PIL image or path; uint8, uint16 or float in
            [0, 1].
        factor: The paper's 250, found on images of about 255×192 pixels.

    Returns:
        ω0, in radians per unit of coordinate. Proportional to contrast; smaller for an enlarged image.

    Raises:
        TypeError: ``image`` is of a kind or element type that is not supported.
        ValueError: Its shape or values cannot be used, or ``factor`` is not positive.

    Examples:
        >>> import torch
        >>> board = torch.arange(8)[:, None] + torch.arange(8)
        >>> omega_star((board % 2).float()) > omega_star(board / 14)
        True
    """
    return _positive("factor", factor) * math.sqrt(laplacian_variance(_unit(image, dims=2)))


def omega_hr(image: Any, scale: float = 4, *, ratio: float | None = None, size: Sequence[int] | None = None) -> float:
    """Section 3.4: the ω0* of an unseen high-resolution image, ``omega_star(bicubic enlargement)/ratio``.

    Args:
        image: The low-resolution image, as for `omega_star`.
        scale: Enlargement, at least 1.
        ratio: The mean of ``omega_star(enlarged)/omega_star(HR)``; every scale s has its own. Default:
            0.15**(log s/log 4), the paper's 0.15 at ×4 (0.145 ± 0.045 on its 11 pairs) and 1 at ×1. Between
            and beyond, 0.39 at ×2, 0.22 at ×3 and 0.06 at ×8; antialiased bicubic reductions of the 11 HR
            images were measured to have 0.38, 0.21 and 0.04.
        size: (H, W) of the high-resolution image, in place of ``scale``.

    Returns:
        ω0, in radians per unit of coordinate.

    Raises:
        TypeError: ``image`` is of a kind or element type that is not supported, or ``size`` is not of
            integers.
        ValueError: The image, ``scale``, ``ratio`` or ``size`` cannot be used.

    Examples:
        >>> import torch
        >>> omega_hr(torch.eye(8)) == omega_hr(torch.eye(8), size=(32, 32))
        True
    """
    values = _unit(image, dims=2)
    height, width = values.shape[1:]
    target = grid_size((height, width), scale=_positive("scale", scale) if size is None else None, size=size)
    if target[0] < height or target[1] < width:
        asked = f"scale {scale}" if size is None else f"size {tuple(size)}"
        raise ValueError(f"super-resolution only enlarges: got {asked} for an image of {height} x {width}")
    if ratio is None:
        ratio = HR_RATIO ** (math.log(target[0] * target[1] / (height * width)) / 2 / math.log(4))
    # As the paper's code: a = -0.75, no antialiasing, not clamped.
    enlarged = F.interpolate(values[None], target, mode="bicubic", align_corners=False, antialias=False)
    return FACTOR * math.sqrt(laplacian_variance(enlarged[0])) / _positive("ratio", ratio)


def omega_r(sample_rate: float) -> float:
    """Section 3.1: the sampling rate of a sound, in Hz, serves as its ω0.

    The length does not enter: over T seconds the first layer reaches ``sample_rate/(π·T)`` Hz. `choose`
    looks at the samples instead.

    Raises:
        ValueError: ``sample_rate`` is not a positive finite number.

    Examples:
        >>> omega_r(44100)
        44100.0
    """
    return _positive("sample_rate", sample_rate)


def choose(
    signal: Any,
    measure: str | Measure = TANGENT_KERNEL,
    *,
    sample_rate: float | None = None,
    dims: int | None = None,
    updates: int | None = None,
    hidden_layers: int | None = None,
    resolution_aware: bool | None = None,
) -> float:
    r"""ω0 for any signal, by any measure, within [1, D·π·max(n)/2].

    The upper limit is where the first layer reaches the Nyquist frequency of the longest axis (n samples; D
    axes); a constant signal gets the lower one. "tangent_kernel" takes what leaves least of the signal after
    ``updates`` updates of the weights: the longer a training, the larger. A focus measure m becomes
    ``constant·m**power`` (`CALIBRATION`). It counts in samples and does not know how many there are, as
    equation 7 does not; for other signals than images it is therefore multiplied by (D/2)·(n/215.3), n being
    the geometric mean of the sides and 215.3 that of the images which gave the constants. Spectral measures
    need no such factor.

    Args:
        signal: Image as for `omega_star`; audio, tensor (C, T) or array (T[, C]), with ``sample_rate``;
            any grid with ``dims``. Whatever it is, its full range is brought to length 1 first.
        measure: "tangent_kernel", a name in `MEASURES`, or a function of the (C, \*grid) tensor that returns ω0 itself.
        sample_rate: In Hz; says that the signal is audio. Its value is not used (see `omega_r`).
        dims: Number of grid axes. Default: 1 for audio and for one axis, 2 otherwise.
        updates: Of the weights in the training to come, for "tangent_kernel". Default: those of
            `siren_sr.fit_signal` as it is, 100 passes in batches of about 1024 samples.
        hidden_layers: Of the network, for "tangent_kernel". Default: 2.
        resolution_aware: Whether to multiply a focus measure as above. Default: for all but images.

    Returns:
        ω0, in radians per unit of coordinate.

    Raises:
        TypeError: ``signal`` or ``measure`` is of a kind that is not supported.
        ValueError: The signal, the measure's name or its result cannot be used.

    Examples:
        >>> import torch
        >>> periods = torch.sin(50 * 2 * torch.pi * torch.linspace(0, 1, 1000))
        >>> round(choose(periods, "rms_frequency") / (50 * torch.pi * 3**0.5), 2)
        1.0
    """
    values = _unit(signal, sample_rate=sample_rate, dims=dims)
    sides = values.shape[1:]
    if not isinstance(measure, str) and not callable(measure):
        raise TypeError(f"measure must be a name or a function, got {type(measure).__name__}")
    if isinstance(measure, str) and measure not in (TANGENT_KERNEL, *MEASURES):
        names = ", ".join((TANGENT_KERNEL, *MEASURES))
        raise ValueError(f"unknown measure {measure!r}: use one of {names}, or a function")
    if measure != TANGENT_KERNEL and (updates, hidden_layers) != (None, None):
        raise ValueError(f"updates and hidden_layers are for {TANGENT_KERNEL}: leave them out, got {measure!r}")
    if resolution_aware is not None and measure not in CALIBRATION:
        raise ValueError(f"resolution_aware is for {', '.join(CALIBRATION)}: leave it out, got {measure!r}")
    highest = len(sides) * math.pi * max(sides) / 2
    if measure == TANGENT_KERNEL:
        updates = usual_updates(math.prod(sides)) if updates is None else arguments.count("updates", updates)
        layers = 2 if hidden_layers is None else arguments.count("hidden_layers", hidden_layers, least=0)
        found = best_omega_0(values, updates=updates, hidden_layers=layers, highest=highest)
    elif not isinstance(measure, str):
        found = float(measure(values))
    elif measure in FIRST_LAYER:
        found = len(sides) * FIRST_LAYER[measure] * MEASURES[measure](values)
    else:
        constant, power = CALIBRATION[measure]
        found = constant * MEASURES[measure](values) ** power
        if resolution_aware or (resolution_aware is None and len(sides) != 2):
            longer = [side for side in sides if side > 1] or [1]
            found *= len(sides) / 2 * math.prod(longer) ** (1 / len(longer)) / REFERENCE_SIDE
    if not 0 <= found < math.inf:
        raise ValueError(f"a measure must return a finite number of at least 0, got {found}")
    return min(max(found, MINIMUM), highest)


def usual_updates(points: int) -> int:
    """Updates of the weights that `siren_sr.fit_signal` makes with its default recipe for so many samples."""
    recipe = fast(dims=2, hidden_layers=2, activation="sine")
    return recipe.steps * batches_per_step(points, recipe.batch)


def _unit(data: Any, *, sample_rate: float | None = None, dims: int | None = None) -> Tensor:
    """A signal as a (C, *grid) tensor whose full range has length 1; where it begins does not matter."""
    return as_signal(data, sample_rate=sample_rate, dims=dims).values / 2


def _positive(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be a positive finite number, got {value!r}")
    return number


# ω0 = constant·measure**power; the power turns contrast² into contrast. The constant is the least-squares
# fit, in the logarithm, to ω0* on the paper's 11 low-resolution images: the geometric mean of
# ω0*/measure**power. The percentage is the standard deviation of the logarithm of that ratio over the images.
CALIBRATION: dict[str, tuple[float, float]] = {
    "laplacian_variance": (FACTOR, 0.5),  # equation 7
    "laplacian_energy": (250.0, 0.5),  # 0%
    "modified_laplacian": (921.8, 1.0),  # 15%
    "diagonal_laplacian": (456.6, 1.0),  # 13%
    "tenengrad": (190.5, 0.5),  # 6%
    "tenengrad_variance": (254.0, 0.5),  # 11%
    "gradient_energy": (977.0, 0.5),  # 3%
    "brenner": (665.2, 0.5),  # 6%
    "gray_level_variance": (513.9, 0.5),  # 19%
    "total_variation": (1244.6, 1.0),  # 13%
}
REFERENCE_SIDE = 215.3  # geometric mean of the sides of those images, most of which are 192×255

# ω0 = D·number·measure. In the first layer |ω| is uniform up to ω0/D: its mean is 1/2 of that, its root mean
# square 1/√3, its 95% quantile 0.95. White noise, uniform up to Nyquist's frequency, gives the limit of
# `choose` with each.
FIRST_LAYER: dict[str, float] = {
    "spectral_centroid": 2.0,
    "rms_frequency": math.sqrt(3.0),
    "spectral_rolloff": 1 / ROLLOFF,
}
