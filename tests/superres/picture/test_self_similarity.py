import pytest
import torch
from problems import picture

from siren_sr import metrics
from siren_sr.superres.picture import self_similarity


def across(x):
    return self_similarity.across_scales(x, scale=4)


def test_nonlocal_means_keeps_a_periodic_picture_and_removes_noise(generator):
    clean = ((torch.arange(40)[:, None] // 4 + torch.arange(40) // 4) % 2).float()[None] * 0.5
    noisy = clean + 0.02 * torch.randn(1, 40, 40, generator=generator)
    inside = (..., slice(8, -8), slice(8, -8))
    result = self_similarity.nonlocal_means(noisy)
    assert (result - clean)[inside].square().mean() < 0.2 * (noisy - clean)[inside].square().mean()


@pytest.mark.parametrize("channels", [1, 3])
def test_across_scales_sharpens_a_blurred_edge(channels):
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(80.0), indexing="ij")
    sharp = ((0.4 * x + y - 48) / 0.5).sigmoid().expand(channels, -1, -1)
    blurred = self_similarity.gaussian(sharp, 1.2)
    result = across(blurred)
    assert metrics.psnr(result, sharp) > metrics.psnr(blurred, sharp) + 1
    # And it does so where the edge is: what is flat stays as it is.
    flat = (blurred - blurred.round()).abs() < 1e-4
    assert flat.any()
    torch.testing.assert_close(result[flat], blurred[flat], atol=2e-3, rtol=0)


def test_across_scales_gives_back_what_all_scales_share():
    ramp = torch.linspace(0, 1, 48).expand(2, 40, 48).clone()
    inside = (..., slice(8, -8), slice(8, -8))
    torch.testing.assert_close(across(ramp)[inside], ramp[inside], atol=1e-3, rtol=0)
    constant = torch.full((3, 20, 20), 0.3)
    torch.testing.assert_close(across(constant), constant)


def test_where_nothing_is_similar_the_picture_keeps_its_own(generator, monkeypatch):
    monkeypatch.setattr(self_similarity, "SCALE_SIMILARITY", 1e-5)
    noise = torch.rand(3, 40, 40, generator=generator)
    torch.testing.assert_close(across(noise), noise, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (4, 5), (7, 8)])
def test_small_pictures(shape, generator):
    x = 0.2 + 0.5 * torch.rand(3, *shape, generator=generator)
    expected = across(x)
    for found in (across(x.mT).mT, 1 - across(1 - x), across(x + 0.25) - 0.25):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    if shape[0] == 1:  # a row is like the picture that repeats it
        torch.testing.assert_close(across(x.expand(-1, 3, -1)), expected.expand(-1, 3, -1), rtol=0, atol=1e-5)
    if shape == (1, 1):
        torch.testing.assert_close(expected, x)


def test_channels_are_alike_whatever_their_number():
    gray = picture(40, 48)[:1]
    one, three = across(gray), across(gray.expand(3, -1, -1))
    torch.testing.assert_close(three, one.expand(3, -1, -1), atol=1e-4, rtol=0)


def test_gaussian_has_its_variance_and_keeps_the_mean():
    impulse = torch.zeros(1, 41, 41)
    impulse[0, 20, 20] = 1
    response, at = self_similarity.gaussian(impulse, 1.5)[0], torch.arange(41.0) - 20
    assert response.sum() == pytest.approx(1, abs=1e-5)
    assert (response.sum(0) * at.square()).sum() == pytest.approx(1.5**2, rel=0.02)


def test_principal_components_of_many_channels_are_those_of_few(generator):
    # A spectrum that falls, as that of patches does: the leading vectors are well determined.
    rows, count = self_similarity.EXACT + 40, 6
    left = torch.linalg.qr(torch.randn(rows, 60, generator=generator, dtype=torch.float64)).Q
    right = torch.randn(60, 900, generator=generator, dtype=torch.float64)
    columns = left * 0.7 ** torch.arange(60.0, dtype=torch.float64) @ right
    found = self_similarity._leading(columns, count)
    expected = torch.linalg.eigh(columns @ columns.T).eigenvectors[:, -count:]
    torch.testing.assert_close((found.T @ expected).abs(), torch.eye(count, dtype=torch.float64), rtol=0, atol=1e-3)
