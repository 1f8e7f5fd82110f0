import math

import pytest
import torch

from siren_sr import Siren, init
from siren_sr.network.activity import capture


def fill(initializer, shape=(400, 300), omega_0=30.0, is_first=False):
    return initializer(
        torch.empty(shape), omega_0=omega_0, is_first=is_first, generator=torch.Generator().manual_seed(0)
    )


@pytest.mark.parametrize(
    ("name", "is_first", "shape", "bound"),
    [
        ("sitzmann", True, (2000, 2), 1 / 2),
        ("sitzmann", False, (400, 300), math.sqrt(6 / 300) / 30),
        ("xavier", False, (400, 300), math.sqrt(6 / 700)),
        ("xavier", True, (2000, 2), math.sqrt(6 / 2002)),
    ],
)
def test_uniform_initializers(name, is_first, shape, bound):
    weight = fill(init.INITIALIZERS[name], shape, is_first=is_first)
    assert weight.abs().max() <= bound
    assert weight.abs().max() > 0.99 * bound
    # Var U(-b, b) = b²/3 and a fourth moment of b⁴/5 tell a uniform from other distributions.
    assert weight.var().item() == pytest.approx(bound**2 / 3, rel=0.05)
    assert weight.pow(4).mean().item() == pytest.approx(bound**4 / 5, rel=0.08)
    assert abs(weight.mean().item()) < 0.05 * bound


def test_he_is_normal():
    weight = fill(init.he_)
    std = math.sqrt(2 / 300)
    assert weight.std().item() == pytest.approx(std, rel=0.02)
    assert weight.pow(4).mean().item() == pytest.approx(3 * std**4, rel=0.05)


def test_works_in_place_and_returns_the_weight():
    for initializer in init.INITIALIZERS.values():
        weight = torch.empty(3, 2)
        assert initializer(weight, omega_0=1.0, is_first=True, generator=torch.Generator()) is weight


def test_biases_keep_the_default_of_linear(generator):
    model = Siren(2, 1, hidden_features=3000, hidden_layers=0, first_init="he", generator=generator)
    bias = model.layers[0].bias
    assert bias.abs().max() <= 1 / math.sqrt(2)
    assert bias.var().item() == pytest.approx(0.5 / 3, rel=0.08)


def test_a_function_of_the_users_is_enough(generator):
    def tiny_(weight, *, omega_0, is_first, generator=None):
        return weight.data.normal_(0, 1e-3 / omega_0, generator=generator)

    model = Siren(2, 3, first_init=tiny_, hidden_init=tiny_, hidden_omega_0=10.0, generator=generator)
    assert model.layers[1].weight.std().item() == pytest.approx(1e-4, rel=0.05)
    assert "tiny_" in repr(model)


def test_sitzmann_makes_pre_activations_standard_normal(generator):
    # Sitzmann et al., theorem 1.8: variance 1 from the weights before each hidden sine, and arcsine (variance 1/2)
    # after it. PyTorch's biases, kept as in the paper's code, add ω²/(3·fan_in).
    model = Siren(1, 1, hidden_features=1024, hidden_layers=2, generator=generator)
    activity = capture(model, torch.linspace(-1, 1, 4096)[:, None], gradients=False)
    for layer in activity[1:-1]:
        assert layer.pre_activation.var().item() == pytest.approx(1 + 30**2 / (3 * 1024), rel=0.1)
        assert layer.activation.var().item() == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ("orthogonal", ValueError, r"first_init='orthogonal' is unknown: use one of \['he', 'sitzmann', 'xavier'\]"),
        (3, TypeError, "first_init must be a name or a callable"),
        (torch.nn.init.orthogonal_, TypeError, "does not accept omega_0, is_first"),
        (lambda w, **_: torch.zeros_like(w), ValueError, "must fill the whole weight in place"),
    ],
)
def test_errors(value, error, text):
    with pytest.raises(error, match=text):
        Siren(2, 1, first_init=value)
