from __future__ import annotations

import dataclasses
import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import DATA
from skimage import data as samples
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from siren_sr import derivatives, metrics


def pictures(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """A picture and a distorted one, arrays in [0, 1] (or uint8)."""
    sample = samples.camera() if kind == "gray" else samples.astronaut()
    clean = sample[100:190, 60:167]
    noise = np.random.default_rng(0).normal(0, 12, clean.shape)
    worse = np.clip(clean * 0.9 + noise, 0, 255).astype(np.uint8)
    return (clean, worse) if kind == "uint8" else (clean / 255, worse / 255)


def as_tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(a).movedim(-1, 0) if a.ndim == 3 else torch.from_numpy(a) for a in arrays]


def skimage_ssim(a: np.ndarray, b: np.ndarray, data_range: float) -> float:
    return structural_similarity(
        a,
        b,
        data_range=data_range,
        channel_axis=-1 if a.ndim == 3 else None,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )


# MSE and PSNR


@pytest.mark.parametrize("kind", ["gray", "rgb", "uint8"])
def test_psnr_and_ssim_agree_with_scikit_image(kind: str) -> None:
    a, b = pictures(kind)
    data_range = 255 if kind == "uint8" else 1
    psnr, ssim = peak_signal_noise_ratio(a, b, data_range=data_range), skimage_ssim(a, b, data_range)
    assert metrics.psnr(a, b) == pytest.approx(psnr, abs=1e-9)
    assert metrics.ssim(a, b) == pytest.approx(ssim, abs=1e-9)
    x, y = as_tensors(a, b)
    assert metrics.psnr(x, y) == pytest.approx(psnr, abs=1e-9)
    assert metrics.ssim(x, y) == pytest.approx(ssim, abs=1e-9)
    assert metrics.psnr(x[None], y[None]) == pytest.approx(psnr, abs=1e-9)


def test_uint16_is_divided_by_its_own_largest_value() -> None:
    a, b = pictures("uint8")
    wide = [image.astype(np.uint16) * 257 for image in (a, b)]
    assert metrics.psnr(*wide) == pytest.approx(metrics.psnr(a, b), abs=1e-9)
    assert metrics.ssim(*as_tensors(*wide)) == pytest.approx(metrics.ssim(a, b), abs=1e-9)
    assert metrics.psnr_y(*wide) == pytest.approx(metrics.psnr_y(a, b), abs=1e-9)


@given(error=st.floats(1e-3, 10), data_range=st.floats(0.1, 255), channels=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_psnr_of_an_even_error(error: float, data_range: float, channels: int) -> None:
    a = torch.zeros(channels, 4, 6, dtype=torch.float64)
    expected = 20 * math.log10(data_range / error)
    assert metrics.mse(a, a + error) == pytest.approx(error**2)
    assert metrics.psnr(a, a + error, data_range=data_range) == pytest.approx(expected)
    summed = metrics.psnr(a, a + error, data_range=data_range, channel_sum=True)
    assert summed == pytest.approx(expected - 10 * math.log10(channels), abs=1e-9)


def test_channel_sum_is_the_papers_convention() -> None:
    arrays = pictures("rgb")
    a, b = as_tensors(*arrays)
    summed = 3 * mean_squared_error(*arrays)
    assert metrics.mse(a, b, channel_sum=True) == pytest.approx(summed)
    assert metrics.mse(*arrays, channel_sum=True) == pytest.approx(summed)
    assert metrics.psnr(a, b) - metrics.psnr(a, b, channel_sum=True) == pytest.approx(10 * math.log10(3))
    gradients = [derivatives.image_gradient(image) for image in (a, b)]  # (3, 2, H, W)
    lower = metrics.psnr(*gradients) - metrics.psnr(*gradients, channel_sum=True)
    assert lower == pytest.approx(10 * math.log10(6)) == pytest.approx(7.78, abs=0.005)
    gray = [image[0] for image in (a, b)]
    assert metrics.mse(*gray, channel_sum=True) == metrics.mse(*gray)


def test_equal_signals() -> None:
    image, _ = as_tensors(*pictures("rgb"))
    assert metrics.mse(image, image) == 0
    assert metrics.psnr(image, image) == math.inf
    assert metrics.psnr_y(image, image, border=3) == math.inf
    assert metrics.ssim(image, image) == pytest.approx(1, abs=1e-12)


def test_small_errors_of_float32_are_not_lost() -> None:
    a = torch.full((1, 100, 100), 0.5)
    assert metrics.mse(a, a + 2**-20) == 2.0**-40


# Luma


def test_luma_of_primaries() -> None:
    primaries = torch.eye(3, dtype=torch.float64)[:, None]  # red, green, blue pixels in a row
    expected = torch.tensor([81.481, 144.553, 40.966], dtype=torch.float64) / 255
    torch.testing.assert_close(metrics.rgb_to_y(primaries)[0, 0], expected)
    np.testing.assert_allclose(metrics.rgb_to_y(np.eye(3)[None])[0], expected)
    assert metrics.rgb_to_y(torch.zeros(2, 3, 4, 5)).shape == (2, 1, 4, 5)


def test_luma_agrees_with_scikit_image() -> None:
    from skimage.color import rgb2ycbcr

    image = samples.astronaut()[::16, ::16]
    np.testing.assert_allclose(metrics.rgb_to_y(image), rgb2ycbcr(image)[..., 0] / 255, atol=1e-6)


def test_metrics_of_the_luma_inside_the_border() -> None:
    a, b = pictures("uint8")
    y = [metrics.rgb_to_y(image)[4:-4, 4:-4] for image in (a, b)]
    psnr, ssim = peak_signal_noise_ratio(*y, data_range=1), skimage_ssim(*y, data_range=1)
    for pair in ((a, b), as_tensors(a, b)):
        assert metrics.psnr_y(*pair, border=4) == pytest.approx(psnr, abs=1e-9)
        assert metrics.ssim_y(*pair, border=4) == pytest.approx(ssim, abs=1e-9)


def test_a_single_channel_is_its_own_luma() -> None:
    a, b = pictures("gray")
    inside = metrics.psnr(a[2:-2, 2:-2], b[2:-2, 2:-2])
    assert metrics.psnr_y(a, b, border=2) == pytest.approx(inside)
    assert metrics.psnr_y(a[..., None], b[..., None], border=2) == pytest.approx(inside)
    assert metrics.psnr_y(*[x[None] for x in as_tensors(a, b)], border=2) == pytest.approx(inside)


# SSIM


@given(seed=st.integers(0, 10**6), height=st.integers(11, 20), width=st.integers(11, 20))
@settings(max_examples=20, deadline=None)
def test_ssim_is_symmetric_bounded_and_that_of_scikit_image(seed: int, height: int, width: int) -> None:
    a, b = np.random.default_rng(seed).random((2, height, width, 2))
    found = metrics.ssim(a, b)
    assert -1 <= found < 1
    assert metrics.ssim(b, a) == pytest.approx(found, abs=1e-12)
    assert found == pytest.approx(skimage_ssim(a, b, 1), abs=1e-7)
    assert metrics.ssim(7 * a, 7 * b, data_range=7) == pytest.approx(found, abs=1e-9)


# Summary


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20))
@settings(deadline=None)
def test_summary_has_the_sample_deviation(values: list[float]) -> None:
    found = metrics.summary(values)
    assert found.count == len(values)
    assert found.mean == pytest.approx(statistics.mean(values), abs=1e-9)
    assert found.std == pytest.approx(statistics.stdev(values), abs=1e-6)


def test_summary_of_one_and_of_infinite_values() -> None:
    one = metrics.summary([3.0])
    assert one.mean == 3
    assert math.isnan(one.std)
    perfect = metrics.summary(iter([30.0, math.inf]))
    assert perfect.mean == math.inf
    assert math.isnan(perfect.std)
    assert str(metrics.summary([1, 2, 3])) == "2.00 ± 1.00"
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.mean = 0.0  # type: ignore[misc]


@pytest.mark.skipif(not (DATA / "div2k_subset").is_dir(), reason="set SIREN_SR_DATA")
def test_bicubic_row_of_table_7() -> None:
    from PIL import Image

    usual, summed = [], []
    for path in sorted((DATA / "div2k_subset").glob("*x4.png")):
        low, high = (
            torch.from_numpy(np.array(Image.open(p))).movedim(-1, 0)
            for p in (path, path.with_name(path.name.replace("x4", "")))
        )
        up = torch.nn.functional.interpolate(low[None] / 255, high.shape[1:], mode="bicubic")[0].clamp(0, 1)
        usual.append(metrics.psnr(up, high))
        summed.append(metrics.psnr(up, high, channel_sum=True))
    assert str(metrics.summary(usual)) == "25.13 ± 2.68"
    assert str(metrics.summary(summed)) == "20.36 ± 2.68"


# Errors

IMAGE = torch.zeros(3, 16, 16)
BYTES = torch.zeros(3, 16, 16, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: metrics.mse(IMAGE, IMAGE[:, :8]), ValueError, r"\(3, 16, 16\) and \(3, 8, 16\); crop"),
        (lambda: metrics.mse(IMAGE, IMAGE.numpy()), TypeError, "or two arrays, got Tensor and ndarray"),
        (lambda: metrics.mse([0.0], [0.0]), TypeError, "got list"),
        (lambda: metrics.mse(IMAGE.long(), IMAGE.long()), TypeError, "int64 values .* uint8, uint16"),
        (lambda: metrics.mse(IMAGE.to(torch.complex64), IMAGE), TypeError, "complex64"),
        (lambda: metrics.mse(IMAGE / 0, IMAGE), ValueError, "768 of 768 values are NaN or infinite"),
        (lambda: metrics.mse(IMAGE[:0], IMAGE[:0]), ValueError, r"nothing to compare: .* \(0, 16, 16\)"),
        (lambda: metrics.psnr(IMAGE, IMAGE, data_range=0), ValueError, "must be a positive .* got 0"),
        (lambda: metrics.psnr(IMAGE, IMAGE, data_range="8 bit"), ValueError, "got '8 bit'"),
        (lambda: metrics.psnr(IMAGE, IMAGE, data_range=math.inf), ValueError, "got inf"),
        (lambda: metrics.psnr(BYTES, BYTES, data_range=255), ValueError, "leave data_range out, got 255"),
        (lambda: metrics.ssim(IMAGE[:, :10], IMAGE[:, :10]), ValueError, r"11 x 11 .* \(3, 10, 16\)"),
        (lambda: metrics.ssim(IMAGE[0, 0], IMAGE[0, 0]), ValueError, r"got shape \(16,\)"),
        (lambda: metrics.rgb_to_y(IMAGE[:2]), ValueError, r"tensor \(..., 3, H, W\), .* \(2, 16, 16\)"),
        (lambda: metrics.rgb_to_y(IMAGE.numpy()), ValueError, r"array \(H, W, 3\), .* \(3, 16, 16\)"),
        (lambda: metrics.psnr_y(IMAGE[:2], IMAGE[:2]), ValueError, r"1 or 3 channels, .* \(2, 16, 16\)"),
        (lambda: metrics.psnr_y(IMAGE, IMAGE, border=8), ValueError, "leaves nothing of .* 16 x 16"),
        (lambda: metrics.psnr_y(IMAGE, IMAGE, border=-1), ValueError, "an integer >= 0, got -1"),
        (lambda: metrics.ssim_y(IMAGE, IMAGE, border=1.5), ValueError, "an integer >= 0, got 1.5"),
        (lambda: metrics.ssim_y(IMAGE, IMAGE, border=3), ValueError, r"11 x 11 pixels, .* \(10, 10\)"),
        (lambda: metrics.summary([]), ValueError, "at least one number"),
        (lambda: metrics.summary([1.0, math.nan]), ValueError, r"no NaN, got \[1.0, nan\]"),
    ],
)
def test_errors_say_what_was_got(call, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
