"""A user's own upscaler in place of the search for a picture."""

import pytest
import torch
from problems import picture
from searching import low

from siren_sr import metrics, super_resolve
from siren_sr.grids import resampling


def textured(channels, generator):
    """Noise of a pixel's width: no small network shows it."""
    return 0.2 + 0.6 * torch.rand(channels, 48, 48, generator=generator)


def binary(channels, generator):
    return (torch.rand(channels, 48, 48, generator=generator) > 0.5).float()


@pytest.mark.parametrize("make", [textured, binary])
@pytest.mark.parametrize("channels", [1, 3, 12])
def test_nothing_of_a_prior_is_lost(make, channels, generator):
    hr = make(channels, generator)
    lr = low(hr, (12, 12))
    given = (hr + 0.05 * torch.randn(hr.shape, generator=generator)).clamp(0, 1)
    result = super_resolve(lr, 4, prior=lambda image: given[None], steps=5)
    assert metrics.psnr((result * 255).round() / 255, hr) > metrics.psnr((given * 255).round() / 255, hr) - 0.1


@pytest.mark.parametrize("factor", [2, 4, 12])
def test_a_priors_picture_is_made_to_explain_the_image(factor, generator):
    hr = picture(48, 48) * 0.6 + 0.2
    lr = low(hr, (48 // factor, 48 // factor))
    prior = lambda image: (hr + 0.03 * torch.randn(hr.shape, generator=generator) + 0.01)[None]  # noqa: E731
    fit = super_resolve(lr, factor, prior=prior, steps=5, return_fit=True)
    assert metrics.psnr(resampling.resize(fit.render(scale=factor), lr.shape[1:]), lr) > 58
    between = fit.render(size=(101, 101))
    assert metrics.psnr(resampling.resize(between, lr.shape[1:]), lr) > 58


def test_an_image_with_noise_is_believed_the_less_the_more_it_has(generator):
    hr = picture(48, 48) * 0.6 + 0.2
    lr = low(hr, (12, 12)) + 0.05 * torch.randn(3, 12, 12, generator=generator)
    lr = lr.clamp(0, 1)

    def distance(noise):  # of the result from the image
        result = super_resolve(lr, 4, prior=lambda image: hr[None], noise=noise, steps=2)
        return float((resampling.resize(result, (12, 12)) - lr).square().mean().sqrt())

    distances = [distance(noise) for noise in (0, 0.005, 0.02, 0.1)]
    assert distances == sorted(distances)
    assert distances[0] < 0.005
    assert distances[-1] > 0.045
    assert 0.005 < distances[1] < 0.04  # a little noise does not mean that the image is ignored


def test_a_prior_is_given_single_precision(generator):
    network = torch.nn.Upsample(scale_factor=2, mode="bilinear")
    seen = []

    def prior(image):
        seen.append(image.dtype)
        return network(image)

    image = picture(8, 9).double()
    result = super_resolve(image, 2, prior=prior, steps=1)
    assert result.dtype == torch.float64
    assert seen == [torch.float32]


def test_a_little_overshoot_is_clamped():
    image = torch.zeros(1, 6, 6)
    image[:, :, 3:] = 1
    result = super_resolve(image, 2, prior=lambda x: resampling.resize(x, (12, 12)) * 1.2 - 0.1, steps=1)
    assert metrics.psnr(resampling.resize(result, (6, 6)), image) > 20


@pytest.mark.parametrize(
    ("prior", "options", "error", "text"),
    [
        (lambda x: x * 255, {}, ValueError, r"prior returned values from .* divide by 255"),
        (lambda x: x - 0.5, {}, ValueError, r"they must lie in \[0, 1\]"),
        (lambda x: (x * 255).to(torch.uint8), {}, TypeError, "floating-point numbers in .*uint8"),
        (lambda x: x.to(torch.complex64), {}, TypeError, "floating-point numbers in .*complex64"),
        (lambda x: x[:, :1], {"quality": "best"}, ValueError, r"must be \(1, 3, H, W\)"),
    ],
)
def test_bad_priors(prior, options, error, text):
    with pytest.raises(error, match=text):
        super_resolve(picture(8, 8), 2, prior=prior, **options)


def test_best_asks_in_eight_orientations():
    asked, image = [], picture(9, 12)
    nearest = torch.nn.Upsample(scale_factor=2)

    def skewed(x):  # prefers an orientation: the mean over all of them does not
        asked.append(x)
        return nearest(x).roll(1, 3)

    for quality, times in (("fast", 1), ("standard", 1), ("best", 8)):
        asked.clear()
        result = super_resolve(image, 2, prior=skewed, quality=quality)
        assert len(asked) == times
    assert len({tuple(x.flatten().tolist()) for x in asked}) == 8
    torch.testing.assert_close(super_resolve(image.mT, 2, prior=skewed, quality="best"), result.mT, rtol=0, atol=1e-5)
    fit = super_resolve(image, 2, prior=skewed, steps=1, return_fit=True)
    assert fit.prior == "skewed"
