import copy
import math
import pickle

import numpy as np
import pytest
import torch
from scipy import special

from siren_sr import Siren
from siren_sr.network.activity import capture


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def written(layers, **options):
    """A network with these (weight, bias) of every layer, the output's last."""
    sizes = {"hidden_features": len(layers[0][0]), "hidden_layers": len(layers) - 2, "dtype": torch.float64}
    model = Siren(len(layers[0][0][0]), len(layers[-1][0]), **sizes, **options)
    with torch.no_grad():
        for layer, (weight, bias) in zip([*model.layers, model.output], layers, strict=True):
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
    return model


def test_two_units_are_a_product_of_cosines(generator):
    # cos(kx)·cos(ky) = cos(k(x + y))/2 + cos(k(x - y))/2; a cosine is a sine a quarter of a period ahead.
    k, x = 7.0, torch.rand(50, 2, generator=generator, dtype=torch.float64) * 2 - 1
    ahead = math.pi / 2 / k
    model = written([([[1.0, 1.0], [1.0, -1.0]], [ahead, ahead]), ([[0.5, 0.5]], [0.25])], first_omega_0=k)
    torch.testing.assert_close(model(x)[:, 0], torch.cos(k * x[:, 0]) * torch.cos(k * x[:, 1]) + 0.25)


def test_a_sine_of_a_sine_is_its_series_of_bessel_functions():
    # Jacobi and Anger: sin(z·sin θ) = 2·Σ J_n(z)·sin(nθ) over odd n.
    options = {"first_omega_0": 7.0, "hidden_omega_0": 5.0}
    model = written([([[1.0]], [0.0]), ([[0.3]], [0.0]), ([[1.0]], [0.0])], **options)
    x = np.linspace(-1, 1, 60)
    expected = 2 * sum(special.jv(n, 5.0 * 0.3) * np.sin(n * 7.0 * x) for n in range(1, 30, 2))
    np.testing.assert_allclose(model(torch.from_numpy(x)[:, None])[:, 0].detach(), expected, atol=1e-12)


def test_other_activations_keep_omega():
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    bend = written([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])], first_omega_0=3.0, activation="relu")
    torch.testing.assert_close(bend(x), (3 * x).abs())
    step = written([([[1.0]], [0.0]), ([[1.0]], [0.0])], first_omega_0=3.0, activation=torch.tanh)
    torch.testing.assert_close(step(x), 1 - 2 / ((6 * x).exp() + 1))


@pytest.mark.parametrize("shape", [(4,), (2, 4), (3, 5, 4)])
def test_points_of_any_leading_shape_are_independent(shape, generator):
    model = Siren(4, 2, hidden_features=8, generator=generator)
    x = torch.rand(shape, generator=generator)
    rows = [model(point[None])[0] for point in x.reshape(-1, 4)]
    torch.testing.assert_close(model(x), torch.stack(rows).reshape(*shape[:-1], 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_generator_same_network(dtype):
    a, b, c = (Siren(2, 1, hidden_features=8, dtype=dtype, generator=seeded(s)) for s in (5, 5, 6))
    x = torch.ones(3, 2, dtype=dtype)
    assert torch.equal(a(x), b(x))
    assert not torch.equal(a(x), c(x))
    assert a(x).dtype == dtype


def test_without_a_generator_networks_differ():
    assert not torch.equal(Siren(1, 1, hidden_features=4).output.weight, Siren(1, 1, hidden_features=4).output.weight)


def test_reset_parameters_repeats_construction():
    model = Siren(2, 1, hidden_features=8, generator=seeded())
    expected = copy.deepcopy(model.state_dict())
    model.reset_parameters(seeded(1))
    assert not torch.equal(model.output.weight, expected["output.weight"])
    model.reset_parameters(seeded())
    for key, value in model.state_dict().items():
        assert torch.equal(value, expected[key])


def test_state_dict_deepcopy_pickle(generator):
    model = Siren(2, 3, hidden_features=8, first_omega_0=12.0, generator=generator)
    x = torch.rand(4, 2, generator=generator)
    other = Siren(**model.config())
    other.load_state_dict(model.state_dict())
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), other):
        assert torch.equal(twin(x), model(x))


def test_repr_tells_the_configuration():
    text = repr(Siren(2, 3, first_omega_0=91.66, activation="relu"))
    assert "first_omega_0=91.66" in text
    assert "activation=relu" in text
    assert "SineLayer(256, 256, omega_0=30)" in text


@pytest.mark.slow
def test_torch_compile(generator):
    model = Siren(2, 3, hidden_features=32, generator=generator)
    x = torch.rand(64, 2, generator=generator)
    compiled = torch.compile(model)
    torch.testing.assert_close(compiled(x), model(x), rtol=1e-4, atol=1e-5)
    compiled(x).sum().backward()
    assert torch.isfinite(model.layers[0].weight.grad).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_devices_start_alike():
    cpu, gpu = Siren(2, 1, generator=seeded()), Siren(2, 1, generator=seeded(), device="cuda")
    assert torch.equal(cpu.layers[1].weight, gpu.layers[1].weight.cpu())
    x = torch.rand(100, 2, generator=seeded())
    torch.testing.assert_close(gpu(x.cuda()).cpu(), cpu(x), rtol=1e-3, atol=1e-4)


def test_capture_gives_every_layer_and_its_gradients(generator):
    model = Siren(2, 3, hidden_features=8, hidden_layers=1, dtype=torch.float64, generator=generator)
    x = torch.rand(6, 2, generator=generator, dtype=torch.float64)
    activity = capture(model, x)
    assert [a.name for a in activity] == ["layers.0", "layers.1", "output"]
    torch.testing.assert_close(activity[-1].activation, model(x).detach())
    torch.testing.assert_close(activity[0].activation, torch.sin(activity[0].pre_activation))
    # Chain rule through the sine, and the gradient of a mean of N·C outputs.
    last = activity[1]
    torch.testing.assert_close(last.pre_activation_grad, last.activation_grad * torch.cos(last.pre_activation))
    expected = (model.output.weight.sum(0) / 18).expand(6, -1)
    torch.testing.assert_close(last.activation_grad, expected.detach())
    assert model.output.weight.grad is None
    assert capture(model, x, gradients=False)[0].activation_grad is None


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"in_features": 0}, ValueError, "in_features must be >= 1, got 0"),
        ({"hidden_features": 2.5}, TypeError, "hidden_features must be an integer >= 1, got 2.5"),
        ({"hidden_layers": -1}, ValueError, "hidden_layers must be >= 0"),
        ({"first_omega_0": 0}, ValueError, "first_omega_0 must be a finite number > 0"),
        ({"hidden_omega_0": float("nan")}, ValueError, "hidden_omega_0 must be a finite number > 0"),
        ({"activation": "gelu"}, ValueError, r"activation='gelu' is unknown: use one of \['relu', 'sine'\]"),
        ({"activation": 1}, TypeError, "activation must be a name or a callable"),
        ({"dtype": torch.int32}, ValueError, "dtype must be a floating-point type"),
    ],
)
def test_errors(arguments, error, text):
    with pytest.raises(error, match=text):
        Siren(**{"in_features": 2, "out_features": 1, **arguments})


def test_wrong_coordinates():
    with pytest.raises(ValueError, match=r"coords must have shape \(..., 2\), got \(5, 3\)"):
        Siren(2, 1, hidden_features=4)(torch.zeros(5, 3))
