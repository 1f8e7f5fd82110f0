"""Modes of torch that a user may be in neither change what functions of tensors return, nor are changed by them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from problems import picture
from test_undisturbed import CONTEXTS, modes

from siren_sr import Siren, derivatives, metrics, omega
from siren_sr.grids import resampling
from siren_sr.network import capture
from siren_sr.transforms import SuperResolve

IMAGE, OTHER = picture(12, 14), picture(12, 14).flip(2)
GRADIENT, LAPLACIAN = derivatives.image_gradient(IMAGE), derivatives.image_laplacian(IMAGE)
COORDS = torch.linspace(-1, 1, 20).reshape(10, 2)
SINE = Siren(2, 3, hidden_features=8, generator=torch.Generator().manual_seed(0))
RELU = Siren(2, 3, hidden_features=8, activation="relu", generator=torch.Generator().manual_seed(0))

FUNCTIONS = {
    "image_gradient": lambda: derivatives.image_gradient(IMAGE),
    "image_laplacian": lambda: derivatives.image_laplacian(IMAGE),
    "inverse_gradient": lambda: derivatives.inverse_gradient(GRADIENT),
    "inverse_laplacian": lambda: derivatives.inverse_laplacian(LAPLACIAN),
    "laplacian_of_gradient": lambda: derivatives.laplacian_of_gradient(GRADIENT),
    "gradient": lambda: derivatives.gradient(SINE, COORDS),
    "gradient, nested": lambda: derivatives.gradient(RELU, COORDS),
    "laplacian": lambda: derivatives.laplacian(SINE, COORDS, spacing=(0.5, 0.25)),
    "laplacian of a function": lambda: derivatives.laplacian(lambda x: x.prod(-1, keepdim=True) ** 2, COORDS),
    "value_and_derivatives": lambda: derivatives.value_and_derivatives(SINE, COORDS, order=2)[2],
    "nested_autograd": lambda: derivatives.nested_autograd(SINE, COORDS, order=2)[2],
    "omega_star": lambda: omega.omega_star(IMAGE),
    "omega_hr": lambda: omega.omega_hr(IMAGE, 3),
    "omega_r": lambda: omega.omega_r(44100),
    "choose": lambda: omega.choose(np.sin(np.arange(30.0))),
    "choose by a measure": lambda: omega.choose(IMAGE, "rms_frequency"),
    "choose for an array": lambda: omega.choose(np.sin(np.arange(90.0)), "tenengrad"),
    "mse": lambda: metrics.mse(IMAGE, OTHER),
    "psnr": lambda: metrics.psnr(IMAGE, OTHER),
    "psnr_y": lambda: metrics.psnr_y(IMAGE, OTHER, border=1),
    "ssim": lambda: metrics.ssim(IMAGE, OTHER),
    "ssim_y": lambda: metrics.ssim_y(IMAGE.numpy().transpose(1, 2, 0), OTHER.numpy().transpose(1, 2, 0)),
    "rgb_to_y": lambda: metrics.rgb_to_y(IMAGE),
    "resize": lambda: resampling.resize(IMAGE, (9, 20)),
    "resize_as_published": lambda: resampling.resize_as_published(IMAGE, down=2, up=3),
    "capture": lambda: capture(SINE, COORDS)[1].activation,
    "SuperResolve": lambda: SuperResolve(2, quality="fast")(IMAGE),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_is_disturbed(function):
    expected = FUNCTIONS[function]()
    for name, context in CONTEXTS.items():
        with context():
            inside = modes()
            found = FUNCTIONS[function]()
            assert modes() == inside, name
        assert type(found) is type(expected), name
        if isinstance(found, torch.Tensor):
            assert (found.dtype, found.device) == (expected.dtype, expected.device), name
            assert not found.is_inference(), name
            found, expected = found.detach(), expected.detach()
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected), err_msg=name)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("model", [SINE, RELU], ids=["sine", "relu"])
def test_no_graph_is_built_where_none_is_wanted(model, mode):
    with mode():
        for values in derivatives.value_and_derivatives(model, COORDS, order=2):
            assert not values.requires_grad
            values.numpy()


def test_tensors_of_inference_mode_are_read():
    with torch.inference_mode():
        coords, image = COORDS.clone(), IMAGE.clone()
    assert torch.equal(derivatives.gradient(SINE, coords), derivatives.gradient(SINE, COORDS))
    assert torch.equal(derivatives.image_gradient(image), GRADIENT)


@pytest.mark.parametrize("context", [torch.enable_grad, lambda: torch.autocast("cpu", torch.bfloat16)])
def test_gradients_flow_through_derivatives(context):
    image = IMAGE.double().requires_grad_()
    with context():
        values = [
            derivatives.image_gradient(image),
            derivatives.image_laplacian(image),
            derivatives.inverse_laplacian(image),
            derivatives.inverse_gradient(derivatives.image_gradient(image)),
            resampling.resize(image, (5, 6)),
        ]
        exact = derivatives.gradient(SINE, COORDS).square().sum() + derivatives.laplacian(RELU, COORDS).square().sum()
    for one in values:
        (found,) = torch.autograd.grad(one.square().sum(), image, retain_graph=True)
        assert found.abs().max() > 0
    found = torch.autograd.grad(exact, [SINE.layers[0].weight])
    assert found[0].abs().max() > 0
