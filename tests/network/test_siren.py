import copy
import pickle

import pytest
import torch

from siren_sr import Siren
from siren_sr.network.activity import capture


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_forward_is_the_formula(generator):
    model = Siren(2, 3, hidden_features=16, hidden_layers=1, first_omega_0=7.0, hidden_omega_0=5.0, generator=generator)
    x = torch.rand(10, 2, generator=generator)
    first, second = model.layers
    y = torch.sin(7 * (x @ first.weight.T + first.bias))
    y = torch.sin(5 * (y @ second.weight.T + second.bias))
    torch.testing.assert_close(model(x), y @ model.output.weight.T + model.output.bias)


@pytest.mark.parametrize(("activation", "function"), [("relu", torch.relu), (torch.tanh, torch.tanh)])
def test_other_activations_keep_omega(activation, function, generator):
    model = Siren(
        1, 1, hidden_features=8, hidden_layers=0, first_omega_0=3.0, activation=activation, generator=generator
    )
    x = torch.linspace(-1, 1, 5)[:, None]
    layer = model.layers[0]
    torch.testing.assert_close(model(x), model.output(function(3 * (x @ layer.weight.T + layer.bias))))


@pytest.mark.parametrize("shape", [(4,), (2, 4), (3, 5, 4)])
def test_any_leading_shape_and_dimension(shape, generator):
    model = Siren(4, 2, hidden_features=8, generator=generator)
    assert model(torch.zeros(shape)).shape == (*shape[:-1], 2)


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
