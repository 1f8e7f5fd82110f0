import functools
import math
import sys

import pytest
import torch
from problems import field

from siren_sr import fit_signal
from siren_sr.training import objectives, spectrogram

SHORT = (16, 32)


def noise(channels=2, samples=100, seed=0, dtype=torch.float64):
    return 0.3 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def loss(target, values, **options):
    return objectives.stft(target, **options)(field(values))


def by_hand(target, values, windows, floor):
    """The two terms from bare Fourier transforms of the reflected frames."""
    terms = []
    for n in windows:
        shape = torch.hann_window(n, dtype=target.dtype)
        found = []
        for x in (target, values):
            padded = torch.cat([x[:, 1 : n // 2 + 1].flip(1), x, x[:, -n // 2 - 1 : -1].flip(1)], 1)
            frames = padded.unfold(1, n, n // 4) * shape
            found.append((torch.fft.rfft(frames).abs().square() / shape.square().sum() + floor**2).sqrt())
        a, b = found
        terms.append((a - b).norm() / a.norm() + (a.log() - b.log()).abs().mean())
    return sum(terms) / len(terms)


def test_agrees_with_the_formula():
    a, b = noise(), noise(seed=1)
    expected = (a - b).square().mean() + 0.5 * by_hand(a, b, SHORT, 1e-3)
    torch.testing.assert_close(loss(a, b, weight=0.5, windows=SHORT, floor=1e-3), expected)


def test_without_torchaudio_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchaudio.transforms", None)
    with pytest.raises(
        ImportError, match=r"spectrograms need torchaudio.*made for PyTorch .* or use another objective"
    ):
        spectrogram.power_spectrogram(32, like=noise())


def test_levels_are_those_promised():
    # Noise of standard deviation σ has power σ², a tone of amplitude A the peak A·√(window/6).
    power = spectrogram.power_spectrogram(256, like=noise())(noise(1, 20000))[:, 1:-1]
    assert power.mean().item() == pytest.approx(0.09, rel=0.05)
    t = torch.arange(4096, dtype=torch.float64)
    tone = 0.5 * torch.sin(2 * math.pi * 32 * t / 256)[None]
    peak = spectrogram.power_spectrogram(256, like=tone)(tone)[0, 32, 8:-8].sqrt()
    torch.testing.assert_close(peak, torch.full_like(peak, 0.5 * math.sqrt(256 / 6)))


def test_zero_for_the_sound_itself_and_only_then():
    a = noise()
    assert loss(a, a, windows=SHORT) == 0
    # Magnitudes alone do not see the sign; the sum of both terms sees it, and a shift, a gain, other channels.
    assert spectrogram.SpectrogramDistance(a, windows=SHORT)(-a) == 0
    for other in (-a, a.roll(1, 1), 0.9 * a, a.flip(0), a.flip(1)):
        assert loss(a, other, weight=0.1, windows=SHORT) > 1e-3


def test_quiet_parts_count():
    # The same relative error in a loud and in a quiet half: the logarithms see both alike.
    a = noise(1, 4096)
    a[:, 2048:] *= 0.01
    loud, quiet = a.clone(), a.clone()
    loud[:, :2048] *= 0.5
    quiet[:, 2048:] *= 0.5
    assert (a - loud).square().mean() > 1000 * (a - quiet).square().mean()
    distance = spectrogram.SpectrogramDistance(a, windows=(64,))
    assert distance(loud) < 3 * distance(quiet)


def test_gradients():
    a, b = noise(1, 24), noise(1, 24, seed=1).requires_grad_()
    objective = objectives.stft(a, weight=0.1, windows=(8, 16), floor=1e-2)
    assert torch.autograd.gradcheck(lambda values: objective(field(values)), b)
    for values in (a, torch.zeros_like(a)):  # where the norm and the magnitudes have corners
        values = values.clone().requires_grad_()
        objective(field(values)).backward()
        assert bool(torch.isfinite(values.grad).all())  # pyright: ignore


def test_silence_is_a_target_like_others():
    silence = torch.zeros(1, 64)
    assert loss(silence, silence, windows=SHORT) == 0
    assert 0 < loss(silence, silence + 0.1, windows=SHORT) < math.inf


def test_long_windows_are_left_out():
    assert spectrogram.SpectrogramDistance(noise(1, 600)).windows == (512,)
    assert spectrogram.SpectrogramDistance(noise(1, 16), windows=(16, 17)).windows == (16,)


def test_fit_signal_takes_it():
    sound = torch.sin(torch.linspace(0, 12, 520))[None]
    options = {"sample_rate": 8000, "omega_0": 15.0, "hidden_features": 64, "steps": 200}
    fit = fit_signal(sound, objective="mse_stft", **options)
    assert fit.psnr > 20
    assert fit.history[-1].loss > 4 * 10 ** (-fit.history[-1].psnr / 10)  # more than the mean squared error
    short = functools.partial(objectives.stft, windows=(32,))
    assert fit_signal(sound[:, :64], objective=short, **options).psnr > 20


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: objectives.stft(noise(1, 100)), r"none of the windows \(512, 1024, 2048\) fits into 100 samples"),
        (lambda: objectives.stft(noise(1, 100), windows=()), r"none of the windows \(\) fits"),
        (lambda: objectives.stft(noise(1, 100), windows=(2, 32)), r"at least 4 samples, got \(2, 32\)"),
        (lambda: objectives.stft(noise(1, 600), weight=0.0), "weight must be > 0, got 0.0"),
        (lambda: objectives.stft(noise(1, 600), floor=0.0), "floor must be > 0, got 0.0"),
        (lambda: objectives.stft(torch.zeros(3, 8, 8)), r"of shape \(channels, samples\), got \(3, 8, 8\): other"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
