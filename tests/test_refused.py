"""Arguments of a wrong kind are refused by an error of the library's own, which says what was got."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from siren_sr import Siren, derivatives, init, metrics, omega, plots
from siren_sr.grids import resampling
from siren_sr.network import capture

T = torch.linspace(0, 1, 126).reshape(3, 6, 7)
X = torch.zeros(5, 2)
SMALL = Siren(2, 1, hidden_features=4)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: derivatives.image_gradient(Image.new("RGB", (4, 4))), TypeError, "must be a tensor .* got Image"),
        (lambda: derivatives.image_laplacian(T.to_sparse()), TypeError, "dense tensor .* layout torch.sparse_coo"),
        (lambda: derivatives.image_laplacian(T.to(torch.float8_e4m3fn)), TypeError, "got float8_e4m3fn"),
        (lambda: derivatives.image_gradient(T[:, :0]), ValueError, r"empty: its shape is \(3, 0, 7\)"),
        (lambda: derivatives.inverse_gradient(T[None]), ValueError, r"\(C, 2, H, W\), x first, got \(1, 3, 6, 7\)"),
        (lambda: derivatives.inverse_laplacian(T.long()), TypeError, "got int64: use .float"),
        (lambda: derivatives.gradient(SMALL, X.double()), TypeError, "float64, the network is torch.float32"),
        (lambda: derivatives.gradient(3, X), TypeError, "model must be a Siren or a function .* got int"),
        (lambda: derivatives.laplacian(lambda x: None, X), TypeError, "must return a tensor .* got NoneType"),
        (lambda: derivatives.gradient(SMALL, X, spacing=5), TypeError, "spacing must be a sequence of numbers"),
        (lambda: derivatives.value_and_derivatives(SMALL, X, order=3), ValueError, "order must be 0, 1 or 2, got 3"),
        (lambda: omega.omega_r(10**400), ValueError, "sample_rate must be a positive finite number"),
        (lambda: omega.omega_star(99 * (T > 0.5).float(), factor=1e308), ValueError, "ω0 would be inf"),
        (lambda: omega.choose(T, lambda values: None), ValueError, "a measure must return a finite number"),
        (lambda: metrics.psnr(T.to("meta"), T), ValueError, "device meta has no values"),
        (lambda: metrics.mse(T.to_sparse(), T), TypeError, "layout torch.sparse_coo"),
        (lambda: metrics.mse(np.ma.masked_array([1.0], [True]), np.ones(1)), TypeError, "masked arrays"),
        (lambda: metrics.summary(["a"]), TypeError, "a sequence of numbers"),
        (lambda: init.he_(torch.zeros(4), omega_0=1, is_first=True), ValueError, r"\(out_features, in_features\), got"),
        (lambda: Siren(2, 1, dtype="float32"), TypeError, "dtype must be a torch.dtype"),
        (lambda: Siren(2, 1, hidden_features=2**62), ValueError, "at most 2.33"),
        (lambda: Siren(2, 1, hidden_layers=2**62), ValueError, "at most 2.33"),
        (lambda: Siren(2, 1, hidden_layers=10**30), ValueError, "must be less than 2.*63, got a number of 100 bits"),
        (lambda: Siren(2, 1, first_omega_0=10**400), ValueError, "first_omega_0 must be a finite number"),
        (lambda: SMALL(X.double()), TypeError, "float64, the network is torch.float32"),
        (lambda: SMALL(3.0), TypeError, "coords must be a tensor"),
        (lambda: Siren(2, 1, activation=lambda x: x[0])(X), TypeError, "activation must return a tensor of the shape"),
        (lambda: capture(3, X), TypeError, "model must be a Siren, got int"),
        (lambda: resampling.resize(T, (0, 5)), ValueError, "integers >= 1"),
        (lambda: resampling.resize(T, "ab"), TypeError, "sequence of integers"),
        (lambda: resampling.resize_as_published(T, down=1e-300), ValueError, "factor >= 1"),
        (lambda: plots.history({}), TypeError, "at least one by name, got dict"),
        (lambda: plots.images({"one": None}), TypeError, "the picture 'one' must be"),
        (lambda: plots.comparison({}), TypeError, "a dict of at least one picture by title, got dict"),
        (lambda: plots.comparison({"a": T}, reference="b"), ValueError, "reference='b' is none of the pictures: 'a'"),
        (lambda: plots.comparison({"a": T}, crops=9), ValueError, "crops must be at most 8, got 9"),
        (lambda: plots.spectra({}, sample_rate=8), TypeError, "a dict of at least one sound by name"),
        (lambda: plots.spectra({"a": "b"}, sample_rate=8), ValueError, "the sound 'a' must be an array"),
        (lambda: plots.sweep(T[None]), ValueError, "must have shape"),
        (lambda: plots.sweep(T, marks={"a": -1}), ValueError, "a must be a positive finite number, got -1"),
        (lambda: plots.summary(None), TypeError, "fit must be a Fit, got NoneType"),
        (lambda: plots.enlargement(T, T[:, :3]), ValueError, "the result must not be smaller than the image"),
        (lambda: plots.enlargement(T, T, reference=T[:1]), ValueError, "the reference must be like the result"),
    ],
)
def test_wrong_kinds(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_huge_and_tiny_differences_have_a_psnr():
    zero, one = torch.zeros(1, 4, 4).double(), torch.ones(1, 4, 4).double()
    for size in (1e300, 1e-300):
        assert metrics.psnr(size * one, zero, data_range=size * 10) == pytest.approx(20)
    assert metrics.psnr(1e-200 * one, zero) == pytest.approx(4000)
    assert metrics.psnr(1e-200 * one, zero, channel_sum=True) == pytest.approx(4000)
    assert math.isinf(metrics.mse(1e300 * one, zero))


def test_omega_star_is_proportional_to_contrast_of_any_size():
    image = T.double() ** 2
    assert omega.omega_star(image * 1e200) == pytest.approx(1e200 * omega.omega_star(image), rel=1e-5)


def test_derivatives_at_no_point_are_empty():
    assert [tuple(one.shape) for one in derivatives.value_and_derivatives(SMALL, X[:0], order=2)] == [
        (0, 1),
        (0, 1, 2),
        (0, 1),
    ]
