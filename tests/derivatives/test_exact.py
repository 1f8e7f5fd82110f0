import math

import pytest
import torch
from problems import Wave
from scipy import ndimage

from siren_sr import Siren, derivatives
from siren_sr.grids import coordinates


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_known_functions(dims, generator):
    wave = Wave(torch.randn(4, dims, generator=generator, dtype=torch.float64) * 3)
    x = torch.rand(50, dims, generator=generator, dtype=torch.float64) * 2 - 1
    torch.testing.assert_close(derivatives.gradient(wave, x), wave.gradient(x))
    torch.testing.assert_close(derivatives.laplacian(wave, x), wave.laplacian(x))


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_propagation_agrees_with_nested_autograd(dims, dtype, tolerance, generator):
    model = Siren(dims, 3, hidden_features=64, first_omega_0=20.0, dtype=torch.float64, generator=generator)
    x = torch.rand(40, dims, generator=generator, dtype=torch.float64) * 2 - 1
    h = [0.1, 0.2, 0.3][:dims]
    expected = derivatives.nested_autograd(model, x, order=2, spacing=h)
    found = derivatives.value_and_derivatives(model.to(dtype), x.to(dtype), order=2, spacing=h)
    for a, b in zip(found, expected, strict=True):
        assert (a.double() - b).norm() <= tolerance * b.norm()


def test_gradients_with_respect_to_parameters_agree(generator):
    model = Siren(2, 2, hidden_features=24, dtype=torch.float64, generator=generator)
    x = torch.rand(30, 2, generator=generator, dtype=torch.float64)
    results = []
    for evaluate in (derivatives.value_and_derivatives, derivatives.nested_autograd):
        value, gradient, laplacian = evaluate(model, x, order=2)
        loss = value.square().mean() + gradient.square().mean() + 1e-3 * laplacian.square().mean()
        # The output's bias has no part in the derivatives, but in the value it does.
        results.append(torch.autograd.grad(loss, list(model.parameters())))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_gradcheck(generator):
    model = Siren(
        2,
        1,
        hidden_features=6,
        hidden_layers=1,
        first_omega_0=3.0,
        hidden_omega_0=2.0,
        dtype=torch.float64,
        generator=generator,
    )
    x = torch.rand(4, 2, generator=generator, dtype=torch.float64)
    names = [name for name, _ in model.named_parameters()]

    def outputs(*values):
        return torch.func.functional_call(
            Taylor(model), {f"model.{n}": v for n, v in zip(names, values, strict=True)}, (x,)
        )

    parameters = [p.detach().clone().requires_grad_(True) for p in model.parameters()]
    assert torch.autograd.gradcheck(outputs, parameters)


class Taylor(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return derivatives.value_and_derivatives(self.model, x, order=2)


def test_relu_has_a_gradient_and_no_laplacian(generator):
    model = Siren(2, 3, hidden_features=16, activation="relu", generator=generator)
    x = torch.rand(20, 2, generator=generator)
    step = 1e-3
    numeric = (model(x + torch.tensor([step, 0])) - model(x - torch.tensor([step, 0]))) / (2 * step)
    assert ((derivatives.gradient(model, x)[..., 0] - numeric).abs() < 0.05 * numeric.abs().max()).float().mean() > 0.9
    assert torch.equal(derivatives.laplacian(model, x), torch.zeros(20, 3))


def test_user_activation_falls_back(generator):
    model = Siren(
        1,
        1,
        hidden_features=8,
        activation=torch.tanh,
        first_omega_0=2.0,
        hidden_omega_0=1.0,
        dtype=torch.float64,
        generator=generator,
    )
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    step = 1e-4
    second = (model(x + step) - 2 * model(x) + model(x - step)) / step**2
    torch.testing.assert_close(derivatives.laplacian(model, x), second, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("shape", [(96, 96), (64, 160), (150, 60)])
def test_the_factor_between_exact_and_numerical(shape, align_corners):
    # A wave of low frequency, so that the kernels' second-order terms are small; facts: 8h and 3h² per axis.
    wave = Wave(torch.tensor([[2.0, 1.5], [-1.0, 2.5]], dtype=torch.float64))
    x = coordinates.grid(shape, align_corners=align_corners, dtype=torch.float64)
    h = coordinates.spacing(shape, align_corners=align_corners)
    image = wave(x).T.reshape(2, *shape)
    gradient = derivatives.SOBEL_FACTOR * derivatives.gradient(wave, x, spacing=h)
    laplacian = derivatives.LAPLACIAN_FACTOR * derivatives.laplacian(wave, x, spacing=h)
    inside = (..., slice(2, -2), slice(2, -2))
    sobel = derivatives.image_gradient(image)[inside]
    kernel = derivatives.image_laplacian(image)[inside]
    gradient = gradient.permute(1, 2, 0).reshape(2, 2, *shape)[inside]
    laplacian = laplacian.T.reshape(2, *shape)[inside]
    assert (sobel - gradient).norm() < 5e-3 * gradient.norm()
    assert (kernel - laplacian).norm() < 5e-3 * laplacian.norm()


def test_the_factor_explains_the_papers_25():
    # W = 255, corners: 8h = 0.0630; the paper found 2.5/40 = 0.0625 by trial.
    (h, _) = coordinates.spacing((192, 255), align_corners=True)
    assert derivatives.SOBEL_FACTOR * h == pytest.approx(2.5 / 40, rel=0.01)


def test_image_operators_agree_with_scipy(generator):
    image = torch.rand(2, 3, 12, 17, generator=generator, dtype=torch.float64)
    found = derivatives.image_gradient(image)
    assert found.shape == (2, 3, 2, 12, 17)
    one = image[1, 2].numpy()
    for d, axis in ((0, 1), (1, 0)):
        expected = torch.from_numpy(ndimage.sobel(one, axis=axis, mode="nearest"))
        torch.testing.assert_close(found[1, 2, d], expected)
    kernel = [[1, 1, 1], [1, -8, 1], [1, 1, 1]]
    expected = torch.from_numpy(ndimage.convolve(one, kernel, mode="mirror"))
    torch.testing.assert_close(derivatives.image_laplacian(image)[1, 2], expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_thin_images(shape):
    ramp = torch.arange(math.prod(shape), dtype=torch.float64).reshape(1, *shape).square()
    result = derivatives.image_laplacian(ramp)
    assert result.shape == (1, *shape)
    if max(shape) > 1:  # second difference of i² is 2, in each of the three equal rows; reflected at the ends
        expected = torch.tensor([6.0, *[6.0] * 7, 6.0 * (49 - 64)], dtype=torch.float64)
        torch.testing.assert_close(result.flatten(), expected)
    x, y = derivatives.image_gradient(ramp)[0]
    along, across = (x, y) if shape[1] > 1 else (y, x)
    assert torch.equal(across, torch.zeros_like(across))
    if max(shape) > 1:  # (i + 1)² - (i - 1)² = 4i, in rows of weight 4; replicated at the ends
        assert along.flatten().tolist() == [4.0, *[16.0 * i for i in range(1, 8)], 4.0 * (64 - 49)]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: derivatives.gradient(torch.sin, torch.zeros(3)), r"coords must have shape \(N, D\)"),
        (lambda: derivatives.laplacian(torch.sin, torch.zeros(3, 2), spacing=[1.0]), "one step per coordinate"),
        (lambda: derivatives.gradient(lambda x: x.sum(), torch.zeros(3, 2)), r"must map \(N, D\) to \(N, C\)"),
        (lambda: derivatives.image_gradient(torch.zeros(4, 4)), r"an image must have shape \(..., C, H, W\)"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_an_activation_that_is_only_called_sine_is_not_taken_for_one(generator):
    def sine(x):
        return torch.sin(x) ** 3

    model = Siren(1, 1, hidden_features=8, hidden_layers=0, activation=sine, dtype=torch.float64, generator=generator)
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]
    expected = derivatives.nested_autograd(model, x, order=2)
    torch.testing.assert_close(derivatives.laplacian(model, x), expected[2])
    assert model.config()["activation"] == "custom sine"
