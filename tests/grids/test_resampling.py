import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from problems import picture
from torch.nn import functional

from siren_sr.grids import coordinates, resampling

sides = st.integers(1, 24)


@pytest.mark.parametrize("size", [(6, 8), (11, 13), (48, 64), (40, 20)])
def test_agrees_with_torch_where_the_rules_are_the_same(size):
    image = picture().double()
    ours = resampling.resize(image, size, border="renormalize")
    theirs = functional.interpolate(image[None], size=size, mode="bicubic", antialias=True)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_agrees_with_torch_without_antialias():
    image = picture().double()
    ours = resampling.resize(image, (50, 77), kernel="bicubic_torch", border="replicate", antialias=False)
    theirs = functional.interpolate(image[None], size=(50, 77), mode="bicubic", align_corners=False)[0]
    torch.testing.assert_close(ours, theirs)


def test_agrees_with_pillow():
    image = picture(channels=1)[0]
    for name, filter_ in (
        ("bicubic", Image.Resampling.BICUBIC),
        ("lanczos", Image.Resampling.LANCZOS),
        ("box", Image.Resampling.BOX),
        ("bilinear", Image.Resampling.BILINEAR),
    ):
        theirs = np.asarray(Image.fromarray(image.numpy()).resize((8, 6), filter_))
        ours = resampling.resize(image, (6, 8), kernel=name, border="renormalize")
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reproduces_matlab(data, scale):
    # The Set5 files were made with MATLAB's imresize: within its two roundings to 8 bit.
    for name in ("baby", "bird", "butterfly", "head", "woman"):
        hr = np.asarray(Image.open(data / "set5" / "HR" / f"{name}.png").convert("RGB"))
        lr = np.asarray(Image.open(data / "set5" / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png").convert("RGB"))
        h, w = lr.shape[0] * scale, lr.shape[1] * scale
        ours = resampling.resize(torch.from_numpy(hr[:h, :w].copy()).permute(2, 0, 1).double(), lr.shape[:2])
        error = (ours.clamp(0, 255) - torch.from_numpy(lr.copy()).permute(2, 0, 1)).abs()
        assert error.max() < 2.5
        assert error.mean() < 0.5


@given(
    st.tuples(sides, sides),
    st.tuples(sides, sides),
    st.sampled_from(sorted(resampling.KERNELS)),
    st.sampled_from(["mirror", "replicate", "renormalize"]),
)
def test_a_constant_stays_constant(shape, size, kernel, border):
    result = resampling.resize(torch.full((1, *shape), 0.7, dtype=torch.float64), size, kernel=kernel, border=border)
    torch.testing.assert_close(result, torch.full((1, *size), 0.7, dtype=torch.float64))


@given(st.integers(2, 12), st.integers(2, 12))
def test_resizing_to_the_same_size_is_the_identity(height, width):
    image = torch.rand(1, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(resampling.resize(image, (height, width)), image)


def test_sampling_at_a_finer_grid_is_resizing():
    image = picture()
    axes = coordinates.axes(image.shape[1:], size=(72, 80))
    torch.testing.assert_close(
        resampling.apply(resampling.sample_bands(image.shape[1:], axes, like=image), image),
        resampling.resize(image, (72, 80)),
        rtol=1e-4,
        atol=1e-4,
    )


def test_as_published_sizes_are_rounded_down():
    image = picture(25, 33)
    nearest = resampling.resize_as_published(image, down=4)  # (6, 8): the first of every 25/6 rows and 33/8 columns
    assert torch.equal(nearest, image[:, [0, 4, 8, 12, 16, 20]][:, :, [0, 4, 8, 12, 16, 20, 24, 28]])
    enlarged = resampling.resize_as_published(nearest, up=1.5)
    as_torch = {"kernel": "bicubic_torch", "border": "replicate", "antialias": False}
    torch.testing.assert_close(enlarged, resampling.resize(nearest, (9, 12), **as_torch), rtol=0, atol=1e-5)
    torch.testing.assert_close(resampling.resize_as_published(image, down=4, up=1.5), enlarged)
    assert resampling.resize_as_published(image, down=1.5, up=1.5).shape == (3, 24, 33)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: resampling.resize(picture(), (3, 3), kernel="sinc"), "kernel='sinc' is unknown: use one of"),
        (lambda: resampling.resize(picture(), (3, 3), border="wide"), "border='wide' is unknown"),
        (lambda: resampling.resize_as_published(picture(3, 3), down=4), "no pixel would be left"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
