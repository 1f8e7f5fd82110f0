import itertools
import math

import pytest
import torch
from problems import picture

from siren_sr import Siren, derivatives
from siren_sr.grids import coordinates
from siren_sr.training import objectives, optimizers, passes
from siren_sr.training.field import is_pointwise, psnr_of, weighted
from siren_sr.training.loop import Stage, train
from siren_sr.training.progress import Monitor

SHAPE = (9, 13)


def model(**options):
    defaults = {"hidden_features": 16, "hidden_layers": 1, "first_omega_0": 5.0, "dtype": torch.float64}
    return Siren(2, 2, **{**defaults, **options}, generator=torch.Generator().manual_seed(3))


def still(parameters):
    """An optimizer that leaves everything as it is, gradients included."""
    return torch.optim.SGD(parameters, lr=0.0)


def target():
    return (picture(*SHAPE, channels=2) * 2 - 1).double()


def everything():
    image = target()
    return weighted(
        [
            (1.0, objectives.value(image)),
            (0.3, objectives.gradient(derivatives.image_gradient(image), method="analytical")),
            (0.2, objectives.laplacian(derivatives.image_laplacian(image), method="analytical")),
            (0.1, objectives.gradient(derivatives.image_gradient(image))),
            (0.5, objectives.total_variation()),
            (0.7, objectives.spectrum(image)),
        ]
    )


class Whole:
    """The field computed at once, with plain autograd: the reference."""

    def __init__(self, network):
        x = coordinates.grid(SHAPE, dtype=torch.float64)
        value, gradient, laplacian = derivatives.nested_autograd(
            network, x, order=2, spacing=coordinates.spacing(SHAPE)
        )
        self.values = value.T.reshape(-1, *SHAPE)
        self.gradient = gradient.permute(1, 2, 0).reshape(-1, 2, *SHAPE)
        self.laplacian = laplacian.T.reshape(-1, *SHAPE)


@pytest.mark.parametrize("activation", ["sine", torch.tanh])
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("chunk", [7, 64, 1000])
def test_chunked_gradients_are_those_of_the_whole(monkeypatch, chunk, keep, activation):
    network, objective = model(activation=activation), everything()
    expected_loss = objective(Whole(network))
    expected = torch.autograd.grad(expected_loss, list(network.parameters()))
    monkeypatch.setattr(passes, "KEEP_BYTES", (1 << 30) if keep else 0)
    (entry,) = train(network, [Stage(objective, 1, SHAPE, still)], chunk=chunk)
    assert entry.loss == pytest.approx(expected_loss.item())
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-8, atol=1e-12)


def pointwise():
    image = target()
    return weighted(
        [
            (1.0, objectives.value(image, channel_sum=True)),
            (0.3, objectives.gradient(derivatives.image_gradient(image), method="analytical", factor=0.1)),
            (0.2, objectives.laplacian(derivatives.image_laplacian(image), method="analytical")),
        ]
    )


@pytest.mark.parametrize("activation", ["sine", torch.tanh])
@pytest.mark.parametrize("chunk", [7, 1000])
def test_pointwise_gradients_are_those_of_the_whole(chunk, activation):
    network, objective = model(activation=activation), pointwise()
    assert is_pointwise(objective)
    assert not is_pointwise(everything())
    expected_loss = objective(Whole(network))
    expected = torch.autograd.grad(expected_loss, list(network.parameters()))
    (entry,) = train(network, [Stage(objective, 1, SHAPE, still)], chunk=chunk)
    assert entry.loss == pytest.approx(expected_loss.item())
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-8, atol=1e-12)


def test_batches_add_up_to_the_whole():
    network, sums = model(), []

    class Watch(torch.optim.SGD):
        def step(self, closure):
            losses.append(closure())
            sums.append([p.grad.clone() for p in network.parameters()])

    losses = []
    stage = Stage(objectives.value(target()), 1, SHAPE, still)
    (whole,) = train(network, [stage])
    expected = [p.grad.clone() for p in network.parameters()]
    parts = Stage(
        stage.objective, 1, SHAPE, lambda p: Watch(p, lr=0.0), batch=math.prod(SHAPE) // 3, score=stage.objective
    )
    (entry,) = train(network, [parts])
    assert len(set(losses)) == 3
    assert sum(losses) / 3 == pytest.approx(entry.loss) == pytest.approx(whole.loss)
    assert entry.psnr == pytest.approx(psnr_of(whole.loss))
    for i, gradient in enumerate(expected):
        torch.testing.assert_close(sum(s[i] for s in sums) / 3, gradient)


def test_batches_need_a_pointwise_objective():
    with pytest.raises(ValueError, match="a stage with batch= needs an objective and a score that are sums"):
        train(model(), [Stage(everything(), 1, SHAPE, still, batch=10)])


def test_hooks_and_own_forward_methods_are_respected():
    class Shifted(Siren):
        def forward(self, coords):
            return super().forward(coords) + 3

    hooked = model()
    hooked.layers[0].register_forward_hook(lambda module, args, output: 0 * output)
    plain = model()
    shifted = Shifted(**{**plain.config(), "activation": "sine"}, dtype=torch.float64)
    shifted.load_state_dict(plain.state_dict())
    zero = objectives.value(torch.zeros_like(target()))
    for network in (hooked, shifted):
        (entry,) = train(network, [Stage(zero, 1, SHAPE, still)])
        values = network(coordinates.grid(SHAPE, dtype=torch.float64))
        assert entry.loss == pytest.approx(values.square().mean().item())


def test_frozen_parameters_stay():
    network = model()
    network.layers[0].weight.requires_grad_(False)
    before = network.layers[0].weight.clone()
    train(network, [Stage(objectives.value(target()), 3, SHAPE, optimizers.adam(1e-2))])
    assert torch.equal(network.layers[0].weight, before)


def test_one_step_is_one_step_of_the_optimizer():
    ours, plain = model(), model()
    stage = Stage(objectives.value(target()), 1, SHAPE, optimizers.adam(1e-2))
    (entry,) = train(ours, [stage])
    loss = (plain(coordinates.grid(SHAPE, dtype=torch.float64)).T.reshape(2, *SHAPE) - target()).square().mean()
    loss.backward()
    torch.optim.Adam(plain.parameters(), lr=1e-2).step()
    assert entry.loss == pytest.approx(loss.item())
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    "optimizer", [optimizers.adam(5e-3), optimizers.soap(5e-3), lambda p: torch.optim.LBFGS(p, max_iter=5)]
)
def test_the_loss_falls(optimizer):
    history = train(model(), [Stage(objectives.value(target()), 60, SHAPE, optimizer)])
    assert history[-1].loss < 0.1 * history[0].loss


def test_history_stages_schedulers_and_callback():
    seen = []
    stages = [
        Stage(objectives.value(target()), 3, SHAPE, optimizers.adam(1e-3), optimizers.cosine(3), name="one"),
        Stage(
            objectives.value(target()),
            4,
            SHAPE,
            optimizers.adam(1e-2),
            name="two",
            score=lambda field: torch.tensor(0.04),
        ),
    ]
    history = train(model(), stages, monitor=Monitor(seen.append))
    assert [e.step for e in history] == [1, 2, 3, 4, 5, 6, 7]
    assert [e.stage for e in history] == [0, 0, 0, 1, 1, 1, 1]
    assert [e.lr for e in history] == pytest.approx([1e-3, 0.75e-3, 0.25e-3, 1e-2, 1e-2, 1e-2, 1e-2])
    assert math.isnan(history[0].psnr)
    assert history[-1].psnr == pytest.approx(20.0)
    assert [p.entry for p in seen] == list(history)
    assert [p.stage for p in seen] == ["one"] * 3 + ["two"] * 4
    assert seen[-1].remaining == 0
    assert all(a.seconds < b.seconds for a, b in itertools.pairwise(history))


def test_a_callback_stops():
    history = train(
        model(),
        [Stage(objectives.value(target()), 50, SHAPE, optimizers.adam(1e-3))],
        monitor=Monitor(lambda p: p.entry.step == 5),
    )
    assert len(history) == 5


def test_plateau_scheduler_sees_the_loss():
    stage = Stage(
        lambda field: (0 * field.values).sum() + 1.0,
        5,
        SHAPE,
        optimizers.adam(1.0),
        optimizers.reduce_on_plateau(patience=1),
    )
    assert [e.lr for e in train(model(), [stage])] == pytest.approx([1.0, 1.0, 1.0, 0.6, 0.6])


def test_divergence_is_an_error():
    stage = Stage(lambda field: (field.values * 1e400).sum(), 2, SHAPE, optimizers.adam(1e-3))
    with pytest.raises(ValueError, match=r"the loss became (nan|inf|-inf) at step 1: lower the learning rate"):
        train(model(), [stage])


def test_memory_budget_recomputes(monkeypatch):
    monkeypatch.setattr(passes, "KEEP_BYTES", 0)
    recomputed, kept = model(), model()
    stage = Stage(everything(), 2, SHAPE, optimizers.adam(1e-3))
    train(recomputed, [stage], chunk=10)
    monkeypatch.undo()
    train(kept, [stage], chunk=10)
    for a, b in zip(recomputed.parameters(), kept.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_runs_repeat_exactly():
    results = []
    for _ in range(2):
        network = model(dtype=torch.float32)
        train(network, [Stage(objectives.value(target().float()), 5, SHAPE, optimizers.adam(1e-3))])
        results.append(network.state_dict())
    for key in results[0]:
        assert torch.equal(results[0][key], results[1][key])
