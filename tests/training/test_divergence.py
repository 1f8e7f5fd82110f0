"""A training that fails on the way goes back to its best weights, and says so."""

import contextlib
import copy
import itertools
import math

import pytest
import torch
from problems import picture

from siren_sr import Siren, fit_signal
from siren_sr.training import DivergenceWarning, Stage, final_score, objectives, optimizers, train

SHAPE = (9, 13)
ADAM, SGD, LBFGS = torch.optim.Adam, torch.optim.SGD, torch.optim.LBFGS


def model():
    return Siren(2, 2, hidden_features=16, hidden_layers=1, generator=torch.Generator().manual_seed(3))


def stage(optimizer, steps, scheduler=None, **options):
    loss = objectives.value(picture(*SHAPE, channels=2) * 2 - 1)
    return Stage(loss, steps, SHAPE, optimizer, scheduler, score=loss, **options)


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def poisoned(kind, *, at, times=1, **options):
    """An optimizer whose updates number ``at`` and those after it, ``times`` in all, leave NaN in the weights."""

    class Poisoned(kind):
        calls = 0

        def step(self, closure):
            result = super().step(closure)
            self.calls += 1
            if at <= self.calls < at + times:
                with torch.no_grad():
                    self.param_groups[-1]["params"][0][0] = math.nan
            return result

    return lambda parameters: Poisoned(parameters, **options)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("batch", [None, 30])
def test_a_rate_far_too_high_keeps_the_start(steps, batch):
    network, start = model(), model()
    with pytest.warns(DivergenceWarning, match=r"the training ended at a loss of .* and had .* at step 1: the network"):
        history = train(network, [stage(optimizers.adam(100.0), steps, batch=batch)])
    assert torch.equal(weights(network), weights(start))
    assert [e.went_back for e in history] == [0] * (steps - 1) + [1]


@pytest.mark.parametrize("batch", [None, 30])
def test_a_growing_rate_keeps_the_best(batch):
    network = model()

    def growing(optimizer):
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.15**step)

    what = stage(optimizers.adam(1e-3), 80, growing, batch=batch)
    with pytest.warns(DivergenceWarning, match="lower the learning rate"):
        history = train(network, [what])
    best = max(e.psnr for e in history)
    assert best > history[0].psnr + 6
    assert history[-1].psnr < history[0].psnr
    assert final_score(network, what) > best - (0.2 if batch is None else 1.5)
    assert [e.step for e in history if e.went_back] == [80]


def test_what_only_wavers_is_left_alone():
    network = model()
    history = train(network, [stage(optimizers.adam(3e-2), 60)])
    assert any(b.loss > a.loss for a, b in itertools.pairwise(history))
    assert not any(e.went_back for e in history)


@pytest.mark.parametrize(("times", "failed"), [(2.0, False), (100.0, True)])
def test_an_end_that_is_little_worse_goes_back_without_a_warning(times, failed):
    """A training that is nearly done swings about its aim by more than 3 dB, which is no failure."""
    ends = []

    class Shifted(ADAM):
        calls = 0

        def step(self, closure):
            loss = super().step(closure)
            self.calls += 1
            if self.calls == 200:  # a constant that is added to the output adds its square to the loss
                self.param_groups[0]["params"][-1].data += (times * loss) ** 0.5
                ends.append(final_score(network, what))
            return loss

    network = model()
    what = stage(lambda parameters: Shifted(parameters, lr=2e-3), 200)
    with pytest.warns(DivergenceWarning) if failed else contextlib.nullcontext():
        history = train(network, [what])
    best = max(e.psnr for e in history)
    lost = (best - ends[0]) / (best - history[0].psnr)
    assert best - ends[0] > 4
    assert lost > 0.3 if failed else lost < 0.15
    assert final_score(network, what) > best - 0.1
    assert [e.step for e in history if e.went_back] == [200]


def test_an_end_that_nobody_saw_is_looked_at():
    network, start = model(), model()
    with pytest.warns(DivergenceWarning, match="nan"):
        history = train(network, [stage(poisoned(ADAM, at=4, lr=1e-9), 4, optimizers.cosine(4))])
    torch.testing.assert_close(weights(network), weights(start))
    assert history[-1].went_back == 1


@pytest.mark.parametrize(
    "optimizer",
    [
        poisoned(ADAM, at=7, lr=2e-3),
        poisoned(ADAM, at=7, lr=2e-3, fused=True),
        poisoned(SGD, at=7, lr=2e-3, momentum=0.9),
        poisoned(LBFGS, at=7, lr=0.5, max_iter=3),
    ],
    ids=["adam", "fused", "momentum", "lbfgs"],
)
@pytest.mark.parametrize("batch", [None, 30])
def test_nan_goes_back_with_a_smaller_rate(optimizer, batch):
    network = model()
    what = stage(optimizer, 20, batch=batch)
    with pytest.warns(
        DivergenceWarning, match=r"the loss became nan at step \d: the training goes on from the weights"
    ):
        history = train(network, [what])
    back = [i for i, e in enumerate(history) if e.went_back]
    assert len(back) == 1
    rates = [e.lr for e in history]
    assert rates[: back[0]] == [rates[0]] * back[0]
    assert rates[back[0] :] == [rates[0] / 4] * (20 - back[0])
    assert all(math.isfinite(e.loss) for e in history)
    assert final_score(network, what) > history[0].psnr


def test_the_optimizer_forgets():
    """What follows is what a new optimizer does from the best weights with the smaller rate."""
    network, again = model(), model()
    with pytest.warns(DivergenceWarning):
        train(network, [stage(poisoned(ADAM, at=3, lr=1e-2), 6)])
    # Step 3 begins with the best weights so far; step 4 found NaN and was made again from there.
    train(again, [stage(optimizers.adam(1e-2), 2)])
    train(again, [stage(optimizers.adam(2.5e-3), 3)])
    assert torch.equal(weights(network), weights(again))


@pytest.mark.parametrize(
    ("scheduler", "rates"),
    [
        (lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step)), [1, 1 / 2, 1 / 12, 1 / 16]),
        (lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.5), [1, 1 / 2, 1 / 16, 1 / 32]),
        (lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, patience=9), [1, 1, 1 / 4, 1 / 4]),
    ],
)
def test_schedulers_go_on(scheduler, rates):
    with pytest.warns(DivergenceWarning):
        history = train(model(), [stage(poisoned(ADAM, at=2, lr=1e-3), 4, scheduler)])
    assert [e.lr for e in history] == pytest.approx([1e-3 * r for r in rates])


def test_every_group_is_cut_and_keeps_its_own_rate():
    made = []

    def two(parameters):
        first, *rest = parameters
        made.append(poisoned(SGD, at=3, lr=1e-3)([{"params": rest, "lr": 2e-3}, {"params": [first], "momentum": 0.5}]))
        steps = made[0].step
        made[0].step = lambda closure: seen.append([g["lr"] for g in made[0].param_groups]) or steps(closure)
        return made[0]

    seen = []
    with pytest.warns(DivergenceWarning):
        history = train(model(), [stage(two, 5)])
    assert seen == [[2e-3, 1e-3]] * 4 + [[5e-4, 2.5e-4]] * 2
    assert [e.lr for e in history] == [2e-3] * 3 + [5e-4] * 2
    assert [g["lr"] for g in made[0].param_groups] == [2e-3, 1e-3]
    assert [g["momentum"] for g in made[0].param_groups] == [0, 0.5]


def test_what_nothing_helps_is_an_error_and_leaves_the_best_weights():
    network, start = model(), model()
    text = r"the loss became nan at step 10, even with 1\.5e-05 of the learning rate: lower the learning rate"
    with pytest.warns(DivergenceWarning), pytest.raises(ValueError, match=text):
        train(network, [stage(poisoned(ADAM, at=1, times=99, lr=1e-3), 20)])
    assert torch.equal(weights(network), weights(start))


def test_stages_do_not_compete():
    """The second stage asks for something else, with which the first one's end is bad."""
    network = model()
    other = Stage(objectives.value(-picture(*SHAPE, channels=2)), 30, SHAPE, optimizers.adam(5e-3))
    history = train(network, [stage(optimizers.adam(5e-3), 30), other])
    assert history[30].loss > 2 * history[29].loss
    assert not any(e.went_back for e in history)


def test_losses_may_be_negative():
    def negative(field):
        return field.values.mean() - 100

    network = model()
    history = train(network, [Stage(negative, 9, SHAPE, optimizers.adam(1e-2))])
    assert history[-1].loss < history[0].loss < 0
    assert not any(e.went_back for e in history)


def test_buffers_go_back_too():
    class Buffered(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x):
            if torch.is_grad_enabled():
                self.calls += 1
            return self.inner(x)

    network = Buffered()
    start = copy.deepcopy(network.state_dict())
    with pytest.warns(DivergenceWarning):
        train(network, [stage(optimizers.adam(100.0), 3)])
    # The evaluation that found the loss of these weights is the only one that counted.
    assert network.calls == 1
    assert all(torch.equal(network.state_dict()[k], start[k]) for k in start if k != "calls")


def test_tiles_warn_once():
    from siren_sr.fitting import TileRecipe

    recipe = TileRecipe(tile=3, margin=0, hidden_features=4, steps=3, lr=1e6)
    with pytest.warns(DivergenceWarning) as told:
        fit = fit_signal(picture(16, 16), tiles=recipe)
    assert len(told) == 1
    assert sum(e.went_back > 0 for e in fit.history) > 1
    assert fit.psnr > 10


def test_few_steps_of_tiles_are_no_divergence():
    """Their outputs are solved before and after the training, which can only disturb the first solution."""
    for steps in (1, 2, 3):
        assert not any(e.went_back for e in fit_signal(picture(12, 14), tiles=True, steps=steps).history)


def test_a_fit_says_so_and_keeps_it(tmp_path):
    from siren_sr import Fit

    with pytest.warns(DivergenceWarning):
        fit = fit_signal(picture(8, 8), optimizer=optimizers.adam(100.0), steps=4, hidden_features=16)
    assert fit.psnr == pytest.approx(fit.history[0].psnr, abs=1e-3)
    assert [e.went_back for e in fit.history] == [0, 0, 0, 1]
    fit.save(tmp_path / "a.safetensors")
    loaded = Fit.load(tmp_path / "a.safetensors")
    for a, b in zip(loaded.history, fit.history, strict=True):
        assert (a.step, a.loss, a.went_back) == (b.step, b.loss, b.went_back)
