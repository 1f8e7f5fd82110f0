r"""Choose ω0, the frequency of the first layer, from the signal.

A neuron of the first layer is ``sin(ω0·(w·x + b))`` with ``w ~ U(-1/D, 1/D)`` on D coordinates in [-1, 1]. Along each
axis its angular frequency is therefore uniform up to ω0/D, in radians per unit of coordinate. A signal of n samples on
that axis, which are 2/n apart, holds frequencies up to Nyquist's π·n/2; a frequency of f cycles per sample is π·f·n.
There are two families of measures from which ω0 can be found, and a prediction:

* *Focus measures* (Pertuz et al. 2013) grow with sharpness and with contrast. Equation 7 is 250 times the square root
  of one of them; the constants in `CALIBRATION` make the others agree with it.
* *Spectral measures* are frequencies and do not depend on contrast. Equating a mean or a quantile of the signal's
  spectrum with that of the first layer's gives ω0 without any fitted constant (`FIRST_LAYER`).
* "tangent_kernel", the default of `choose`, predicts what a training of given length will have learned of the signal
  with each ω0, and takes the ω0 with which that is most (`siren_sr.omega.tangent_kernel`).

A measure takes a floating-point (C, \*grid) tensor with any number of grid axes and averages over all its values. It
ignores an added offset. The value of a focus measure does not change with a further axis along which the signal is
constant (one sample wide, say): a row of pixels, the image that repeats it, and a sound are measured alike. Beyond the
second axis, "diagonal_laplacian" is an exception.
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

FACTOR = 250.0  # the factor of equation 7
HR_RATIO = 0.15  # ω0* of an enlarged image over ω0* of the true high-resolution image, at ×4 (section 3.4)
TANGENT_KERNEL = "tangent_kernel"  # the name of the rule that predicts what a training learns
MINIMUM = 1.0  # the smallest ω0 that is chosen: below it the first layer is close to linear over the whole signal


@arguments.undisturbed()
def omega_star(image: Any, *, factor: float = FACTOR) -> float:
    """Return ω0* of equation 7: ``factor·sqrt(Var[Laplacian])``, over all pixels and channels together.

    The Laplacian is kornia's 3×3 kernel of eight ones around -8, not normalised, with reflected borders. The variance
    is the unbiased one. The value is that of the equation: it is 0 for a constant image, and it is not limited by the
    image's size. `choose` always gives a value that can be used.

    Args:
        image: Tensor (C, H, W) or (H, W), array (H, W[, C]), PIL image or path; uint8, uint16 or float in [0, 1].
        factor: Factor of the equation, > 0. The paper found its 250 on images of about 255×192 pixels.

    Returns:
        ω0 in radians per unit of coordinate. It is proportional to contrast, and smaller for an enlarged image.

    Raises:
        TypeError: ``image`` is of a kind or element type that is not supported.
        ValueError: The shape or the values of ``image`` cannot be used, or ``factor`` is not positive.

    Examples:
        >>> import torch
        >>> board = torch.arange(8)[:, None] + torch.arange(8)
        >>> omega_star((board % 2).float()) > omega_star(board / 14)
        True
    """
    values, contrast = _levels(image)
    return _finite(arguments.positive("factor", factor) * _deviation(values, contrast))


@arguments.undisturbed()
def omega_hr(image: Any, scale: float = 4, *, ratio: float | None = None, size: Sequence[int] | None = None) -> float:
    """Estimate the ω0* of an unseen high-resolution (HR) image, as ``omega_star(bicubic enlargement)/ratio``.

    This is ω_HR of section 3.4.

    Args:
        image: The low-resolution image, as for `omega_star`.
        scale: Enlargement, at least 1.
        ratio: The mean of ``omega_star(enlarged)/omega_star(HR)``, of which every scale s has its own. The default,
            0.15**(log s/log 4), is the paper's 0.15 at ×4 (0.145 ± 0.045 on its 11 pairs) and 1 at ×1. In between and
            beyond, it is 0.39 at ×2, 0.22 at ×3 and 0.06 at ×8, where antialiased bicubic reductions of the 11 HR
            images were measured to have 0.38, 0.21 and 0.04. Where the axes have different scales, s is their geometric
            mean.
        size: (H, W) of the high-resolution image, in place of ``scale``.

    Returns:
        ω0 in radians per unit of coordinate.

    Raises:
        TypeError: ``image`` is of a kind or element type that is not supported, or ``size`` is not made of integers.
        ValueError: The image, ``scale``, ``ratio`` or ``size`` cannot be used.

    Examples:
        >>> import torch
        >>> omega_hr(torch.eye(8)) == omega_hr(torch.eye(8), size=(32, 32))
        True
    """
    values, contrast = _levels(image)
    height, width = values.shape[1:]
    target = grid_size((height, width), scale=arguments.positive("scale", scale) if size is None else None, size=size)
    if target[0] < height or target[1] < width:
        asked = f"scale {scale}" if size is None else f"size {tuple(size)}"
        raise ValueError(f"super-resolution only enlarges: got {asked} for an image of {height} x {width}")
    if ratio is None:
        ratio = HR_RATIO ** (math.log(target[0] * target[1] / (height * width)) / 2 / math.log(4))
    # The paper's code enlarges in this way: its bicubic kernel has a = -0.75, and nothing is antialiased or clamped.
    enlarged = F.interpolate(values[None], target, mode="bicubic", align_corners=False, antialias=False)
    return _finite(FACTOR * _deviation(enlarged[0], contrast) / arguments.positive("ratio", ratio))


@arguments.undisturbed()
def omega_r(sample_rate: float) -> float:
    """Return ω_r of section 3.1: the sampling rate of a sound serves as its ω0.

    The length of the sound plays no part: over T seconds the first layer reaches ``sample_rate/(π·T)`` Hz. `choose`
    looks at the samples instead.

    Args:
        sample_rate: Sampling rate in Hz, > 0.

    Raises:
        ValueError: ``sample_rate`` is not a positive finite number.

    Examples:
        >>> omega_r(44100)
        44100.0
    """
    return arguments.positive("sample_rate", sample_rate)


@arguments.undisturbed()
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
    r"""Choose ω0 for any signal by any measure, within [1, D·π·max(n)/2].

    At the upper limit the first layer reaches the Nyquist frequency of the longest axis, where n is the number of
    samples on an axis and D is the number of axes. A constant signal gets the lower limit.

    "tangent_kernel" takes the ω0 with which least of the signal is left to be learned after ``updates`` updates of the
    weights: the longer a training is, the larger this ω0 is. A focus measure m becomes ``constant·m**power``
    (`CALIBRATION`). Like equation 7, it counts in samples and does not know how many there are. For other signals than
    images it is therefore multiplied by (D/2)·(n/215.3). Here n is the geometric mean of the sides of more than one
    sample, and 215.3 is that of the images from which the constants were found. Spectral measures need no such factor.

    Args:
        signal: An image as for `omega_star`; audio, which is a tensor (C, T) or an array (T[, C]), with
            ``sample_rate``; or any grid with ``dims``. Whatever it is, its full range is brought to length 1 first.
        measure: "tangent_kernel", a name in `MEASURES`, or a function of the (C, \*grid) tensor that returns ω0 itself.
        sample_rate: Sampling rate in Hz, which says that the signal is audio. Its value is not used (see `omega_r`).
        dims: Number of grid axes. Default: 1 for audio and for one axis, 2 otherwise.
        updates: Number of updates of the weights in the training to come, >= 1, for "tangent_kernel" only. The default
            is the number that `siren_sr.fit_signal` makes by default: 100 passes in batches of about 1024 samples.
        hidden_layers: Number of the network's hidden layers, >= 0, for "tangent_kernel" only. Default: 2.
        resolution_aware: Whether a focus measure is multiplied by the factor above. Default: for all signals but
            images.

    Returns:
        ω0 in radians per unit of coordinate.

    Raises:
        TypeError: ``signal`` or ``measure`` is of a kind that is not supported, or a count is not an integer.
        ValueError: The signal, the measure's name or its result cannot be used, a count is too small, or an option is
            given that the measure would ignore.

    Examples:
        >>> import torch
        >>> periods = torch.sin(50 * 2 * torch.pi * torch.linspace(0, 1, 1000))
        >>> round(choose(periods, "rms_frequency") / (50 * torch.pi * 3**0.5), 2)
        1.0
    """
    # Where the range begins does not matter, since measures ignore an offset.
    values = as_signal(signal, sample_rate=sample_rate, dims=dims).values / 2
    sides = values.shape[1:]
    if not isinstance(measure, str) and not callable(measure):
        raise TypeError(f"measure must be a name or a function, got {type(measure).__name__}")
    if isinstance(measure, str) and measure not in (TANGENT_KERNEL, *MEASURES):
        names = ", ".join((TANGENT_KERNEL, *MEASURES))
        raise ValueError(f"unknown measure {measure!r}: use one of {names}, or a function")
    if measure != TANGENT_KERNEL and (updates, hidden_layers) != (None, None):
        raise ValueError(f"updates and hidden_layers are for {TANGENT_KERNEL}: leave them out, got {measure!r}")
    if resolution_aware is not None:
        resolution_aware = arguments.flag("resolution_aware", resolution_aware)
    if resolution_aware is not None and measure not in CALIBRATION:
        raise ValueError(f"resolution_aware is for {', '.join(CALIBRATION)}: leave it out, got {measure!r}")
    highest = len(sides) * math.pi * max(sides) / 2
    if measure == TANGENT_KERNEL:
        updates = usual_updates(math.prod(sides)) if updates is None else arguments.count("updates", updates)
        layers = 2 if hidden_layers is None else arguments.count("hidden_layers", hidden_layers, least=0)
        found = best_omega_0(values, updates=updates, hidden_layers=layers, highest=highest)
    elif not isinstance(measure, str):
        found = _result(measure(values))
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


def _result(found: Any) -> float:
    """Return what a user's own measure found as a number."""
    try:
        return float(found.detach() if isinstance(found, Tensor) else found)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise ValueError(f"a measure must return a finite number of at least 0, got {found!r}") from None


def usual_updates(points: int) -> int:
    """Return how often `siren_sr.fit_signal` updates the weights by default, for a signal of ``points`` samples.

    Raises:
        TypeError: Not an integer.
        ValueError: Less than 1 or more than a tensor can hold.
    """
    if arguments.count("points", points) > 2**63:
        raise ValueError(f"points must be at most 2^63, got {points}")
    recipe = fast(dims=2, hidden_layers=2, activation="sine")
    return recipe.steps * batches_per_step(points, recipe.batch)


def _levels(image: Any) -> tuple[Tensor, float]:
    """Return an image as a (C, H, W) tensor of ordinary numbers, and the factor by which they are to be multiplied.

    The products are in the units in which the usual range of the image's element type has length 1.
    """
    data = as_signal(image, dims=2)
    contrast = data.origin.contrast / 2
    return (data.values * contrast, 1.0) if 1e-12 < contrast < 1e12 else (data.values, contrast)


def _deviation(values: Tensor, contrast: float) -> float:
    """Return the standard deviation of the Laplacian of what `_levels` returned."""
    return contrast * math.sqrt(laplacian_variance(values))


def _finite(omega_0: float) -> float:
    if not math.isfinite(omega_0):
        raise ValueError(f"ω0 would be {omega_0}: the contrast of the image, or the factor, is too large")
    return omega_0


# A focus measure gives ω0 = constant·measure**power, where the power 0.5 turns contrast² into contrast. Each entry is
# (constant, power). The constant is the least-squares fit, in the logarithm, to ω0* on the paper's 11 low-resolution
# images, which is the geometric mean of ω0*/measure**power. The spread is the standard deviation of the logarithm of
# that ratio over the images.
CALIBRATION: dict[str, tuple[float, float]] = {
    "laplacian_variance": (FACTOR, 0.5),  # this is equation 7
    "laplacian_energy": (250.0, 0.5),  # spread 0%
    "modified_laplacian": (921.8, 1.0),  # spread 15%
    "diagonal_laplacian": (456.6, 1.0),  # spread 13%
    "tenengrad": (190.5, 0.5),  # spread 6%
    "tenengrad_variance": (254.0, 0.5),  # spread 11%
    "gradient_energy": (977.0, 0.5),  # spread 3%
    "brenner": (665.2, 0.5),  # spread 6%
    "gray_level_variance": (513.9, 0.5),  # spread 19%
    "total_variation": (1244.6, 1.0),  # spread 13%
}
REFERENCE_SIDE = 215.3  # the geometric mean of the sides of these 11 images, most of which are 192×255

# A spectral measure gives ω0 = D·number·measure. In the first layer |ω| is uniform up to ω0/D: its mean is 1/2 of that
# limit, its root mean square is 1/√3 of it, and its 95% quantile is 0.95 of it. The spectrum of white noise is uniform
# up to Nyquist's frequency, so that each of these measures gives it the upper limit of `choose`.
FIRST_LAYER: dict[str, float] = {
    "spectral_centroid": 2.0,
    "rms_frequency": math.sqrt(3.0),
    "spectral_rolloff": 1 / ROLLOFF,
}
