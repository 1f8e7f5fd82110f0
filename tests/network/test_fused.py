import pytest
import torch

from siren_sr import Siren, derivatives
from siren_sr.grids import coordinates
from siren_sr.network import fused
from siren_sr.network.tiled import SirenBatch

SPACING = (0.1, 0.2, 0.3)
POINTS = 20


def random(*shape, dtype=torch.float32):
    return torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(1))


def reference(network, coords, order, gradient):
    """Rows and the parameters' gradients by nested autograd."""
    value, *rest = derivatives.nested_autograd(network, coords, order=order, spacing=SPACING[: coords.shape[1]])
    rows = [value[None]]
    rows += [rest[0].permute(2, 0, 1)] if order else []
    rows += [rest[1][None]] if order == 2 else []
    expected = torch.cat(rows)
    gradient = gradient(expected)
    grads = torch.autograd.grad((expected * gradient).sum(), list(network.parameters()), materialize_grads=True)
    return expected.detach(), gradient, grads


def agree(network, dims, order, dtype, tolerance):
    coords = random(POINTS, dims, dtype=dtype) * 2 - 1
    expected, gradient, grads = reference(network, coords, order, lambda rows: random(*rows.shape, dtype=dtype))
    engine = fused.Fused(network, dims=dims, order=order, spacing=SPACING[:dims])
    tape = engine.tape(POINTS)
    for _ in range(2):  # buffers are used again
        engine.refold()
        network.zero_grad()
        rows = engine.forward(coords, tape)
        engine.backward(gradient, tape)
        engine.write_gradients()
    assert relative(rows, expected) < tolerance
    assert relative(engine.forward(coords, tape, backward=False), expected) < tolerance
    for parameter, grad in zip(network.parameters(), grads, strict=True):
        assert relative(parameter.grad, grad) < tolerance


def relative(a, b):
    a, b = a.detach(), b.detach()
    return float((a - b).norm() / b.norm().clamp(min=1e-300))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("hidden_layers", [0, 1, 2])
def test_agrees_with_nested_autograd(dims, order, hidden_layers, dtype, tolerance):
    network = Siren(
        dims, 3, hidden_features=24, hidden_layers=hidden_layers, first_omega_0=7.0, hidden_omega_0=5.0, dtype=dtype
    )
    agree(network, dims, order, dtype, tolerance)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_many_networks_at_once(order):
    generator = torch.Generator().manual_seed(0)
    network = SirenBatch.initialized(
        4, 2, hidden_features=8, hidden_layers=2, generator=generator, like=torch.empty(0, dtype=torch.float64)
    )
    with torch.no_grad():
        network.weights[-1].normal_(generator=generator)
    agree(network, 2, order, torch.float64, 1e-12)


def test_at_full_size_in_float32():
    network = Siren(2, 3, first_omega_0=90.0, generator=torch.Generator().manual_seed(0))
    coords = coordinates.grid((12, 17))
    engine = fused.Fused(network, dims=2, order=2)
    rows = engine.forward(coords, engine.tape(len(coords)))
    value, gradient, laplacian = derivatives.nested_autograd(network, coords, order=2)
    assert relative(rows[0], value) < 1e-5
    assert relative(rows[1:3], gradient.permute(2, 0, 1)) < 1e-5
    assert relative(rows[3], laplacian) < 1e-5


def test_gradients_are_added():
    network = Siren(2, 1, hidden_features=4, generator=torch.Generator().manual_seed(0))
    coords, grad = random(POINTS, 2), torch.ones(1, POINTS, 1)
    engine = fused.Fused(network, dims=2)
    tape = engine.tape(POINTS)
    engine.forward(coords, tape)
    engine.backward(grad, tape)
    engine.write_gradients()
    once = [p.grad.clone() for p in network.parameters()]
    engine.write_gradients()
    for parameter, grad in zip(network.parameters(), once, strict=True):
        torch.testing.assert_close(parameter.grad, 2 * grad)


def test_what_is_not_supported():
    options = {"hidden_features": 4, "generator": torch.Generator().manual_seed(0)}
    assert fused.supports(Siren(2, 1, **options))
    assert not fused.supports(Siren(2, 1, **options, activation="relu"))
    assert not fused.supports(torch.nn.utils.skip_init(torch.nn.Linear, 2, 1))
    normed = Siren(2, 1, **options)
    torch.nn.utils.parametrizations.weight_norm(normed.layers[1])
    assert not fused.supports(normed)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_bf16_is_close_and_finite(order):
    network = Siren(2, 3, hidden_features=64, first_omega_0=90.0, generator=torch.Generator().manual_seed(0))
    coords, rows = random(POINTS, 2) * 2 - 1, []
    gradients = []
    for precision in (None, "bf16"):
        network.zero_grad()
        engine = fused.Fused(network, dims=2, order=order, spacing=(0.01, 0.01), precision=precision)
        tape = engine.tape(POINTS)
        rows.append(engine.forward(coords, tape))
        assert rows[-1].dtype == torch.float32
        engine.backward(torch.ones_like(rows[-1]), tape)
        engine.write_gradients()
        gradients.append([p.grad.clone() for p in network.parameters()])
    assert 0 < relative(rows[1], rows[0]) < 0.03
    for exact, rounded in zip(*gradients, strict=True):
        assert rounded.dtype == torch.float32
        assert relative(rounded, exact) < 0.05
