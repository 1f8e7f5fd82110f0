"""A network under `torch.func`: its transforms find what the library's own derivatives are."""

import pytest
import torch
from torch.func import functional_call, grad, hessian, jacrev, jvp, stack_module_state, vmap

from siren_sr import Siren, derivatives


@pytest.fixture
def model(generator):
    return Siren(2, 3, hidden_features=16, first_omega_0=8.0, dtype=torch.float64, generator=generator)


@pytest.fixture
def points(generator):
    return torch.rand(5, 2, generator=generator, dtype=torch.float64) * 2 - 1


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:FutureWarning")  # PyTorch's own affair, at the first `jvp`
def test_derivatives_by_the_points(model, points):
    parameters = dict(model.named_parameters())

    def at(point):
        return functional_call(model, parameters, (point,))

    torch.testing.assert_close(vmap(jacrev(at))(points), derivatives.gradient(model, points))
    second = vmap(hessian(at))(points)
    torch.testing.assert_close(second.diagonal(dim1=-2, dim2=-1).sum(-1), derivatives.laplacian(model, points))
    along = torch.tensor([0.6, -0.8], dtype=torch.float64)
    _, slope = jvp(model, (points,), (along.expand_as(points),))
    torch.testing.assert_close(slope, derivatives.gradient(model, points) @ along)


def test_gradients_of_every_point_by_the_parameters(model, points):
    parameters = dict(model.named_parameters())

    def loss(parameters, point):
        return functional_call(model, parameters, (point,)).square().sum()

    single = vmap(grad(loss), in_dims=(None, 0))(parameters, points)
    model(points).square().sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(single[name].sum(0), parameter.grad)


def test_an_ensemble_is_evaluated_at_once(points, generator):
    models = [Siren(2, 3, hidden_features=8, dtype=torch.float64, generator=generator) for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    found = vmap(lambda p, b: functional_call(models[0], (p, b), (points,)))(parameters, buffers)
    torch.testing.assert_close(found, torch.stack([model(points) for model in models]))
