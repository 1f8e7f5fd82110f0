import math

import pytest
import torch
from problems import cosine, field, picture

from siren_sr import derivatives
from siren_sr.training import objectives


def test_value_of_a_wave_and_channel_sum():
    wave = 0.8 * cosine(40, 6)[:, None] * cosine(30, 4)  # the squares of whole waves have the mean 1/2
    target = picture(40, 30).double()
    assert float(objectives.value(target)(field(target + wave))) == pytest.approx(0.8**2 / 4)
    assert float(objectives.value(target, channel_sum=True)(field(target + wave))) == pytest.approx(3 * 0.8**2 / 4)
    a, g = picture().flip(1), derivatives.image_gradient(picture())
    summed = objectives.gradient(g, channel_sum=True)(field(a))
    torch.testing.assert_close(summed, 6 * objectives.gradient(g)(field(a)))


def test_spectrum_of_a_sine():
    # One bin of amplitude A in the ortho transform of n samples has modulus A·√n/2.
    n, alpha = 64, 50.0
    t = torch.arange(n, dtype=torch.float64)
    wave = (0.8 * torch.cos(2 * math.pi * 5 * t / n))[None]
    silence = torch.zeros_like(wave)
    expected = wave.square().mean() + (0.8 * math.sqrt(n) / 2) ** 2 / (n // 2 + 1) / alpha
    torch.testing.assert_close(objectives.spectrum(silence, alpha=alpha)(field(wave)), expected)


def test_spectrum_ignores_a_shift_in_time():
    # Moduli only: a circular shift changes the values, not the second term.
    wave = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    shifted = wave.roll(3, 1)
    torch.testing.assert_close(objectives.spectrum(shifted)(field(wave)), (wave - shifted).square().mean())


def test_spectrum_as_published_is_the_identity_for_mono():
    a, b = (torch.linspace(0.1, 0.9, 16)[None], torch.linspace(0.3, 0.5, 16)[None])
    mse = (a - b).square().mean()
    torch.testing.assert_close(objectives.spectrum(b, as_published=True)(field(a)), mse * (1 + 1 / 50))


def test_numerical_objectives_vanish_for_the_image_itself_and_only_then():
    a = picture()
    for objective in (
        objectives.gradient(derivatives.image_gradient(a)),
        objectives.laplacian(derivatives.image_laplacian(a)),
    ):
        assert objective(field(a)) == 0
        assert objective(field(a.flip(2))) > 0
        assert objective(field(a + 0.25)) < 1e-10  # derivatives do not see a constant


def test_the_condition_on_the_mean_gradient():
    ramp = torch.arange(8.0).expand(1, 6, 8)
    g = derivatives.image_gradient(ramp).flatten(2).mean(2)
    assert objectives.mean_gradient(g)(field(ramp)) < 1e-12
    torch.testing.assert_close(objectives.mean_gradient(g + 0.5)(field(ramp)), torch.tensor(0.25))


def test_consistency_sees_through_the_operator():
    a = picture()
    down = lambda x: x[:, ::2, ::2]  # noqa: E731
    assert objectives.consistency(down(a), down)(field(a)) == 0
    changed = a.clone()
    changed[:, 1::2, 1::2] = 9
    assert objectives.consistency(down(a), down)(field(changed)) == 0


def test_total_variation_of_a_step():
    # A step of height 1 between two columns: one unit per row, so height/(samples), whatever the number of channels
    # of equal content: √C·1/C.
    step = torch.zeros(1, 10, 10, dtype=torch.float64)
    step[:, :, 5:] = 1
    tv = objectives.total_variation_of(step, epsilon=1e-9)
    assert tv.item() == pytest.approx(10 / 100)
    three = objectives.total_variation_of(step.expand(3, -1, -1), epsilon=1e-9)
    assert three.item() == pytest.approx(math.sqrt(3) / 3 * 0.1)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: objectives.spectrum(picture(), alpha=0), "alpha must be > 0"),
        (lambda: objectives.gradient(picture(), method="exact"), "method='exact' is unknown"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
