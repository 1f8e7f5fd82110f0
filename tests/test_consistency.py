"""The strategy "consistent": its result is better than bicubic, and seen through the downsampling it is the image."""

import pytest
import torch
from problems import picture

from siren_sr import metrics, resampling, super_resolve
from siren_sr.degradation import Downsample

DIAGONAL = torch.eye(5) + 0.3 * torch.ones(5, 5)  # no outer product


def low(hr, size, kernel):
    return (Downsample(hr.shape[1:], size, kernel=kernel, like=hr)(hr).clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize(("scale", "kernel"), [(2, 2.0), (2, 1.2), (1, 1.6), (1, 0.8), (2, DIAGONAL), (1, DIAGONAL)])
def test_blurring_kernels_at_small_scales(scale, kernel):
    hr = picture(40, 40) * 0.8 + 0.1
    lr = low(hr, (40 // scale,) * 2, kernel)
    result = super_resolve(lr, scale, kernel=kernel, quality="fast")
    assert metrics.psnr(result, hr) > metrics.psnr(resampling.resize(lr, (40, 40)).clamp(0, 1), hr)
    down = Downsample((40, 40), lr.shape[1:], kernel=kernel, like=lr)
    assert metrics.psnr(down(result), lr) > 58  # but for its rounding to 8 bits
