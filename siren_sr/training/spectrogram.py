"""How far two sounds are apart in their spectrograms, at several resolutions in time and frequency at once.

A long window tells neighbouring tones apart, a short one tells when something happened; asked for with several, a
network cannot please one by failing another. The two terms are those of Yamamoto, Song and Kim, *Parallel WaveGAN*
(ICASSP 2020): spectral convergence, which the loudest parts decide, and the difference of logarithms, which counts
quiet and loud parts alike, as ears nearly do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WINDOWS = (512, 1024, 2048)
"""Window lengths in samples: 12 to 46 ms at 44.1 kHz."""


class SpectrogramDistance:
    """Mean over the windows of ‖S − Ŝ‖/‖S‖ + mean |log S − log Ŝ|, of magnitudes S = √(|STFT|² + floor²).

    Args:
        target: (C, T) in [-1, 1].
        windows: Lengths of the Hann windows, each with a hop of a quarter of it; those longer than the sound are left
            out.
        floor: What is quieter counts as silence. Windows have energy 1, so that white noise of standard deviation σ has
            magnitudes about σ, and a tone of amplitude A has a peak of 0.41·A·√window.

    Attributes:
        windows: The lengths in use.

    Raises:
        ValueError: Not (C, T), a window of less than 4 samples, none as short as the sound, or a floor that is not
            positive.
    """

    def __init__(self, target: Tensor, *, windows: Sequence[int] = WINDOWS, floor: float = 1e-4) -> None:
        if target.ndim != 2:
            raise ValueError(
                f"a spectrogram needs a sound of shape (channels, samples), got {tuple(target.shape)}: "
                "other signals have objectives over their whole grid, such as mse_fft"
            )
        if not floor > 0:
            raise ValueError(f"floor must be > 0, got {floor}")
        if min(windows, default=4) < 4:
            raise ValueError(f"windows must have at least 4 samples, got {tuple(windows)}")
        self.windows = tuple(window for window in windows if window <= target.shape[1])
        if not self.windows:
            raise ValueError(
                f"none of the windows {tuple(windows)} fits into {target.shape[1]} samples: "
                "give shorter ones as windows="
            )
        self._floor = floor
        self._powers = [power_spectrogram(window, like=target) for window in self.windows]
        self._targets = [self._magnitudes(power, target) for power in self._powers]

    def __call__(self, values: Tensor) -> Tensor:
        """The distance of (C, T) from the target, a scalar."""
        terms = []
        for power, target in zip(self._powers, self._targets, strict=True):
            found = self._magnitudes(power, values)
            convergence = torch.linalg.vector_norm(found - target) / torch.linalg.vector_norm(target)
            terms.append(convergence + (found.log() - target.log()).abs().mean())
        return torch.stack(terms).mean()

    def _magnitudes(self, power: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
        # Added, not clamped: a bin that is still silent must feel what it lacks.
        return (power(values) + self._floor**2).sqrt()


def power_spectrogram(window: int, *, like: Tensor) -> Callable[[Tensor], Tensor]:
    """The function (C, T) -> (C, window // 2 + 1, frames), |STFT|² with a Hann window of energy 1 and 75 % overlap.

    Args:
        window: Samples of the window and of the transform.
        like: Tensor whose dtype and device are used.

    Raises:
        ImportError: torchaudio cannot be loaded.
    """
    try:
        from torchaudio.transforms import Spectrogram
    except (ImportError, OSError) as error:  # the latter where it was built for another PyTorch
        reason = " ".join(str(error).split())
        raise ImportError(
            f"spectrograms need torchaudio, which cannot be loaded ({reason}): install the one made for PyTorch "
            f"{torch.__version__}, or use another objective"
        ) from error
    where = {"dtype": like.dtype, "device": like.device}
    return Spectrogram(n_fft=window, hop_length=window // 4, power=2.0, normalized="window", wkwargs=where)


def decibels(values: Tensor, *, window: int, hop: int = 1) -> Tensor:
    """The spectrogram of a sound, to be looked at; it needs no torchaudio.

    Args:
        values: (T,).
        window: Samples of the Hann window, fewer where the sound has fewer.
        hop: The fewest samples from one window to the next, which are at least a quarter of the window.

    Returns:
        (frequencies, times) in dB, low frequencies first.
    """
    window = min(window, max(4, len(values)))
    values = torch.nn.functional.pad(values, (0, max(0, window - len(values))))
    hop = max(hop, window // 4)
    hann = torch.hann_window(window)
    spectrum = torch.stft(values, window, hop_length=hop, window=hann, center=False, return_complex=True)
    return 20 * spectrum.abs().clamp(min=1e-9).log10()
