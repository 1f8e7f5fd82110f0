"""Images unlike photographs: few bright points, flat colours."""

import pytest
import torch
from problems import picture
from searching import low

from siren_sr import metrics, super_resolve
from siren_sr.superres.learned import photographs, unlike


def stars(size, count, generator):
    """Points of light, some of which would be brighter than white, in a sky that is nearly black."""
    rows, columns = (torch.arange(size)[:, None], torch.arange(size))
    places, light = size * torch.rand(count, 2, generator=generator), torch.rand(count, generator=generator) + 0.2
    sky = torch.full((size, size), 0.02)
    for (y, x), peak in zip(places, light, strict=True):
        sky += peak * torch.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 3)
    return sky.clamp(0, 1).expand(3, -1, -1).contiguous()


@pytest.mark.parametrize("negative", [False, True])
def test_few_bright_points_gain_from_less_contrast_and_from_one_stage(negative, generator, monkeypatch):
    hr = stars(192, 60, generator)
    hr = 1 - hr if negative else hr
    lr = low(hr, (48, 48))
    monkeypatch.setitem(photographs.EFFORTS, "standard", photographs.Effort(1, staged=1))
    single = super_resolve(lr, 4)
    assert metrics.psnr(single, hr) > metrics.psnr(super_resolve(lr, 4, prior=None, quality="fast"), hr)
    reached = metrics.psnr(super_resolve(lr, 4, quality="fast"), hr)
    assert reached > metrics.psnr(super_resolve(lr, 4, prior=None, quality="fast"), hr)
    monkeypatch.setattr(unlike, "LEAST", 1.0)
    assert reached > metrics.psnr(super_resolve(lr, 4, quality="fast"), hr) + 1


def test_the_result_does_not_depend_on_scale_and_offset(generator):
    lr = low(stars(96, 20, generator), (24, 24))
    expected = super_resolve(lr, 4, quality="fast")
    found = super_resolve(3.7 * lr + 5, 4, quality="fast")
    # Only where the image lies in [0, 1] it is known that the picture does.
    torch.testing.assert_close(((found - 5) / 3.7).clamp(0, 1), expected, rtol=0, atol=1e-4)


def test_photographs_are_shown_as_they_are_and_others_with_less_contrast():
    sparse = torch.zeros(3, 20, 20)
    sparse[:, 3, 4] = 1
    dim = 0.2 * sparse  # has little contrast already
    images = torch.stack([low(picture(96, 96), (20, 20)), sparse, dim, 1 - sparse, torch.full_like(sparse, 0.3)])
    view = unlike.view(images)
    assert view.factor.flatten().tolist() == [1, 0.5, 1, 0.5, 1]
    assert [unlike.view(one[None]).sparse for one in images] == [False, True, True, True, False]
    given = unlike.shown(images, view)
    assert all(torch.equal(given[i], images[i]) for i in (0, 2, 4))
    assert given[1].unique().tolist() == [0, 0.5]
    assert given[3].unique().tolist() == [0.5, 1]
    torch.testing.assert_close(unlike.believed(given, images, (20, 20), view), images)


@pytest.mark.parametrize("colour", [(0.0, 0.0, 0.0), (0.3, 0.3, 0.3), (1.0, 0.0, 0.2), (0.1, 0.2, 1.0), (0, 1, 0)])
def test_flat_pictures_stay_flat(colour):
    flat = torch.tensor(colour, dtype=torch.float32)[:, None, None]
    for image in (flat.expand(3, 16, 24), (flat * 255).round().byte().expand(3, 16, 24) / 255):
        torch.testing.assert_close(super_resolve(image, 4), image[:, :1, :1].expand(3, 64, 96), rtol=0, atol=1e-4)


def test_flat_parts_stay_flat_beside_others():
    image = torch.full((3, 24, 40), 0.2)
    image[:, :, 20:] = low(picture(96, 80), (24, 20))
    image = (image * 255).round() / 255
    result = super_resolve((image * 255).byte(), 4)
    assert (result[:, :, :64].int() - 51).abs().max() == 0
