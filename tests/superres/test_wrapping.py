"""Textures that are laid as tiles: their enlargement wraps as they do."""

import pytest
import torch
from problems import TURNED, largest_jumps, picture, texture
from torch.nn import functional

from siren_sr import Fit, super_resolve
from siren_sr.superres.downsample import Downsample


def neighbours(image):
    """An upscaler of a user's, which knows nothing of tiles."""
    return functional.interpolate(image, scale_factor=4, mode="bicubic").clamp(0, 1)


EVERY = [
    {"quality": "fast"},
    {"quality": "fast", "prior": None},
    {"prior": neighbours},
    {"quality": "fast", "prior": None, "noise": 0.03},
    {"quality": "fast", "prior": None, "kernel": 1.2},
    {"quality": "fast", "noise": 0.03},
]


@pytest.mark.parametrize("options", EVERY)
@pytest.mark.parametrize("scale", [2, 2.5, (3, 1.75)])
def test_no_seam_shows(options, scale):
    found = super_resolve(texture(), scale, boundary="wrap", **options)
    for axis in (1, 2):
        inside, seam = largest_jumps(found, axis)
        assert seam <= inside


def test_no_seam_shows_in_what_the_default_learns_from_the_image():
    found = super_resolve(texture(16, 20), 2, boundary="wrap")
    for axis in (1, 2):
        inside, seam = largest_jumps(found, axis)
        assert seam <= inside


@pytest.mark.parametrize(("options", "levels"), [(EVERY[0], 0.01), (EVERY[1], 3.0), (EVERY[2], 3.0)])
def test_rolling_the_image_rolls_the_result(options, levels):
    image = texture()
    found = super_resolve(image, 3, boundary="wrap", **options)
    rolled = super_resolve(image.roll((4, 9), (1, 2)), 3, boundary="wrap", **options)
    assert (rolled - found.roll((12, 27), (1, 2))).abs().max() * 255 < levels
    # What does not wrap depends on where its edges are.
    mirrored = [super_resolve(one, 3, **options) for one in (image, image.roll((4, 9), (1, 2)))]
    assert (mirrored[1] - mirrored[0].roll((12, 27), (1, 2))).abs().max() * 255 > 5


def test_one_axis_may_wrap_alone():
    image = texture(16, 24)
    found = super_resolve(image, 2, boundary=("mirror", "wrap"), quality="fast")
    both, none = (super_resolve(image, 2, boundary=b, quality="fast") for b in ("wrap", "mirror"))
    middle = slice(14, 18)
    assert (found[:, middle] - both[:, middle]).abs().max() < 0.01  # far from the edges that mirror
    assert (found - both).abs().max() > 0.02 < (found - none).abs().max()
    rolled = super_resolve(image.roll(7, 2), 2, boundary=("mirror", "wrap"), quality="fast")
    assert (rolled - found.roll(14, 2)).abs().max() < 1e-3


@pytest.mark.parametrize("prior", ["photographs", None])
def test_the_result_explains_the_image_around_the_seam_too(prior):
    image = 0.1 + 0.8 * texture(20, 16)
    found = super_resolve(image.double(), 2, boundary="wrap", prior=prior, quality="fast")
    down = Downsample.between((40, 32), (20, 16), boundary="wrap")
    assert (down(found.double()) - image).abs().max() * 255 < 1


@pytest.mark.parametrize("kernel", ["bicubic", "box", 1.3, TURNED])
def test_a_downsampling_that_wraps_commutes_with_rolling_and_has_its_adjoint(kernel, generator):
    x = torch.randn(2, 24, 30, generator=generator, dtype=torch.float64)
    y = torch.randn(2, 12, 10, generator=generator, dtype=torch.float64)
    down = Downsample.between((24, 30), (12, 10), kernel=kernel, boundary="wrap")
    torch.testing.assert_close(down(x.roll((2, 9), (1, 2))), down(x).roll((1, 3), (1, 2)))
    torch.testing.assert_close((down(x) * y).sum(), (x * down.transpose(y)).sum())
    torch.testing.assert_close(down(down.project(x, y)), y, rtol=0, atol=1e-3)


def test_tiles_of_a_few_pixels_and_large_ones():
    for shape, scale in (((1, 1), 2), ((2, 3), 4), ((30, 600), 2)):
        found = super_resolve(
            texture(*shape) if min(shape) > 1 else torch.full((3, 1, 1), 0.5), scale, boundary="wrap", quality="fast"
        )
        assert found.shape[1:] == tuple(scale * n for n in shape)


def test_a_fit_wraps_at_other_sizes_too(tmp_path):
    fit = super_resolve(texture(), 2, boundary="wrap", quality="fast", return_fit=True)
    fit.save(tmp_path / "texture.safetensors")
    torch.testing.assert_close(fit.render(scale=2), super_resolve(texture(), 2, boundary="wrap", quality="fast"))
    for found in (fit, Fit.load(tmp_path / "texture.safetensors")):
        for scale in (1, 2, 5.3):
            for axis in (1, 2):
                inside, seam = largest_jumps(found.render(scale=scale), axis)
                assert seam <= inside


def test_a_strategy_of_the_users_is_told():
    told = []

    def strategy(problem):
        told.append(problem.boundary)
        return super_resolve.__globals__["DEFAULT"].chosen_strategy()(problem)

    super_resolve(picture(8, 8), 2, boundary=("wrap", "mirror"), strategy=strategy)
    assert told == [("wrap", "mirror")]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"boundary": "tile"}, "boundary='tile' is unknown"),
        ({"boundary": ("wrap",) * 3}, "names 3 axes, the grid has 2"),
        ({"boundary": "wrap", "strategy": "basic"}, 'strategy="basic" is as published and knows no boundary'),
        ({"boundary": "wrap", "align_corners": True}, "needs pixel centres"),
    ],
)
def test_what_cannot_wrap_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        super_resolve(picture(8, 8), 2, **options)
